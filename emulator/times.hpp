#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace passage::emulator {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// The time of an event that has not happened.
inline constexpr Time never = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};

Time now();

/// RFC 3339 in UTC, with six fractional digits, or none if they are all zero.
std::string to_text(Time time);

/// Reads RFC 3339 in UTC (`Z`) with up to nine fractional digits, and ignores all after the sixth. Nullopt also for the
/// year 0, which clients can't decode.
std::optional<Time> parse_time(std::string_view text);

} // namespace passage::emulator
