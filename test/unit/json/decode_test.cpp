#include "json/decode.hpp"
#include "json/depth.hpp"
#include "json/documents.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace passage;
using namespace passage::json::test;
using namespace std::chrono_literals;

namespace {

template <class T>
std::string message_of(const expected<T>& result)
{
    if (result)
        return "no error";
    return result.error().code == Errc::decode ? result.error().message : "not Errc::decode";
}

std::string user_message(std::string_view body)
{
    return message_of(json::decode_user(body));
}

// A user with an id and the given further fields.
expected<UserInfo> user_with(const std::string& fields)
{
    return json::decode_user(R"({"user":{"id":"u",)" + fields + "}}");
}

} // namespace

BOOST_AUTO_TEST_SUITE(decode)

BOOST_AUTO_TEST_CASE(a_user_is_read_whole)
{
    const expected<UserInfo> user = json::decode_user(user_document);
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));

    UserInfo same;
    same.id = "uMx40TqLw9bR2cVn7KsE1yZa";
    same.email = "ada@lovelace.example";
    same.phone = "+442079460123";
    same.external_id = "crm/7741";
    same.status = UserStatus::inactive;
    same.email_verified = true;
    same.phone_verified = true;
    same.login_count = 1815;
    same.created_at = std::chrono::sys_days{2021y / 9 / 14} + 8h + 30min + 11s + 204'519us;
    same.updated_at = std::chrono::sys_days{2025y / 2 / 1} + 22h + 10min + 500ms;
    same.last_login_at = std::chrono::sys_days{2025y / 2 / 1} + 22h + 9min + 58s;
    same.user_metadata =
        boost::json::parse(R"({"plan":"gold","seats":12,"ratio":0.1,"tags":["a","😀",null,{"deep":[true,-1]}]})")
            .as_object();
    same.webauthn = true;
    same.webauthn_types = {WebAuthnType::security_key, WebAuthnType::platform};

    WebAuthnDevice key;
    key.id = "devA";
    key.cred_id = "c0ffee";
    key.friendly_name = "Ada’s \"blue\" key";
    key.type = WebAuthnType::security_key;
    key.usage_count = 3;
    key.created_at = std::chrono::sys_days{2022y / 1 / 1};
    key.updated_at = std::chrono::sys_days{2022y / 1 / 2};
    key.last_login_at = std::chrono::sys_days{2022y / 1 / 3};
    key.icons.light = "data:image/svg+xml;a";
    WebAuthnDevice platform;
    platform.id = "devB";
    platform.type = WebAuthnType::platform;
    same.webauthn_devices = {key, platform};

    UserEvent login;
    login.id = "e1";
    login.type = "login";
    login.action = EventAction::login;
    login.status = EventStatus::complete;
    login.created_at = std::chrono::sys_days{2025y / 2 / 1} + 22h + 9min + 57s;
    login.completed_at = std::chrono::sys_days{2025y / 2 / 1} + 22h + 9min + 58s;
    login.ip_addr = "2001:db8::7";
    login.user_agent = "curl/8.0";
    login.user_agent_display = "curl";
    login.social_login_type = SocialProvider::github;
    UserEvent registration;
    registration.id = "e2";
    registration.type = "register";
    registration.action = EventAction::register_;
    registration.status = EventStatus::incomplete;
    same.recent_events = {login, registration};

    SocialConnection github;
    github.provider_id = "99";
    github.provider_identifier = "ada";
    github.created_at = std::chrono::sys_days{2023y / 5 / 5} + 5h + 5min + 5s;
    github.last_login_at = std::chrono::sys_days{2024y / 6 / 6} + 6h + 6min + 6s;
    same.social_connections.github = github;

    BOOST_TEST((*user == same));
}

