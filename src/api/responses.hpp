#pragma once

#include "http/response.hpp"
#include "jwt/key_set.hpp"

#include <passage/app.hpp>
#include <passage/expected.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <optional>
#include <vector>

namespace passage::api {

/// Whether a status is one of success (2xx).
bool is_success(int status) noexcept;

/// The error that a response stands for: status, code and text. A body that is no error document keeps its status.
/// `secret` is masked where the server echoes it.
Error read_error(const http::Response& response, std::string_view secret);

expected<UserInfo> read_user(const http::Response& response);
expected<UserPage> read_user_page(const http::Response& response);
expected<std::vector<WebAuthnDevice>> read_devices(const http::Response& response);
expected<MagicLink> read_magic_link(const http::Response& response);
expected<AppInfo> read_app(const http::Response& response);
expected<jwt::KeySet> read_token_keys(const http::Response& response);
/// For operations that answer without a body.
expected<void> read_nothing(const http::Response& response);

/// The id of the only user of a page that was asked for by an identifier; the error of an unknown user if there is
/// none.
expected<std::string> read_found_user(const http::Response& response);

} // namespace passage::api
