#pragma once

#include <string_view>

namespace passage::emulator {

/// A host, and a port if need be.
bool is_authority(std::string_view text);

/// The forms of RFC 9112, section 3.2, but for the one of CONNECT.
bool is_target(std::string_view method, std::string_view target);

/// Path and query of a target.
std::string_view path_of(std::string_view target);

} // namespace passage::emulator
