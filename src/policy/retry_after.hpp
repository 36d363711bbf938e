#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace passage::policy {

/// The time to wait before a retry, from the field `Retry-After-Ms` (milliseconds) or else `Retry-After` (seconds or an
/// HTTP date, RFC 9110, section 10.2.3). Subtracts from a date the response's own `Date`, as clocks may differ, or
/// `now` if there is none.
///
/// Null if neither field can be read. Clamped to 0 and one day.
std::optional<std::chrono::milliseconds> retry_after(std::string_view milliseconds_field, std::string_view field,
                                                     std::string_view date_field,
                                                     std::chrono::system_clock::time_point now) noexcept;

/// Reads an HTTP date in one of its three forms (RFC 9110, section 5.6.7). A two-digit year is within 50 years of
/// `now`.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                        std::chrono::system_clock::time_point now) noexcept;

} // namespace passage::policy
