#pragma once

#include "http/response_parser.hpp"
#include "http/url.hpp"

#include <passage/config.hpp>

#include <optional>
#include <string_view>

namespace passage::client {

/// Returns the proxy for a server, or nullopt if it is reached without one. Fails with `Errc::invalid_argument`; the
/// message names the setting and says what is wrong.
expected<std::optional<http::BaseUrl>> proxy_for(const Config& config, const http::BaseUrl& server);

/// Returns the limits of responses, which apply to those of a proxy as well.
http::ResponseLimits response_limits(const Config& config);

/// Parses the URL of a setting. Fails with `Errc::invalid_argument` if it is malformed, or uses plain HTTP that leaves
/// this machine without `Config::allow_plain_http`; `danger` says what that would do: "show the API key to the
/// network".
expected<http::BaseUrl> read_url(const Config& config, std::string_view setting, std::string_view text,
                                 std::string_view danger);

/// Checks the id of an app. Fails with `Errc::invalid_argument`.
expected<void> check_app_id(std::string_view id);

/// Checks a whole configuration and returns its base URL. Fails with `Errc::invalid_argument`; the message names the
/// setting and says what is wrong.
expected<http::BaseUrl> check_config(const Config& config);

} // namespace passage::client
