#pragma once

#include "api/operation.hpp"
#include "http/response.hpp"
#include "jwt/key_set.hpp"
#include "json/allowance.hpp"

#include <passage/app.hpp>
#include <passage/expected.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace passage::api {

/// Whether a status is one of success (2xx).
bool is_success(int status) noexcept;

/// Whether a status of success is one that an operation has. Another registered one is the answer to another request;
/// one that is not registered counts as 200 (RFC 9110, section 15).
bool is_success_of(const Operation& operation, int status) noexcept;

/// Whether an error, met by a repetition, shows that what the operation deletes is gone: the service names the user or
/// the device. Any other 404 says that something else was not found.
bool is_gone(const Operation& operation, const Error& error) noexcept;

/// The error that a response stands for: status, code and text. A body that is no error document keeps its status.
/// `secret` is masked where the server echoes it.
Error read_error(const http::Response& response, std::string_view secret);

// What each of these holds in memory is limited, see json/decode.hpp.

expected<UserInfo> read_user(const http::Response& response, std::size_t limit = json::default_limit);
expected<UserPage> read_user_page(const http::Response& response, std::size_t limit = json::default_limit);
expected<std::vector<WebAuthnDevice>> read_devices(const http::Response& response,
                                                   std::size_t limit = json::default_limit);
expected<MagicLink> read_magic_link(const http::Response& response, std::size_t limit = json::default_limit);
expected<AppInfo> read_app(const http::Response& response, std::size_t limit = json::default_limit);
expected<jwt::KeySet> read_token_keys(const http::Response& response, std::size_t limit = json::default_limit);

/// The only user of a page that was asked for by an identifier; the error of an unknown user if there is none.
expected<UserSummary> read_found_user(const http::Response& response, std::size_t limit = json::default_limit);

} // namespace passage::api
