#pragma once

#include <passage/user.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace passage {

/// Reads a time of RFC 3339: `2006-01-02T15:04:05.123456789Z`, or with an offset (`+01:00`).
///
/// At most 9 digits of a second's fraction, cut to microseconds. A leap second, which can only end
/// a month of UTC, is the second after it. None for anything else, and outside the years 1 to 9999
/// of UTC.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// Writes a time as `2006-01-02T15:04:05.000000Z`; the nearest that can be written so, outside the
/// years 1 to 9999.
std::string format_timestamp(Timestamp time);

} // namespace passage
