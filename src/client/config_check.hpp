#pragma once

#include "http/url.hpp"

#include <passage/config.hpp>

#include <string_view>

namespace passage::client {

/// Parses the URL of a setting. Fails with `Errc::invalid_argument` if it is malformed, or uses plain HTTP to a host
/// that is not loopback without `Config::allow_plain_http`; `danger` says what that would do: "show the API key to the
/// network".
expected<http::BaseUrl> read_url(const Config& config, std::string_view setting, std::string_view text,
                                 std::string_view danger);

/// Checks a whole configuration and returns its base URL. Fails with `Errc::invalid_argument`; the message names the
/// setting and says what is wrong.
expected<http::BaseUrl> check_config(const Config& config);

} // namespace passage::client