BOOST_AUTO_TEST_CASE(a_page_of_users_is_read_whole)
{
    const expected<UserPage> page = json::decode_user_page(page_document);
    BOOST_TEST_REQUIRE(page.has_value(), message_of(page));

    UserPage same;
    same.page = 3;
    same.limit = 2;
    same.total_users = 17;
    same.created_before = std::chrono::sys_seconds{1'738'447'800s};
    same.links.first = "/v1/apps/a/users?page=1";
    same.links.last = "/v1/apps/a/users?page=9";
    same.links.next = "/v1/apps/a/users?page=4";
    same.links.previous = "/v1/apps/a/users?page=2";
    same.links.self = "/v1/apps/a/users?page=3";
    UserSummary first;
    first.id = "first";
    first.email = "x@y.example";
    first.status = UserStatus::active;
    first.login_count = 4;
    first.created_at = std::chrono::sys_days{2024y / 1 / 1};
    first.user_metadata = {{"k", 1}};
    UserSummary second;
    second.id = "second";
    second.phone = "+15005550001";
    second.status = UserStatus::pending;
    same.users = {first, second};
    BOOST_TEST((*page == same));
}

BOOST_AUTO_TEST_CASE(the_order_of_fields_and_white_space_mean_nothing)
{
    // The same document with the fields of each object in reverse order.
    const auto turned = [](const boost::json::value& value, const auto& self) -> boost::json::value {
        if (const auto* array = value.if_array()) {
            boost::json::array result;
            for (const auto& element : *array)
                result.push_back(self(element, self));
            return result;
        }
        if (const auto* object = value.if_object()) {
            boost::json::object result;
            for (auto field = object->end(); field != object->begin();) {
                --field;
                result.emplace(field->key(), self(field->value(), self));
            }
            return result;
        }
        return value;
    };
    std::string text;
    for (const char c : boost::json::serialize(turned(boost::json::parse(user_document), turned))) {
        text += c;
        if (c == ',' || c == '{' || c == '[' || c == ']' || c == '}')
            text += " \t\r\n";
    }
    const expected<UserInfo> user = json::decode_user(text);
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    BOOST_TEST((*user == *json::decode_user(user_document)));
}

BOOST_AUTO_TEST_CASE(devices_are_read)
{
    const auto devices = json::decode_devices(R"({"devices":[{"id":"a","usage_count":7},{"id":"b"}]})");
    BOOST_TEST_REQUIRE(devices.has_value(), message_of(devices));
    BOOST_TEST(devices->size() == 2u);
    BOOST_TEST(devices->at(0).usage_count == 7);
    BOOST_TEST(devices->at(1).id == "b");
    BOOST_TEST(json::decode_devices(R"({"devices":[]})")->empty());
    BOOST_TEST(json::decode_devices(R"({"devices":null})")->empty());
}

BOOST_AUTO_TEST_CASE(a_body_without_its_payload_is_an_error_that_names_it)
{
    BOOST_TEST(user_message("{}") == "at /user: missing");
    BOOST_TEST(user_message(R"({"error":"x"})") == "at /user: missing");
    BOOST_TEST(user_message(R"({"user":null})") == "at /user: an object is expected");
    BOOST_TEST(user_message(R"({"user":[]})") == "at /user: an object is expected");
    BOOST_TEST(user_message(R"({"user":{}})") == "at /user/id: missing");
    for (const std::string_view root : {"null", "[]", "true", "1", "1.5", "18446744073709551615", "\"user\""})
        BOOST_TEST(user_message(root) == "at the root: an object is expected");
    BOOST_TEST(message_of(json::decode_devices("{}")) == "at /devices: missing");
    BOOST_TEST(message_of(json::decode_devices(R"({"devices":{}})")) == "at /devices: an array is expected");
    BOOST_TEST(message_of(json::decode_user_page("{}")) == "at /users: missing");
}

BOOST_AUTO_TEST_CASE(an_error_names_the_place_by_its_json_pointer)
{
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_devices":[{"id":"d"},{"id":"e","usage_count":"9"}]}})") ==
               "at /user/webauthn_devices/1/usage_count: a 64-bit integer is expected");
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_devices":[{"id":"d"},{"cred_id":"e"}]}})") ==
               "at /user/webauthn_devices/1/id: missing");
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_devices":[7]}})") ==
               "at /user/webauthn_devices/0: an object is expected");
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_devices":[null]}})") ==
               "at /user/webauthn_devices/0: an object is expected");
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_types":["passkey",5.5]}})") ==
               "at /user/webauthn_types/1: a string is expected");
    BOOST_TEST(user_message(R"({"user":{"id":"u","social_connections":{"apple":{"created_at":"yesterday"}}}})") ==
               "at /user/social_connections/apple/created_at: an RFC 3339 time is expected");
    BOOST_TEST(message_of(json::decode_user_page(R"({"users":[{"id":"a"},{"id":"b"},{"id":""}]})")) ==
               "at /users/2/id: must not be empty");
    BOOST_TEST(message_of(json::decode_devices(R"({"devices":[{"type":"passkey"}]})")) == "at /devices/0/id: missing");
}

