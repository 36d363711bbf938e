#pragma once

#include <passage/user.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace passage {

/// Reads a time of RFC 3339: `2006-01-02T15:04:05.123456789Z`, or with an offset (`+01:00`).
///
/// Accepts up to 9 fractional digits and truncates them to microseconds. Reads a leap second, which is accepted only at
/// the end of a month of UTC, as the second after it. Null for anything else, and for times outside the years 1 to 9999
/// of UTC.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// Writes a time as `2006-01-02T15:04:05.000000Z`. Clamps it to the years 1 to 9999.
std::string format_timestamp(Timestamp time);

} // namespace passage
