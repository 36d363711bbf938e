#pragma once

#include <string_view>

namespace passage::emulator {

/// Whether the text is a host, optionally with a port.
bool is_authority(std::string_view text);

/// Whether the target has a form of RFC 9112, section 3.2, other than that of CONNECT.
bool is_target(std::string_view method, std::string_view target);

/// The path and query of a target.
std::string_view path_of(std::string_view target);

} // namespace passage::emulator