BOOST_AUTO_TEST_CASE(what_is_no_json_is_an_error)
{
    BOOST_TEST(user_message("") == "invalid JSON near the root: incomplete JSON");
    BOOST_TEST(user_message(R"({"user":{"id":"u"}} x)") == "invalid JSON near the root: extra data");
    BOOST_TEST(user_message(R"({"user":{"id":"u","email":x}})") == "invalid JSON near /user/email: syntax error");
    BOOST_TEST(user_message(R"({"user":{"id":"u","webauthn_types":["passkey",]}})") ==
               "invalid JSON near /user/webauthn_types/0: syntax error");
    for (const std::string_view body :
         {" \n", "\xef\xbb\xbf{\"user\":{\"id\":\"u\"}}", "{\"user\":{\"id\":\"\xff\"}}",
          "{\"user\":{\"id\":\"\xc0\x80\"}}", "{\"user\":{\"id\":\"\\ud800\"}}", "{'user':{'id':'u'}}",
          "{\"user\":{\"id\":\"u\"},}", "{\"user\":{\"id\":\"u\"}}{}", "{\"user\":{\"id\":\"u\"}/**/}",
          "{\"user\":{\"id\":\"u\n\"}}", "<!doctype html><html></html>"})
        BOOST_TEST(user_message(body).starts_with("invalid JSON"), body);
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_skipped_whatever_they_hold)
{
    for (const std::string_view value :
         {"null", "true", "-1", "1e400", "18446744073709551615", "\"\"", "\"a\\nb\\u0000\"", "[]", "{}", "[[],[[]],{}]",
          R"({"id":5,"user":{"id":[]},"":{"login_count":"x"}})", R"([{"id":null},"id",{"x":["y",{"z":[1,2.5]}]}])"}) {
        const std::string field = R"("later":)" + std::string{value};
        BOOST_TEST_CONTEXT(field)
        {
            const expected<UserInfo> user =
                json::decode_user("{" + field + R"(,"user":{)" + field + R"(,"id":"u",)" + field +
                                  R"(,"login_count":3,)" + field + "}," + field + "}");
            BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
            BOOST_TEST(user->id == "u");
            BOOST_TEST(user->login_count == 3);
        }
    }
}

BOOST_AUTO_TEST_CASE(names_that_resemble_a_field_are_unknown)
{
    for (const std::string_view name :
         {"", "i", "idd", "Id", "ID", "id ", " id", "id\\u0000", "login_coun", "login_countx"}) {
        const expected<UserInfo> user = user_with("\"" + std::string{name} + R"(":[1],"login_count":3)");
        BOOST_TEST_REQUIRE(user.has_value(), name << ": " << message_of(user));
        BOOST_TEST(user->login_count == 3);
    }
}

BOOST_AUTO_TEST_CASE(names_may_be_escaped)
{
    const expected<UserInfo> user =
        json::decode_user(R"({"us\u0065r":{"\u0069d":"u","lo\u0067in\u005fcount":9,"user_metadata":{"\u0061b\n":1}}})");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    BOOST_TEST(user->id == "u");
    BOOST_TEST(user->login_count == 9);
    BOOST_TEST((user->user_metadata == boost::json::object{{"ab\n", 1}}));
}

BOOST_AUTO_TEST_CASE(texts_keep_every_character)
{
    const expected<UserInfo> user =
        user_with(R"("email":"\"\\\/\b\f\n\r\t\u0000\u00e9\u20ac\ud83d\ude00é€😀","phone":"\n","external_id":"x\n\ny")");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    using namespace std::string_literals;
    BOOST_TEST(user->email == "\"\\/\b\f\n\r\t\0é€😀é€😀"s);
    BOOST_TEST(user->phone == "\n");
    BOOST_TEST(user->external_id == "x\n\ny");
}

BOOST_AUTO_TEST_CASE(long_texts_with_an_escape_anywhere_are_put_together)
{
    for (std::size_t before = 0; before < 40; ++before)
        for (const std::size_t after : {std::size_t{0}, std::size_t{1}, std::size_t{17}, std::size_t{5000}}) {
            const std::string head(before, 'h');
            const std::string tail(after, 't');
            const expected<UserInfo> user = user_with(R"("email":")" + head + R"(\t)" + tail + R"(","phone":"p")");
            BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
            BOOST_TEST((user->email == head + "\t" + tail));
            BOOST_TEST(user->phone == "p");
        }
}

