#include "fuzz.hpp"

#include "model/timestamp.hpp"
#include "policy/retry_after.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

// `Retry-After` in all its forms, HTTP's dates and the API's times: bounded, and the same when written and read again.
// Five lines: the hour it is, since 1970; Retry-After-Ms; Retry-After; Date; a time of RFC 3339.

namespace passage::fuzz {
namespace {

using namespace std::chrono;

constexpr milliseconds longest = hours{24};

/// As RFC 9110, section 5.6.7, has it written.
std::string imf_fixdate(sys_seconds time)
{
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const sys_days day = floor<std::chrono::days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT", days[weekday{day}.c_encoding()],
                  static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                  static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return text.data();
}

void check_date(std::string_view text, system_clock::time_point now)
{
    const auto time = policy::parse_http_date(text, now);
    if (!time)
        return;
    const year_month_day date{floor<days>(*time)};
    if (date.year() > year{9999})
        return; // the last leap second of all
    require(date.year() >= year{0}, "no date is before all dates");
    require(policy::parse_http_date(imf_fixdate(*time), now) == time, "a date is the same when written again");
    const bool two_digit_year = text.find(',') != text.npos && text.find(',') != 3;
    const auto distance = date.year() - year_month_day{floor<days>(now)}.year();
    require(!two_digit_year || abs(distance) <= years{51}, "a year of two digits is near");
}

} // namespace

void run(std::string_view bytes)
{
    Input input{bytes};
    unsigned hour = 0;
    for (const char c : input.line())
        hour = (hour * 10 + static_cast<unsigned char>(c)) % 2'000'000; // up to the year 2198
    const sys_seconds now{hours{hour}};
    const std::string_view milliseconds_field = input.line();
    const std::string_view field = input.line();
    const std::string_view date_field = input.line();
    const std::string_view timestamp = input.line();

    check_date(field, now);
    check_date(date_field, now);

    const auto wait = policy::retry_after(milliseconds_field, field, date_field, now);
    require(!wait || (*wait >= milliseconds{0} && *wait <= longest), "a wait is between nothing and a day");
    taken += wait ? 1 : 0;
    const auto of_seconds = policy::retry_after({}, field, date_field, now);
    const auto of_milliseconds = policy::retry_after(milliseconds_field, {}, {}, now);
    require(wait == (of_milliseconds ? of_milliseconds : of_seconds), "milliseconds go before seconds");
    if (const auto until = policy::parse_http_date(field, now)) {
        const auto from = policy::parse_http_date(date_field, now).value_or(now);
        require(of_seconds == std::clamp<milliseconds>(*until - from, milliseconds{0}, longest),
                "a date is a wait from the server's own clock");
    }

    if (const auto time = parse_timestamp(timestamp)) {
        const std::string text = format_timestamp(*time);
        require(text.size() == 27 && text.ends_with('Z'), "a time is written in one form");
        require(parse_timestamp(text) == time, "a time is the same when written again");
    }
}

} // namespace passage::fuzz
