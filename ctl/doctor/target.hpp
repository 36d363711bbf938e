#pragma once

#include "probe.hpp"

#include <passage/config.hpp>

#include <string>

namespace passage::ctl {

/// The target of a probe for the server of a configuration that a client has accepted.
ProbeTarget target_of(const Config& config, bool is_proxied);

/// The path of the app: `/v1/apps/ID`.
std::string app_path(const Config& config);

} // namespace passage::ctl
