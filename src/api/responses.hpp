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
#include <vector>

namespace passage::api {

/// Whether a status is 2xx.
bool is_success(int status) noexcept;

/// Whether a 2xx status is a success of an operation. With another registered 2xx status the response belongs to
/// another request. An unregistered one counts as 200 (RFC 9110, section 15).
bool is_success_of(const Operation& operation, int status) noexcept;

/// Whether the error of a retry shows that an earlier attempt deleted the user or device. A 404 with another code means
/// that something else was not found.
bool is_gone(const Operation& operation, const Error& error) noexcept;

/// The error in a response: status, code and message. If the body is not an error document, the message is its text.
/// Masks `secret`, which the server may echo.
Error read_error(const http::Response& response, std::string_view secret);

// `limit` is that of json/decode.hpp.

expected<UserInfo> read_user(const http::Response& response, std::size_t limit = json::default_limit);
expected<UserPage> read_user_page(const http::Response& response, std::size_t limit = json::default_limit);
expected<std::vector<WebAuthnDevice>> read_devices(const http::Response& response,
                                                   std::size_t limit = json::default_limit);
expected<MagicLink> read_magic_link(const http::Response& response, std::size_t limit = json::default_limit);
expected<AppInfo> read_app(const http::Response& response, std::size_t limit = json::default_limit);
expected<jwt::KeySet> read_token_keys(const http::Response& response, std::size_t limit = json::default_limit);

/// The only user on the page that a search by identifier returns; `user_not_found` if the page is empty.
expected<UserSummary> read_found_user(const http::Response& response, std::size_t limit = json::default_limit);

} // namespace passage::api