BOOST_AUTO_TEST_CASE(unknown_enumeration_values_keep_their_text)
{
    const expected<UserInfo> user = user_with(
        R"("status":"on_hold","webauthn_types":["passkey","implant"],"recent_events":[{"action":"delete","status":"",)"
        R"("social_login_type":"myspace"}],"webauthn_devices":[{"id":"d","type":"Passkey"}])");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    BOOST_TEST((user->status == UserStatus::unknown));
    BOOST_TEST(user->status.text() == "on_hold");
    BOOST_TEST((user->webauthn_types.at(0) == WebAuthnType::passkey));
    BOOST_TEST(user->webauthn_types.at(1).text() == "implant");
    BOOST_TEST(user->recent_events.at(0).action.text() == "delete");
    BOOST_TEST(user->recent_events.at(0).status.text() == "");
    BOOST_TEST(user->recent_events.at(0).social_login_type.text() == "myspace");
    BOOST_TEST((user->webauthn_devices.at(0).type == WebAuthnType::unknown));
    BOOST_TEST(user->webauthn_devices.at(0).type.text() == "Passkey");
}

BOOST_AUTO_TEST_CASE(nulls_in_lists_are_left_out)
{
    const expected<UserInfo> user =
        user_with(R"("webauthn_types":[null,"passkey",null],"recent_events":[null,{"id":"e"}])");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    BOOST_TEST(user->webauthn_types.size() == 1u);
    BOOST_TEST(user->recent_events.size() == 1u);
}

