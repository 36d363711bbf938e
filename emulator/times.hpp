#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace passage::emulator {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// How the service says that something has not happened yet.
inline constexpr Time never = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};

Time now();

/// RFC 3339 in UTC; six digits of fraction, or none when they would all be zero.
std::string to_text(Time time);

/// Reads RFC 3339 in UTC (`Z`) with up to nine digits of fraction, of which six count.
std::optional<Time> parse_time(std::string_view text);

} // namespace passage::emulator
