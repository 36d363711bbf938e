#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace passage::emulator {

/// One segment or value, decoded once; nothing if a `%` has no two hex digits behind it.
std::optional<std::string> percent_decode(std::string_view text);

std::string percent_encode(std::string_view text);

} // namespace passage::emulator
