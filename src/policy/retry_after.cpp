#include "policy/retry_after.hpp"

#include "model/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace passage::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds longest = std::chrono::hours{24};

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> long_days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};

/// Reads a non-negative integer. Clamps one that is too large for the type.
std::optional<std::uint64_t> read_number(std::string_view text) noexcept
{
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (rest != end || error == std::errc::invalid_argument)
        return std::nullopt;
    return error == std::errc::result_out_of_range ? UINT64_MAX : number;
}

/// Reads the parts of a date. After one that does not match, all others fail.
class Pieces
{
public:
    explicit Pieces(std::string_view text) noexcept : rest_{text} {}

    void literal(std::string_view expected) noexcept
    {
        good_ = good_ && rest_.starts_with(expected);
        if (good_)
            rest_.remove_prefix(expected.size());
    }

    int digits(std::size_t count, bool space_padded = false) noexcept
    {
        int number = 0;
        for (std::size_t i = 0; i < count && good_; ++i) {
            const char c = i < rest_.size() ? rest_[i] : '\0';
            if (is_digit(c))
                number = number * 10 + (c - '0');
            else
                good_ = space_padded && i == 0 && c == ' ';
        }
        if (good_)
            rest_.remove_prefix(count);
        return number;
    }

    template <std::size_t N>
    std::size_t one_of(const std::array<std::string_view, N>& names) noexcept
    {
        const auto found =
            std::find_if(names.begin(), names.end(), [&](std::string_view name) { return rest_.starts_with(name); });
        good_ = good_ && found != names.end();
        if (!good_)
            return 0;
        rest_.remove_prefix(found->size());
        return static_cast<std::size_t>(found - names.begin());
    }

    bool ended() const noexcept { return good_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

struct Date
{
    int year, month, day, hour, minute, second;
};

void read_time(Pieces& pieces, Date& date) noexcept
{
    date.hour = pieces.digits(2);
    pieces.literal(":");
    date.minute = pieces.digits(2);
    pieces.literal(":");
    date.second = pieces.digits(2);
}

int read_month(Pieces& pieces) noexcept
{
    return static_cast<int>(pieces.one_of(months)) + 1;
}

std::optional<std::chrono::sys_seconds> to_time(const Date& date) noexcept
{
    namespace chrono = std::chrono;
    const chrono::year_month_day day{chrono::year{date.year}, chrono::month{static_cast<unsigned>(date.month)},
                                     chrono::day{static_cast<unsigned>(date.day)}};
    if (!day.ok() || date.hour > 23 || date.minute > 59 || date.second > 60) // 60: a leap second
        return std::nullopt;
    return chrono::sys_days{day} + chrono::hours{date.hour} + chrono::minutes{date.minute} + seconds{date.second};
}

} // namespace

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                        std::chrono::system_clock::time_point now) noexcept
{
    Date date{};
    Pieces pieces{text};
    const std::size_t comma = text.find(',');
    if (comma == 3) { // Sun, 06 Nov 1994 08:49:37 GMT
        pieces.one_of(days);
        pieces.literal(", ");
        date.day = pieces.digits(2);
        pieces.literal(" ");
        date.month = read_month(pieces);
        pieces.literal(" ");
        date.year = pieces.digits(4);
        pieces.literal(" ");
        read_time(pieces, date);
        pieces.literal(" GMT");
    } else if (comma != text.npos) { // Sunday, 06-Nov-94 08:49:37 GMT
        pieces.one_of(long_days);
        pieces.literal(", ");
        date.day = pieces.digits(2);
        pieces.literal("-");
        date.month = read_month(pieces);
        pieces.literal("-");
        date.year = pieces.digits(2);
        pieces.literal(" ");
        read_time(pieces, date);
        pieces.literal(" GMT");
        const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
        const int this_year = static_cast<int>(today.year());
        date.year += this_year - this_year % 100;
        if (date.year > this_year + 50)
            date.year -= 100;
        else if (date.year <= this_year - 50)
            date.year += 100;
    } else { // Sun Nov  6 08:49:37 1994
        pieces.one_of(days);
        pieces.literal(" ");
        date.month = read_month(pieces);
        pieces.literal(" ");
        date.day = pieces.digits(2, true);
        pieces.literal(" ");
        read_time(pieces, date);
        pieces.literal(" ");
        date.year = pieces.digits(4);
    }
    return pieces.ended() ? to_time(date) : std::nullopt;
}

std::optional<milliseconds> retry_after(std::string_view milliseconds_field, std::string_view field,
                                        std::string_view date_field, std::chrono::system_clock::time_point now) noexcept
{
    const auto bounded = [](std::uint64_t number, milliseconds unit) {
        const auto most = static_cast<std::uint64_t>(longest / unit);
        return unit * static_cast<milliseconds::rep>(std::min(number, most));
    };
    if (const auto number = read_number(milliseconds_field))
        return bounded(*number, milliseconds{1});
    if (const auto number = read_number(field))
        return bounded(*number, seconds{1});
    if (const auto until = parse_http_date(field, now)) {
        const auto from = parse_http_date(date_field, now).value_or(std::chrono::floor<seconds>(now));
        return std::clamp<milliseconds>(*until - from, milliseconds{0}, longest);
    }
    return std::nullopt;
}

} // namespace passage::policy
