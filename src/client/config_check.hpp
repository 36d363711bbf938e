#pragma once

#include "http/url.hpp"

#include <passage/config.hpp>

#include <string_view>

namespace passage::client {

/// Reads the URL of a setting. `Errc::invalid_argument` if it is none, or plain HTTP to a host that is not loopback and
/// `Config::allow_plain_http` is not set; `danger` says what that would do: "show the API key to the network".
expected<http::BaseUrl> read_url(const Config& config, std::string_view setting, std::string_view text,
                                 std::string_view danger);

/// Checks a configuration whole and returns its base URL; `Errc::invalid_argument` says which setting is wrong and why.
expected<http::BaseUrl> check_config(const Config& config);

} // namespace passage::client
