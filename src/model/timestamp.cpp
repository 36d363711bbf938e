#include "model/timestamp.hpp"

#include <algorithm>

namespace passage {

namespace {

using namespace std::chrono_literals;
namespace chrono = std::chrono;

constexpr Timestamp earliest = never;
constexpr Timestamp latest = chrono::sys_days{10000y / 1 / 1} - 1us;

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// The number of the decimal digits in a range; -1 if there is anything else.
int number(std::string_view text, std::size_t from, std::size_t digits) noexcept
{
    int value = 0;
    bool valid = true;
    for (std::size_t i = from; i < from + digits; ++i) {
        valid &= is_digit(text[i]);
        value = value * 10 + (text[i] - '0');
    }
    return valid ? value : -1;
}

// `Z`, `+01:00` or `-01:00`.
std::optional<chrono::minutes> parse_offset(std::string_view text) noexcept
{
    if (text == "Z")
        return 0min;
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    const int hours = number(text, 1, 2);
    const int minutes = number(text, 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return std::nullopt;
    const chrono::minutes offset = chrono::hours{hours} + chrono::minutes{minutes};
    return text[0] == '-' ? -offset : offset;
}

bool begins_month(chrono::sys_seconds time)
{
    const auto day = chrono::floor<chrono::days>(time);
    return time == day && chrono::year_month_day{day}.day() == chrono::day{1};
}

// Appends a number, with zeros before it.
void append(std::string& text, long long value, std::size_t width)
{
    const std::string digits = std::to_string(value);
    text.append(width - digits.size(), '0').append(digits);
}

} // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text)
{
    constexpr std::string_view pattern = "0000-00-00T00:00:00";
    if (text.size() <= pattern.size() || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
        text[16] != ':')
        return std::nullopt;

    const int year = number(text, 0, 4);
    const int month = number(text, 5, 2);
    const int day = number(text, 8, 2);
    const int hour = number(text, 11, 2);
    const int minute = number(text, 14, 2);
    const int second = number(text, 17, 2);
    if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 60)
        return std::nullopt;
    const chrono::year_month_day date{chrono::year{year}, chrono::month{static_cast<unsigned>(month)},
                                      chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok())
        return std::nullopt;

    std::size_t zone = pattern.size();
    int microseconds = 0;
    if (text[zone] == '.') {
        const std::size_t first = ++zone;
        for (int unit = 100'000; zone < text.size() && is_digit(text[zone]); ++zone, unit /= 10)
            microseconds += unit * (text[zone] - '0');
        if (zone == first || zone > first + 9)
            return std::nullopt;
    }
    const auto offset = parse_offset(text.substr(zone));
    if (!offset)
        return std::nullopt;

    const chrono::sys_seconds time =
        chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second} - *offset;
    if (second == 60 && !begins_month(time))
        return std::nullopt;
    const Timestamp result = time + chrono::microseconds{microseconds};
    if (result < earliest || result > latest)
        return std::nullopt;
    return result;
}

std::string format_timestamp(Timestamp time)
{
    time = std::clamp(time, earliest, latest);
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss clock{time - day};

    std::string text;
    append(text, int{date.year()}, 4);
    append(text += '-', unsigned{date.month()}, 2);
    append(text += '-', unsigned{date.day()}, 2);
    append(text += 'T', clock.hours().count(), 2);
    append(text += ':', clock.minutes().count(), 2);
    append(text += ':', clock.seconds().count(), 2);
    append(text += '.', clock.subseconds().count(), 6);
    return text += 'Z';
}

} // namespace passage
