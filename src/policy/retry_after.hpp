#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace passage::policy {

/// How long a service asks to wait, read from the fields `Retry-After-Ms` (milliseconds) and `Retry-After` (seconds or
/// an HTTP date, RFC 9110, section 10.2.3), the first one that can be read. A date counts from the response's own
/// `Date` if there is one, so that clocks need not agree, else from `now`.
///
/// None if there is no readable one. Never negative, at most a day.
std::optional<std::chrono::milliseconds> retry_after(std::string_view milliseconds_field, std::string_view field,
                                                     std::string_view date_field,
                                                     std::chrono::system_clock::time_point now) noexcept;

/// An HTTP date in one of its three forms (RFC 9110, section 5.6.7). Two-digit years are taken as within 50 years of
/// now.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                        std::chrono::system_clock::time_point now) noexcept;

} // namespace passage::policy