BOOST_AUTO_TEST_CASE(integers_are_exact_or_refused)
{
    const struct
    {
        std::string_view text;
        std::int64_t value;
    } exact[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-7", -7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"3.0", 3},
        {"1e2", 100},
        {"-1.5E1", -15},
        {"0e0", 0},
        {"-0.0", 0},
        {"120e-1", 12},
        {"9007199254740991.0", 9'007'199'254'740'991},
    };
    for (const auto& [text, value] : exact) {
        const expected<UserInfo> user = user_with(R"("login_count":)" + std::string{text});
        BOOST_TEST_REQUIRE(user.has_value(), text << ": " << message_of(user));
        BOOST_TEST(user->login_count == value);
    }
    for (const std::string_view text :
         {"9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1.5", "0.1",
          "1e-1", "9007199254740994.0", "1e19", "1e300", "1e400", "-1e400",
          "123456789012345678901234567890123456789012345678901234567890"})
        BOOST_TEST(message_of(user_with(R"("login_count":)" + std::string{text})) ==
                   "at /user/login_count: a 64-bit integer is expected");
}

BOOST_AUTO_TEST_CASE(the_last_of_equal_fields_holds_and_nothing_of_the_others)
{
    const expected<UserInfo> user = user_with(
        R"("email":"a","email":"b","phone":"+1","phone":null,"login_count":4,"login_count":null,)"
        R"("created_at":"2024-01-01T00:00:00Z","created_at":null,)"
        R"("webauthn_types":["passkey","platform"],"webauthn_types":["security_key"],)"
        R"("webauthn_devices":[{"id":"d","type":"passkey","type":null,"icons":{"light":"l"},"icons":{"dark":"d"}}],)"
        R"("social_connections":{"apple":{"provider_id":"1"},"google":{"provider_id":"2","provider_identifier":"i"},)"
        R"("google":{"provider_id":"3"}},"social_connections":{"google":{"provider_id":"2","provider_identifier":"i"},)"
        R"("google":{"provider_id":"3"},"github":{"provider_id":"4"},"github":null},)"
        R"("user_metadata":{"a":1},"user_metadata":{"b":2,"b":3})");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    UserInfo same;
    same.id = "u";
    same.email = "b";
    same.webauthn_types = {WebAuthnType::security_key};
    same.webauthn_devices.resize(1);
    same.webauthn_devices[0].id = "d";
    same.webauthn_devices[0].icons.dark = "d";
    same.social_connections.google.emplace().provider_id = "3";
    same.user_metadata = {{"b", 3}};
    BOOST_TEST((*user == same));

    const expected<UserInfo> second = json::decode_user(R"({"user":{"id":"a","email":"e"},"user":{"id":"b"}})");
    BOOST_TEST_REQUIRE(second.has_value(), message_of(second));
    BOOST_TEST(second->id == "b");
    BOOST_TEST(second->email == "");
    BOOST_TEST(user_message(R"({"user":{"id":"a"},"user":{"email":"e"}})") == "at /user/id: missing");

    const expected<UserPage> page =
        json::decode_user_page(R"({"users":[{"id":"a"}],"users":[],"_links":{"next":{"href":"n"},"next":{}}})");
    BOOST_TEST_REQUIRE(page.has_value(), message_of(page));
    BOOST_TEST(page->users.empty());
    BOOST_TEST(page->links.next == "");
}

BOOST_AUTO_TEST_CASE(documents_nest_to_a_limit)
{
    const auto with = [](std::size_t depth) {
        return json::decode_user(R"({"user":{"id":"u"},"later":)" + nested_arrays(depth) + "}");
    };
    BOOST_TEST(with(json::max_depth - 1).has_value());
    BOOST_TEST(message_of(with(json::max_depth)) == "invalid JSON near the root: too deep");
    BOOST_TEST(message_of(with(100'000)) == "invalid JSON near the root: too deep");
    BOOST_TEST(user_message(std::string(100'000, '[')) == "at the root: an object is expected");
    BOOST_TEST(message_of(json::decode_value(std::string(100'000, '['))) == "invalid JSON near the root: too deep");
}

BOOST_AUTO_TEST_CASE(lists_of_a_million_elements_are_read)
{
    std::string list = R"(["0123456789")"; // shorter ones are refused: they take many times the memory of their text
    for (int i = 1; i < 1'000'000; ++i)
        list += R"(,"0123456789")";
    list += ']';
    BOOST_TEST(user_with(R"("later":)" + list).has_value());
    const expected<UserInfo> user = user_with(R"("user_metadata":{"list":)" + list + "}");
    BOOST_TEST_REQUIRE(user.has_value(), message_of(user));
    BOOST_TEST(user->user_metadata.at("list").as_array().size() == 1'000'000u);
}

BOOST_AUTO_TEST_CASE(an_error_body_is_read_as_it_is)
{
    using json::ErrorBody;
    const std::string megabyte(1'000'000, 'm');
    using namespace std::string_literals;
    const struct
    {
        std::string text;
        ErrorBody body;
    } rows[] = {
        {R"({"code":"user_not_found","error":"No such user."})", {"user_not_found", "No such user."}},
        {R"({"error":"No such user.","code":"user_not_found"})", {"user_not_found", "No such user."}},
        {R"( {"code":"c","error":"e","trace":[{"code":1,"code":2}],"status":404} )", {"c", "e"}},
        {R"({"code":"c"})", {"c", ""}},
        {R"({"error":"e"})", {"", "e"}},
        {R"({"code":null,"error":"e"})", {"", "e"}},
        {R"({"code":"c\u0000\u001b[31m","error":"\r\nline"})", {"c\0\x1b[31m"s, "\r\nline"}},
        {R"({"code":"c","error":")" + megabyte + R"("})", {"c", megabyte}},
    };
    for (const auto& [text, body] : rows)
        BOOST_TEST_CONTEXT(text.substr(0, 80))
        {
            const auto read = json::decode_error(text);
            BOOST_TEST_REQUIRE(read.has_value());
            BOOST_TEST((*read == body));
        }
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_error_body)
{
    for (const std::string_view text :
         {"", "null", "[]", "{}", "\"code\"", "404", R"({"message":"Not Found"})", R"({"code":"","error":""})",
          R"({"code":404,"error":"e"})", R"({"code":"c","error":{"message":"m"}})", R"({"code":["c"],"error":"e"})",
          R"({"code":"a","code":"b","error":"e"})", R"({"code":"c","error":"a","error":"a"})",
          R"({"code":"c","error":"e","c\u006fde":"d"})", R"({"code":"c","error":"e"}x)", R"({"code":"c","error":"e")",
          "{\"code\":\"\xff\",\"error\":\"e\"}", "<html><body>502 Bad Gateway</body></html>"})
        BOOST_TEST(!json::decode_error(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
