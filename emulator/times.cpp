#include "times.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace passage::emulator {
namespace chr = std::chrono;

namespace {

/// Takes a fixed number of digits from the front of the text.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count)
{
    unsigned value = 0;
    if (text.size() < count) {
        return std::nullopt;
    }
    const char* end = text.data() + count;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char expected)
{
    if (text.empty() || text.front() != expected) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

/// `.` and one to nine digits, or an empty text; in microseconds.
std::optional<chr::microseconds> take_fraction(std::string_view& text)
{
    if (!take(text, '.')) {
        return chr::microseconds{0};
    }
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 9) {
        return std::nullopt;
    }
    std::string padded{text.substr(0, digits)};
    padded.resize(6, '0');
    text.remove_prefix(digits);
    std::string_view six = padded;
    return chr::microseconds{*take_digits(six, 6)};
}

void put_digits(std::string& text, std::int64_t value, std::size_t count)
{
    text.resize(text.size() + count);
    for (auto digit = text.rbegin(); count > 0; --count, ++digit) {
        *digit = static_cast<char>('0' + value % 10);
        value /= 10;
    }
}

} // namespace

Time now()
{
    return chr::floor<chr::microseconds>(chr::system_clock::now());
}

std::string to_text(Time time)
{
    const auto day = chr::floor<chr::days>(time);
    const chr::year_month_day date{day};
    const chr::hh_mm_ss clock{time - day};
    std::string text;
    text.reserve(32);
    put_digits(text, static_cast<int>(date.year()), 4);
    put_digits(text += '-', static_cast<unsigned>(date.month()), 2);
    put_digits(text += '-', static_cast<unsigned>(date.day()), 2);
    put_digits(text += 'T', clock.hours().count(), 2);
    put_digits(text += ':', clock.minutes().count(), 2);
    put_digits(text += ':', clock.seconds().count(), 2);
    if (const auto fraction = clock.subseconds().count(); fraction != 0) {
        put_digits(text += '.', fraction, 6);
    }
    return text += 'Z';
}

std::optional<Time> parse_time(std::string_view text)
{
    const auto year = take_digits(text, 4);
    if (!year || *year == 0 || !take(text, '-')) {
        return std::nullopt;
    }
    const auto month = take_digits(text, 2);
    if (!month || !take(text, '-')) {
        return std::nullopt;
    }
    const auto day = take_digits(text, 2);
    if (!day || !take(text, 'T')) {
        return std::nullopt;
    }
    const auto hour = take_digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) {
        return std::nullopt;
    }
    const auto minute = take_digits(text, 2);
    if (!minute || *minute > 59 || !take(text, ':')) {
        return std::nullopt;
    }
    const auto second = take_digits(text, 2);
    if (!second || *second > 59) {
        return std::nullopt;
    }
    const auto fraction = take_fraction(text);
    if (!fraction || text != "Z") {
        return std::nullopt;
    }
    const chr::year_month_day date{chr::year{static_cast<int>(*year)}, chr::month{*month}, chr::day{*day}};
    if (!date.ok()) {
        return std::nullopt;
    }
    return Time{chr::sys_days{date}} + chr::hours{*hour} + chr::minutes{*minute} + chr::seconds{*second} + *fraction;
}

} // namespace passage::emulator
