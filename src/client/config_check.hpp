#pragma once

#include "http/url.hpp"

#include <passage/config.hpp>

namespace passage::client {

/// Checks a configuration whole and returns its base URL; `Errc::invalid_argument` says which setting is wrong and why.
expected<http::BaseUrl> check_config(const Config& config);

} // namespace passage::client
