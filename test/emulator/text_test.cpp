#include "json.hpp"
#include "keys.hpp"
#include "percent.hpp"
#include "random.hpp"
#include "seed.hpp"
#include "times.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <set>

namespace data = boost::unit_test::data;
namespace chr = std::chrono;
using namespace passage::emulator;

BOOST_AUTO_TEST_SUITE(times)

BOOST_AUTO_TEST_CASE(time_is_written_with_six_digits_or_none)
{
    const Time second = chr::sys_days{chr::year{2023} / 1 / 20} + chr::hours{15} + chr::minutes{4} + chr::seconds{5};
    BOOST_TEST(to_text(second) == "2023-01-20T15:04:05Z");
    BOOST_TEST(to_text(second + chr::microseconds{120}) == "2023-01-20T15:04:05.000120Z");
    BOOST_TEST(to_text(never) == "0001-01-01T00:00:00Z");
}

BOOST_AUTO_TEST_CASE(time_read_back_is_the_same)
{
    for (const Time time : {never, Time{}, Time{} - chr::microseconds{1}, now(),
                            Time{chr::sys_days{chr::year{9999} / 12 / 31}} + chr::days{1} - chr::microseconds{1}}) {
        BOOST_TEST((parse_time(to_text(time)) == time), to_text(time));
    }
}

BOOST_AUTO_TEST_CASE(fraction_may_have_up_to_nine_digits)
{
    const Time second = *parse_time("2023-01-20T15:04:05Z");
    BOOST_TEST((parse_time("2023-01-20T15:04:05.1Z") == second + chr::milliseconds{100}));
    BOOST_TEST((parse_time("2023-01-20T15:04:05.123456789Z") == second + chr::microseconds{123456}));
}

