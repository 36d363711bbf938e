#include "model/timestamp.hpp"

#include "model/text.hpp"

#include <algorithm>
#include <array>

namespace passage {

namespace {

using namespace std::chrono_literals;
namespace chrono = std::chrono;

constexpr Timestamp earliest = never;
constexpr Timestamp latest = chrono::sys_days{10000y / 1 / 1} - 1us;

/// The value of a decimal digit; more than 9 for any other character.
constexpr unsigned digit(char c) noexcept
{
    return static_cast<unsigned char>(c) - unsigned{'0'};
}

/// Reads numbers of two decimal digits. `valid` is false once a character was not a digit.
class TwoDigits
{
public:
    explicit TwoDigits(std::string_view text) noexcept : text_{text} {}

    int at(std::size_t position) noexcept
    {
        const unsigned tens = digit(text_[position]);
        const unsigned ones = digit(text_[position + 1]);
        valid = valid & (tens <= 9) & (ones <= 9);
        return static_cast<int>(10 * tens + ones);
    }

    bool valid = true;

private:
    std::string_view text_;
};

/// Removes a point and up to nine digits, if there are any, from the front of the text. Truncates to microseconds.
std::optional<chrono::microseconds> take_fraction(std::string_view& text) noexcept
{
    constexpr std::array<int, 10> nanoseconds_per_unit{1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000,
                                                       10'000,        1'000,       100,        10,        1};
    if (text.empty() || text[0] != '.')
        return chrono::microseconds{0};
    text.remove_prefix(1);
    constexpr std::size_t micro = 6; // what the service writes
    if (text.size() == micro + 1) {
        TwoDigits number{text};
        const int value = 10'000 * number.at(0) + 100 * number.at(2) + number.at(4);
        if (number.valid) {
            text.remove_prefix(micro);
            return chrono::microseconds{value};
        }
    }
    std::size_t digits = 0;
    int value = 0;
    for (; digits < text.size() && is_digit(text[digits]); ++digits) {
        if (digits == 9)
            return std::nullopt;
        value = 10 * value + (text[digits] - '0');
    }
    if (digits == 0)
        return std::nullopt;
    text.remove_prefix(digits);
    return chrono::duration_cast<chrono::microseconds>(chrono::nanoseconds{value * nanoseconds_per_unit[digits]});
}

/// Reads `Z`, `+01:00` or `-01:00`.
std::optional<chrono::minutes> parse_offset(std::string_view text) noexcept
{
    if (text.size() == 1 && text[0] == 'Z')
        return 0min;
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    TwoDigits number{text};
    const int hours = number.at(1);
    const int minutes = number.at(4);
    if (!number.valid || hours > 23 || minutes > 59)
        return std::nullopt;
    const chrono::minutes offset = chrono::hours{hours} + chrono::minutes{minutes};
    return text[0] == '-' ? -offset : offset;
}

bool begins_month(chrono::sys_seconds time)
{
    const auto day = chrono::floor<chrono::days>(time);
    return time == day && chrono::year_month_day{day}.day() == chrono::day{1};
}

/// Appends a number, padded with zeros.
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

    TwoDigits number{text};
    const int year = 100 * number.at(0) + number.at(2);
    const int month = number.at(5);
    const int day = number.at(8);
    const int hour = number.at(11);
    const int minute = number.at(14);
    const int second = number.at(17);
    if (!number.valid || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
    const chrono::year_month_day date{chrono::year{year}, chrono::month{static_cast<unsigned>(month)},
                                      chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok())
        return std::nullopt;

    text.remove_prefix(pattern.size());
    const auto fraction = take_fraction(text);
    const auto offset = parse_offset(text);
    if (!fraction || !offset)
        return std::nullopt;

    const chrono::sys_seconds time =
        chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second} - *offset;
    if (second == 60 && !begins_month(time))
        return std::nullopt;
    const Timestamp result = time + *fraction;
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
