#include "policy/retry_after.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace passage::policy;
using namespace std::chrono_literals;
using namespace std::string_literals;
namespace chrono = std::chrono;

namespace {

constexpr auto day(int year, unsigned month, unsigned day)
{
    return chrono::sys_days{chrono::year{year} / chrono::month{month} / chrono::day{day}};
}

const chrono::system_clock::time_point now = day(2026, 3, 1) + 12h;

} // namespace

BOOST_AUTO_TEST_SUITE(retry_after_field)

BOOST_AUTO_TEST_CASE(what_the_service_asks_for_is_read)
{
    struct Case
    {
        const char* milliseconds;
        const char* field;
        const char* date;
        std::optional<chrono::milliseconds> wait;
    };
    const Case cases[]{
        // Seconds.
        {"", "0", "", 0ms},
        {"", "1", "", 1s},
        {"", "120", "", 2min},
        {"", "00000000000000000000000120", "", 2min},
        {"", "86400", "", 24h},
        {"", "86401", "", 24h},
        {"", "1000000000", "", 24h},
        {"", "9223372036854775807", "", 24h},
        {"", "18446744073709551615", "", 24h},
        {"", "99999999999999999999", "", 24h},
        // Milliseconds go before seconds.
        {"0", "", "", 0ms},
        {"1", "", "", 1ms},
        {"1500", "9", "", 1500ms},
        {"86400001", "", "", 24h},
        {"99999999999999999999", "", "", 24h},
        {"abc", "9", "", 9s},
        {"-1", "9", "", 9s},
        {"", "9", "", 9s},
        // Dates, from the response's own date.
        {"", "Sun, 01 Mar 2026 12:00:30 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 30s},
        {"", "Sunday, 01-Mar-26 12:00:30 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 30s},
        {"", "Sun Mar  1 12:00:30 2026", "Sun, 01 Mar 2026 12:00:00 GMT", 30s},
        {"", "Sun, 01 Mar 2020 12:00:30 GMT", "Sunday, 01-Mar-20 12:00:00 GMT", 30s},
        {"", "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 0s},
        {"", "Sun, 01 Mar 2026 11:59:59 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 0s},
        {"", "Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 24h},
        {"", "Sat, 01 Jan 0000 00:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 0s},
        {"", "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", 24h},
        // Or from now.
        {"", "Sun, 01 Mar 2026 12:00:30 GMT", "", 30s},
        {"", "Sun, 01 Mar 2026 12:00:30 GMT", "yesterday", 30s},
        {"", "Thu, 01 Jan 1970 00:00:00 GMT", "", 0s},
        // Nothing readable.
        {"", "", "", std::nullopt},
        {"", "-1", "", std::nullopt},
        {"", "+1", "", std::nullopt},
        {"", " 1", "", std::nullopt},
        {"", "1 ", "", std::nullopt},
        {"", "1.5", "", std::nullopt},
        {"", "1e9", "", std::nullopt},
        {"", "0x10", "", std::nullopt},
        {"", "1, 2", "", std::nullopt},
        {"", "abc", "", std::nullopt},
        {"", "-99999999999999999999", "", std::nullopt},
        {"", "\xd9\xa1", "", std::nullopt},
        {"", "soon", "Sun, 01 Mar 2026 12:00:00 GMT", std::nullopt},
        {"1.5", "", "", std::nullopt},
        {"-5", "abc", "", std::nullopt},
    };
    for (const Case& test : cases) {
        const auto wait = retry_after(test.milliseconds, test.field, test.date, now);
        BOOST_TEST((wait == test.wait), '"' << test.milliseconds << "\", \"" << test.field << "\", \"" << test.date
                                            << "\": " << (wait ? std::to_string(wait->count()) : "none"));
    }
}

BOOST_AUTO_TEST_CASE(the_three_forms_of_a_date_are_read)
{
    const auto expected = day(1994, 11, 6) + 8h + 49min + 37s;
    BOOST_TEST((parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == expected));
    BOOST_TEST((parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == expected));
    BOOST_TEST((parse_http_date("Sun Nov  6 08:49:37 1994", now) == expected));
    BOOST_TEST((parse_http_date("Tue Nov 15 08:49:37 1994", now) == day(1994, 11, 15) + 8h + 49min + 37s));
    BOOST_TEST((parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", now) == day(2024, 2, 29)));
    BOOST_TEST((parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", now) == day(2017, 1, 1)));
}

BOOST_AUTO_TEST_CASE(every_month_and_day_is_known)
{
    const char* const months[]{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const char* const days[]{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    for (auto at = day(2025, 1, 1); at < day(2026, 1, 1); at += chrono::days{1}) {
        const chrono::year_month_day date{at};
        const std::string month = months[static_cast<unsigned>(date.month()) - 1];
        const std::string name = days[chrono::weekday{at}.c_encoding()];
        const std::string number = std::to_string(static_cast<unsigned>(date.day()));
        const std::string two = number.size() == 1 ? "0" + number : number;
        const std::string padded = number.size() == 1 ? " " + number : number;
        const std::string brief = name.substr(0, 3);
        for (const std::string& text : {brief + ", " + two + " " + month + " 2025 00:00:00 GMT",
                                        name + ", " + two + "-" + month + "-25 00:00:00 GMT",
                                        brief + " " + month + " " + padded + " 00:00:00 2025"})
            BOOST_TEST((parse_http_date(text, now) == at), text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_date_is_refused)
{
    const std::vector<std::string> cases{
        "",
        "Sun",
        "Sun,",
        "Sun, ",
        ",",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sunday Nov  6 08:49:37 1994",
        "Sun Nov    08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 GMT\0"s,
        std::string(100'000, 'S'),
        std::string(100'000, ','),
    };
    for (const std::string& text : cases)
        BOOST_TEST(!parse_http_date(text, now).has_value(), text.substr(0, 60));
}

BOOST_AUTO_TEST_CASE(two_digits_of_a_year_are_within_50_years)
{
    struct Case
    {
        int today;
        int digits;
        int year;
    };
    const Case cases[]{{2026, 0, 2000},  {2026, 26, 2026}, {2026, 76, 2076}, {2026, 77, 1977}, {2026, 94, 1994},
                       {2026, 99, 1999}, {2099, 0, 2100},  {2099, 49, 2149}, {2099, 50, 2050}, {2099, 99, 2099},
                       {2050, 0, 2100},  {2050, 1, 2001},  {1970, 20, 2020}, {1970, 21, 1921}};
    for (const Case& test : cases) {
        const std::string digits = (test.digits < 10 ? "0" : "") + std::to_string(test.digits);
        const auto date = parse_http_date("Sunday, 06-Nov-" + digits + " 00:00:00 GMT", day(test.today, 6, 1));
        BOOST_TEST_REQUIRE(date.has_value());
        BOOST_TEST(static_cast<int>(chrono::year_month_day{chrono::floor<chrono::days>(*date)}.year()) == test.year,
                   digits << " in " << test.today);
    }
}

BOOST_AUTO_TEST_SUITE_END()