BOOST_DATA_TEST_CASE(what_is_no_utc_time_is_refused,
                     data::make({"", "2023", "2023-01-20", "2023-01-20T15:04:05", "2023-01-20T15:04:05+01:00",
                                 "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-20T24:00:00Z",
                                 "2023-01-20T15:60:05Z", "2023-01-20T15:04:60Z", "2023-01-20T15:04:05.Z",
                                 "2023-01-20T15:04:05.1234567890Z", "2023-01-20 15:04:05Z", "2023-01-20T15:04:05Zx",
                                 "-023-01-20T15:04:05Z", "2023-+1-20T15:04:05Z", "0000-12-31T23:59:59.999999Z"}),
                     text)
{
    BOOST_TEST(!parse_time(text).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(percent)

BOOST_AUTO_TEST_CASE(text_is_decoded_once)
{
    BOOST_TEST(percent_decode("a%2Fb%252F+").value() == "a/b%2F+");
    BOOST_TEST(percent_decode("%00%ff").value() == std::string("\0\xff", 2));
}

BOOST_DATA_TEST_CASE(percent_without_two_hex_digits_is_refused, data::make({"%", "%1", "a%zz", "%-1", "% 1", "%1g"}),
                     text)
{
    BOOST_TEST(!percent_decode(text).has_value());
}

BOOST_AUTO_TEST_CASE(every_byte_survives_encoding)
{
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    BOOST_TEST(percent_decode(percent_encode(all)).value() == all);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(json)

BOOST_AUTO_TEST_CASE(writer_separates_and_escapes)
{
    JsonWriter json;
    json.begin_object().field("a", "q\"b\\n\n\x01é").field("n", std::int64_t{-5}).field("t", true);
    json.field("none", std::optional<Time>{}).key("list").begin_array().number(1).null().begin_object();
    json.end_object().end_array().end_object();
    BOOST_TEST(json.take() == R"({"a":"q\"b\\n\u000a\u0001é","n":-5,"t":true,"none":null,"list":[1,null,{}]})");
}

BOOST_AUTO_TEST_CASE(members_keep_their_text_without_white_space)
{
    const auto members =
        parse_members(" { \"a\" : [ 1.10, -0, 1E300, 12345678901234567890123 ] , \"b\":{\"c\":{\"d\":\"\\u00e9\\n\"}},"
                      "\"e\":true,\"f\":null,\"g\":\"x\" } ");
    BOOST_REQUIRE(members.has_value());
    BOOST_TEST(members->at("a") == "[1.10,-0,1E300,12345678901234567890123]");
    BOOST_TEST(members->at("b") == "{\"c\":{\"d\":\"é\\u000a\"}}");
    BOOST_TEST(members->at("e") == "true");
    BOOST_TEST(members->at("f") == "null");
    BOOST_TEST(members->at("g") == "\"x\"");
    BOOST_TEST(members->size() == 5U);
}

BOOST_AUTO_TEST_CASE(last_of_equal_members_counts)
{
    BOOST_TEST(parse_members(R"({"a":1,"a":2})")->at("a") == "2");
}

BOOST_DATA_TEST_CASE(what_is_no_object_has_no_members,
                     data::make({"", " ", "[]", "[{\"a\":1}]", "1", "null", "\"{}\"", "{", "{}x", "{}{}", "{\"a\":}",
                                 "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":\"\x80\"}", "{\"a\":\"\n\"}",
                                 "\xef\xbb\xbf{}", "{\"a\":1e1000000000}", "{\"a\":-0.1E-99999999999}"}),
                     text)
{
    BOOST_TEST(!parse_members(text).has_value());
}

BOOST_AUTO_TEST_CASE(depth_is_bounded)
{
    const auto is_read = [](std::size_t depth) {
        return parse_members("{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}").has_value();
    };
    BOOST_TEST(is_read(30));
    BOOST_TEST(!is_read(31));
    BOOST_TEST(!is_read(100'000));
}

BOOST_DATA_TEST_CASE(number_in_the_range_of_a_double_is_kept,
                     data::make({"1.7976931348623158e308", "-1.7976931348623158e308", "1e-400", "-0e400",
                                 "0.00000000000000000000000000000000000000001e340"}),
                     number)
{
    BOOST_TEST(parse_members(std::string{"{\"a\":["} + number + "]}").value().at("a") ==
               std::string{"["} + number + "]");
}

BOOST_DATA_TEST_CASE(number_beyond_the_range_of_a_double_is_refused,
                     data::make({"1.7976931348623159e308", "-1.7976931348623159e308", "1e400", "-1E400",
                                 "100000000000000000000000000000e300"}),
                     number)
{
    BOOST_TEST(!parse_members(std::string{"{\"a\":["} + number + "]}").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(key_is_accepted_with_the_scheme_in_any_case)
{
    const KeyHash hash = hash_key("secret");
    BOOST_TEST(is_authorized("Bearer secret", hash));
    BOOST_TEST(is_authorized("bEARER secret", hash));
}

BOOST_AUTO_TEST_CASE(anything_else_is_not_accepted)
{
    const KeyHash hash = hash_key("secret");
    BOOST_TEST(!is_authorized(std::nullopt, hash));
    for (const char* value : {"", "secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secret ", "Bearer  secret",
                              "Basic secret", "Bearersecret", "Bearer SECRET", "Bearer secret, Bearer secret"}) {
        BOOST_TEST(!is_authorized(value, hash), value);
    }
}

BOOST_AUTO_TEST_CASE(ids_are_letters_and_digits_and_differ)
{
    std::set<std::string> ids;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = new_id();
        BOOST_TEST(id.size() == 24U);
        BOOST_TEST((id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
                    std::string::npos));
        ids.insert(id);
    }
    BOOST_TEST(ids.size() == 1000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(seed)

BOOST_AUTO_TEST_CASE(shorter_seed_is_the_beginning_of_a_longer_one)
{
    const auto few = invent_users(20);
    const auto many = invent_users(50);
    for (std::size_t i = 0; i < few.size(); ++i) {
        BOOST_TEST(few[i].record.id == many[i].record.id);
        BOOST_TEST((few[i].record.email == many[i].record.email));
        BOOST_TEST((few[i].record.created_at == many[i].record.created_at));
        BOOST_TEST((few[i].record.user_metadata == many[i].record.user_metadata));
    }
}

BOOST_AUTO_TEST_CASE(seed_has_every_kind_of_user)
{
    std::set<std::string> statuses;
    std::size_t with_device = 0;
    std::size_t with_social = 0;
    std::size_t without_email = 0;
    std::size_t without_metadata = 0;
    for (const User& user : invent_users(500)) {
        statuses.insert(user.record.status);
        with_device += !user.devices.empty();
        with_social += !user.social_connections.empty();
        without_email += !user.record.email;
        without_metadata += !user.record.user_metadata;
        BOOST_TEST((user.record.email || user.record.phone));
        BOOST_TEST((user.record.login_count == 0) == (user.record.last_login_at == never));
    }
    BOOST_TEST(statuses.size() == 3U);
    BOOST_TEST(with_device > 100U);
    BOOST_TEST(with_social > 10U);
    BOOST_TEST(without_email > 10U);
    BOOST_TEST(without_metadata > 10U);
}

BOOST_AUTO_TEST_SUITE_END()
