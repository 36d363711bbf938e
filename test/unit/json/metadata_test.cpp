#include "support/error_of.hpp"
#include "json/decode.hpp"
#include "json/depth.hpp"
#include "json/documents.hpp"
#include "json/encode.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

using namespace passage;
using namespace passage::json::test;

namespace {

// The user that the service would return after a request.
std::string answer_to(const std::string& request)
{
    return R"({"user":{"id":"u",)" + request.substr(1) + "}";
}

boost::json::object sent_and_returned(const boost::json::object& metadata)
{
    const expected<std::string> body = json::encode(CreateUserRequest{}.metadata(metadata));
    BOOST_TEST_REQUIRE(body.has_value(), passage::test::error_of(body).message);
    const expected<UserInfo> user = json::decode_user(answer_to(*body));
    BOOST_TEST_REQUIRE(user.has_value(), passage::test::error_of(user).message);
    return user->user_metadata;
}

double random_double(std::mt19937_64& random)
{
    for (;;)
        if (const double number = std::bit_cast<double>(random()); std::isfinite(number))
            return number;
}

// Objects and arrays that nest so deep, the outermost included.
boost::json::value nested(std::size_t depth)
{
    boost::json::value value = depth % 2 ? boost::json::value(boost::json::object{}) : boost::json::array{};
    while (--depth > 0)
        value = depth % 2 ? boost::json::value(boost::json::object{{"k", value}}) : boost::json::array{value};
    return value;
}

std::string decode_message(const std::string& metadata)
{
    const auto user = json::decode_user(R"({"user":{"id":"u","user_metadata":)" + metadata + "}}");
    return user ? "no error" : user.error().message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(metadata)

BOOST_AUTO_TEST_CASE(every_kind_of_value_comes_back_as_it_was_sent)
{
    using namespace std::string_literals;
    const boost::json::object metadata{
        {"", "an empty key"},
        {"null", nullptr},
        {"flags", {true, false}},
        {"integers", {0, -1, INT64_MIN, INT64_MAX, UINT64_MAX}},
        {"doubles", {0.0, 1.0, -3.0, 0.1, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 123456789.125}},
        {"empty", {boost::json::object{}, boost::json::array{}, ""}},
        {"texts", {"\"\\/\b\f\n\r\t\x01\x1f\x7f", "\0"s, "a\0b"s, "é€😀", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"}},
        {"k\0\n\"~/é"s, {{"x", {{"y", {{"z", nullptr}}}}}}},
    };
    BOOST_TEST((sent_and_returned(metadata) == metadata));
}

BOOST_AUTO_TEST_CASE(doubles_of_any_bits_come_back_as_they_were_sent)
{
    std::mt19937_64 random{1};
    for (int round = 0; round < 100; ++round) {
        boost::json::array sent;
        for (int i = 0; i < 1000; ++i)
            sent.emplace_back(random_double(random));
        sent.emplace_back(-0.0);
        const boost::json::object returned = sent_and_returned({{"n", sent}});
        const boost::json::array& numbers = returned.at("n").as_array();
        BOOST_TEST_REQUIRE(numbers.size() == sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i)
            if (std::bit_cast<std::uint64_t>(numbers[i].as_double()) !=
                std::bit_cast<std::uint64_t>(sent[i].as_double()))
                BOOST_ERROR(sent[i] << " came back as " << numbers[i]);
    }
}

BOOST_AUTO_TEST_CASE(doubles_are_read_as_the_nearest_to_their_text)
{
    std::mt19937_64 random{2};
    char text[64];
    for (int i = 0; i < 100'000; ++i) {
        const double number = random_double(random);
        std::snprintf(text, sizeof text, "%.17g", number);
        const auto value = json::decode_value(text);
        BOOST_TEST_REQUIRE(value.has_value());
        if (value->is_double() ? value->as_double() != number : value->to_number<double>() != number)
            BOOST_ERROR(text << " was read as " << *value);
    }
}

BOOST_AUTO_TEST_CASE(numbers_at_the_limits_of_doubles_are_read_or_refused)
{
    const struct
    {
        std::string_view text;
        double value;
    } rows[] = {
        {"1.7976931348623157e308", std::numeric_limits<double>::max()},
        {"1.7976931348623158e308", std::numeric_limits<double>::max()},
        {"17976931348623157e292", std::numeric_limits<double>::max()},
        {"2.2250738585072014e-308", std::numeric_limits<double>::min()},
        {"4.9406564584124654e-324", std::numeric_limits<double>::denorm_min()},
        {"-3e-324", -std::numeric_limits<double>::denorm_min()},
        {"1e-400", 0.0},
        {"-1e-400", -0.0},
        {"0e400", 0.0},
        {"1e-999999999", 0.0},
        {"1e0000000000000000000001", 10.0},
        {"0.0", 0.0},
        {"-0.0", -0.0},
        {"18446744073709551616", 18446744073709551616.0},
        {"-9223372036854775809", -9223372036854775808.0},
        {"9007199254740993.0", 9007199254740992.0},
        {"0.000000000000000000000000000000000000000000000000000000001e57", 1.0},
    };
    for (const auto& [text, number] : rows)
        BOOST_TEST_CONTEXT(text)
        {
            const auto value = json::decode_value(text);
            BOOST_TEST_REQUIRE(value.has_value());
            BOOST_TEST_REQUIRE(value->is_double());
            BOOST_TEST(std::bit_cast<std::uint64_t>(value->as_double()) == std::bit_cast<std::uint64_t>(number));
        }
    for (const std::string number : {"1e400", "-1e400", "1.7976931348623159e308", "1e309"})
        BOOST_TEST(decode_message(R"({"k":[1,)" + number + "]}") ==
                   "at /user/user_metadata: a number is beyond the range of doubles");
    BOOST_TEST(decode_message(R"({"k":[1,1e999999999]})") ==
               "at /user/user_metadata: a number is beyond the range of doubles");
    // Longer exponents are refused whatever the number is, in what is skipped as well.
    for (const std::string number : {"1e1000000000", "1E+1000000000", "1e-1000000000", "0e1000000000", "-1e99999999999",
                                     "1e-99999999999", "1e0099999999999"}) {
        BOOST_TEST(decode_message("{\"k\":" + number + "}") ==
                       "invalid JSON near /user/user_metadata: exponent overflow",
                   number);
        BOOST_TEST(!json::decode_user(R"({"user":{"id":"u","of no interest":)" + number + "}}"), number);
    }
}

BOOST_AUTO_TEST_CASE(a_megabyte_comes_back_as_it_was_sent)
{
    std::mt19937_64 random{3};
    boost::json::object metadata;
    std::size_t bytes = 0;
    for (int i = 0; bytes < 1'000'000; ++i) {
        std::string text;
        for (std::size_t left = random() % 300; left > 0; --left) {
            // Any character below U+0800 but for those of ASCII twice as often.
            const auto c = static_cast<unsigned>(random() % 0x800);
            if (c < 0x400) {
                text += static_cast<char>(c % 0x80);
            } else {
                text += static_cast<char>(0xc0 | (c >> 6));
                text += static_cast<char>(0x80 | (c & 0x3f));
            }
        }
        bytes += text.size();
        metadata["key" + std::to_string(i)] = {text, random() % 2 == 0, static_cast<std::int64_t>(random())};
    }
    metadata["one text"] = std::string(1'000'000, '\n');
    BOOST_TEST((sent_and_returned(metadata) == metadata));
}

BOOST_AUTO_TEST_CASE(what_may_be_sent_is_never_too_deep_to_come_back)
{
    const boost::json::object deepest = nested(json::max_metadata_depth).as_object();
    const auto body = json::encode(CreateUserRequest{}.metadata(deepest));
    BOOST_TEST_REQUIRE(body.has_value(), passage::test::error_of(body).message);
    const auto in_page = json::decode_user_page(R"({"users":[{"id":"u",)" + body->substr(1) + "]}");
    BOOST_TEST_REQUIRE(in_page.has_value(), passage::test::error_of(in_page).message);
    BOOST_TEST((in_page->users.at(0).user_metadata == deepest));
}

BOOST_AUTO_TEST_CASE(metadata_that_nest_too_deep_are_refused)
{
    for (const std::size_t depth : {json::max_metadata_depth + 1, json::max_depth + 1, std::size_t{2001}}) {
        const auto body = json::encode(CreateUserRequest{}.metadata({{"k", nested(depth - 1)}}));
        BOOST_TEST_REQUIRE(!body.has_value());
        BOOST_TEST((body.error().code == Errc::invalid_argument));
        BOOST_TEST(body.error().message.starts_with("at /user_metadata/k/"), body.error().message);
        BOOST_TEST(body.error().message.ends_with(": nested too deep"), body.error().message);
    }
    boost::json::value lists = boost::json::parse(nested_arrays(json::max_metadata_depth - 1));
    BOOST_TEST(json::encode(CreateUserRequest{}.metadata({{"k", lists}})).has_value());
    lists = boost::json::parse(nested_arrays(json::max_metadata_depth));
    BOOST_TEST(
        json::encode(CreateUserRequest{}.metadata({{"k", lists}})).error().message.ends_with(": nested too deep"));
    BOOST_TEST(decode_message(R"({"k":)" + nested_arrays(json::max_depth - 3) + "}") == "no error");
    BOOST_TEST(decode_message(R"({"k":)" + nested_arrays(json::max_depth - 2) + "}") ==
               "invalid JSON near /user/user_metadata: too deep");
}

BOOST_AUTO_TEST_CASE(strings_and_keys_in_parts_are_put_together)
{
    const auto value =
        json::decode_value(R"({"\u0061\n\u0062":["","\n","a\nb\u00e9c","\ud83d\ude00\ud83d\ude00"],"":{"\\":"\\"}})");
    BOOST_TEST_REQUIRE(value.has_value());
    const boost::json::value same{{"a\nb", {"", "\n", "a\nbéc", "😀😀"}}, {"", {{"\\", "\\"}}}};
    BOOST_TEST((*value == same));
}

BOOST_AUTO_TEST_CASE(a_value_of_any_kind_is_read_whole)
{
    BOOST_TEST((json::decode_value("null") == boost::json::value{}));
    BOOST_TEST((json::decode_value(" true ") == boost::json::value(true)));
    BOOST_TEST((json::decode_value("-5") == boost::json::value(-5)));
    BOOST_TEST((json::decode_value("\"\"") == boost::json::value("")));
    BOOST_TEST((json::decode_value("[]") == boost::json::value(boost::json::array{})));
    BOOST_TEST(!json::decode_value("1 2"));
    BOOST_TEST(!json::decode_value(""));
}

BOOST_AUTO_TEST_SUITE_END()
