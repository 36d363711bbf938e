#include "model/timestamp.hpp"

#include <passage/list_users.hpp>

#include <boost/test/unit_test.hpp>

#include <random>

using passage::format_timestamp;
using passage::parse_timestamp;
using passage::Timestamp;

using namespace std::chrono_literals;

namespace {

// Without the calendar of <chrono>, which the code under test uses: days are counted one by one.
Timestamp utc(int year, int month, int day, int hour, int minute, int second, int microsecond)
{
    constexpr std::array lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const auto is_leap = [](int y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); };
    long long days = -719'162; // From 0001-01-01 to 1970-01-01.
    for (int y = 1; y < year; ++y)
        days += is_leap(y) ? 366 : 365;
    for (int m = 1; m < month; ++m)
        days += lengths[static_cast<std::size_t>(m - 1)] + (m == 2 && is_leap(year) ? 1 : 0);
    const long long seconds = ((days + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
    return Timestamp{std::chrono::microseconds{seconds * 1'000'000 + microsecond}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(timestamp)

BOOST_AUTO_TEST_CASE(times_of_rfc_3339_are_read)
{
    const struct
    {
        std::string_view text;
        Timestamp time;
    } rows[] = {
        {"1970-01-01T00:00:00Z", utc(1970, 1, 1, 0, 0, 0, 0)},
        {"2023-11-05T06:07:08Z", utc(2023, 11, 5, 6, 7, 8, 0)},
        {"2000-02-29T23:59:59Z", utc(2000, 2, 29, 23, 59, 59, 0)},
        {"1969-12-31T23:59:59.999999Z", utc(1969, 12, 31, 23, 59, 59, 999'999)},
        {"0001-01-01T00:00:00Z", passage::never},
        {"0001-01-01T00:00:00.000001Z", passage::never + 1us},
        {"9999-12-31T23:59:59.999999Z", utc(9999, 12, 31, 23, 59, 59, 999'999)},
        // Any number of digits up to 9; those beyond microseconds are cut off, before 1970 too.
        {"2024-05-06T07:08:09.1Z", utc(2024, 5, 6, 7, 8, 9, 100'000)},
        {"2024-05-06T07:08:09.12Z", utc(2024, 5, 6, 7, 8, 9, 120'000)},
        {"2024-05-06T07:08:09.123Z", utc(2024, 5, 6, 7, 8, 9, 123'000)},
        {"2024-05-06T07:08:09.1234Z", utc(2024, 5, 6, 7, 8, 9, 123'400)},
        {"2024-05-06T07:08:09.12345Z", utc(2024, 5, 6, 7, 8, 9, 123'450)},
        {"2024-05-06T07:08:09.123456Z", utc(2024, 5, 6, 7, 8, 9, 123'456)},
        {"2024-05-06T07:08:09.1234567Z", utc(2024, 5, 6, 7, 8, 9, 123'456)},
        {"2024-05-06T07:08:09.12345678Z", utc(2024, 5, 6, 7, 8, 9, 123'456)},
        {"2024-05-06T07:08:09.123456789Z", utc(2024, 5, 6, 7, 8, 9, 123'456)},
        {"2024-05-06T07:08:09.999999999Z", utc(2024, 5, 6, 7, 8, 9, 999'999)},
        {"1901-05-06T07:08:09.999999999Z", utc(1901, 5, 6, 7, 8, 9, 999'999)},
        {"2024-05-06T07:08:09.000000001Z", utc(2024, 5, 6, 7, 8, 9, 0)},
        // Offsets.
        {"2024-05-06T07:08:09+00:00", utc(2024, 5, 6, 7, 8, 9, 0)},
        {"2024-05-06T07:08:09-00:00", utc(2024, 5, 6, 7, 8, 9, 0)},
        {"2024-05-06T07:08:09+05:30", utc(2024, 5, 6, 1, 38, 9, 0)},
        {"2024-03-01T00:30:00.5+01:00", utc(2024, 2, 29, 23, 30, 0, 500'000)},
        {"2023-12-31T20:00:00-08:00", utc(2024, 1, 1, 4, 0, 0, 0)},
        {"2024-05-06T07:08:09+23:59", utc(2024, 5, 5, 7, 9, 9, 0)},
        // Leap seconds are the second after them.
        {"2016-12-31T23:59:60Z", utc(2017, 1, 1, 0, 0, 0, 0)},
        {"2015-06-30T23:59:60.25Z", utc(2015, 7, 1, 0, 0, 0, 250'000)},
        {"1990-12-31T15:59:60-08:00", utc(1991, 1, 1, 0, 0, 0, 0)},
    };
    for (const auto& [text, time] : rows)
        BOOST_TEST_CONTEXT(text)
        {
            const auto read = parse_timestamp(text);
            BOOST_TEST_REQUIRE(read.has_value());
            BOOST_TEST(read->time_since_epoch().count() == time.time_since_epoch().count());
        }
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_time)
{
    for (const std::string_view text : {
             "",
             "Z",
             "2024",
             "2024-05-06",
             "2024-05-06T07:08:09",
             "2024-05-06T07:08:09.5", // No zone.
             "2024-05-06T07:08Z",
             "2024-05-06 07:08:09Z",
             "2024-05-06t07:08:09Z",
             "2024-05-06T07:08:09z",
             "20240506T070809Z",
             "2024/05/06T07:08:09Z",
             "24-05-06T07:08:09Z",
             "02024-05-06T07:08:09Z",
             "+2024-05-06T07:08:09Z",
             "2024-5-6T7:8:9Z",
             " 2024-05-06T07:08:09Z",
             "2024-05-06T07:08:09Z ",
             "2024-05-06T07:08:09ZZ",
             "2024-05-06T07:08:09Z+00:00",
             "2024-05-06T07:08:09+0000",
             "2024-05-06T07:08:09+00",
             "2024-05-06T07:08:09+24:00",
             "2024-05-06T07:08:09+00:60",
             "2024-05-06T07:08:09+-1:00",
             "2024-05-06T07:08:09+01:0a",
             "2024-05-06T07:08:09*01:00",
             // Other characters in the place of digits.
             "-024-05-06T07:08:09Z",
             "2024-+5-06T07:08:09Z",
             "2024-05- 6T07:08:09Z",
             "2024-05-06T0x:08:09Z",
             "2024-05-06T07:0/:09Z",
             "2024-05-06T07:08:0:Z",
             "２０２４-05-06T07:08:09Z",
             // Fractions.
             "2024-05-06T07:08:09.Z",
             "2024-05-06T07:08:09.1234567890Z",
             "2024-05-06T07:08:09,5Z",
             "2024-05-06T07:08:09.5.5Z",
             "2024-05-06T07:08:09.-5Z",
             "2024-05-06T07:08:09.",
             // No such day, or time of day.
             "2024-00-06T07:08:09Z",
             "2024-13-06T07:08:09Z",
             "2024-05-00T07:08:09Z",
             "2024-05-32T07:08:09Z",
             "2023-02-29T07:08:09Z",
             "1900-02-29T07:08:09Z",
             "2024-04-31T07:08:09Z",
             "2024-05-06T24:00:00Z",
             "2024-05-06T07:60:09Z",
             "2024-05-06T07:08:61Z",
             "2024-05-06T07:08:99Z",
             // Impossible leap seconds.
             "2024-05-06T07:08:60Z",
             "2016-12-30T23:59:60Z",
             "2016-12-31T23:58:60Z",
             "2016-12-31T23:59:60+01:00",
             "2016-12-31T15:59:60Z",
             "9999-12-31T23:59:60Z",
             // Years outside of 1 to 9999, in UTC.
             "0000-12-31T23:59:59Z",
             "0001-01-01T00:00:00+00:01",
             "9999-12-31T23:59:59-00:01",
             "10000-01-01T00:00:00Z",
         })
        BOOST_TEST(!parse_timestamp(text), "\"" << text << "\" was read");
}

BOOST_AUTO_TEST_CASE(a_byte_less_or_another_byte_never_reads_past_the_end)
{
    const std::string whole = "2024-05-06T07:08:09.123456789+05:30";
    for (std::size_t length = 0; length < whole.size(); ++length) {
        // A copy of exactly that size, so that a sanitizer detects any read beyond.
        const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        BOOST_TEST(!parse_timestamp({cut.data(), cut.size()}));
    }
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const char other : {'\0', '/', ':', 'x', '\x7f', '\x80', '\xff'}) {
            std::string changed = whole;
            if (changed[at] == other)
                continue;
            changed[at] = other;
            BOOST_TEST(!parse_timestamp(changed), "\"" << changed << "\" was read");
        }
}

BOOST_AUTO_TEST_CASE(times_are_written_with_microseconds)
{
    BOOST_TEST(format_timestamp(utc(2006, 1, 2, 15, 4, 5, 0)) == "2006-01-02T15:04:05.000000Z");
    BOOST_TEST(format_timestamp(utc(2024, 12, 31, 0, 0, 0, 7)) == "2024-12-31T00:00:00.000007Z");
    BOOST_TEST(format_timestamp(utc(1969, 12, 31, 23, 59, 59, 999'999)) == "1969-12-31T23:59:59.999999Z");
    BOOST_TEST(format_timestamp(passage::never) == "0001-01-01T00:00:00.000000Z");
    BOOST_TEST(format_timestamp(utc(987, 6, 5, 4, 3, 2, 1)) == "0987-06-05T04:03:02.000001Z");
}

BOOST_AUTO_TEST_CASE(times_that_have_no_text_are_written_as_the_nearest_that_has)
{
    BOOST_TEST(format_timestamp(passage::never - 1us) == "0001-01-01T00:00:00.000000Z");
    BOOST_TEST(format_timestamp(Timestamp::min()) == "0001-01-01T00:00:00.000000Z");
    BOOST_TEST(format_timestamp(utc(9999, 12, 31, 23, 59, 59, 999'999) + 1us) == "9999-12-31T23:59:59.999999Z");
    BOOST_TEST(format_timestamp(Timestamp::max()) == "9999-12-31T23:59:59.999999Z");
}

BOOST_AUTO_TEST_CASE(what_is_written_reads_the_same)
{
    std::mt19937_64 random{20'240'506};
    const auto latest = utc(9999, 12, 31, 23, 59, 59, 999'999);
    std::uniform_int_distribution<long long> microseconds{passage::never.time_since_epoch().count(),
                                                          latest.time_since_epoch().count()};
    for (int i = 0; i < 100'000; ++i) {
        const Timestamp time{std::chrono::microseconds{microseconds(random)}};
        const std::string text = format_timestamp(time);
        const auto read = parse_timestamp(text);
        if (text.size() != 27 || !read || *read != time)
            BOOST_ERROR(text << " is another time than was written");
    }
}

BOOST_AUTO_TEST_CASE(conditions_on_users_have_the_texts_of_the_wire)
{
    namespace user_field = passage::user_field;
    BOOST_TEST((user_field::created_at < utc(2021, 2, 3, 4, 5, 6, 70)).value == "2021-02-03T04:05:06.000070Z");
    BOOST_TEST((user_field::login_count > -12).value == "-12");
    BOOST_TEST((user_field::status == passage::UserStatus::inactive).value == "inactive");
    BOOST_TEST((user_field::identifier != "a@b.example").value == "a@b.example");
    BOOST_TEST(user_field::identifier.like("%@b.example").value == "%@b.example");
}

BOOST_AUTO_TEST_SUITE_END()
