#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace passage::emulator {

/// Decodes a segment or value. Nullopt if a `%` is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

std::string percent_encode(std::string_view text);

} // namespace passage::emulator
