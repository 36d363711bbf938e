#include "api/requests.hpp"

#include "api/operations.hpp"

#include <boost/json/array.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <limits>
#include <vector>

using namespace passage;
using namespace passage::api;
using namespace std::string_literals;

namespace {

const Requests requests{"/v1", "app", 100'000};

/// Texts that are no id, e-mail address, phone number or identifier.
const std::vector<std::string> hostile{
    "a\rb",
    "a\nb",
    "a\r\nHost: evil",
    "\n",
    "a\0b"s,
    "\0"s,
    "a\x7f",
    "a\tb",
    "\x1b[2J",
    "\x80",
    "\xff\xfe",
    "a\xc3",            // cut short
    "\xc0\xaf",         // an overlong slash
    "\xe0\x80\xaf",     // another
    "\xf0\x80\x80\xaf", // another
    "\xed\xa0\x80",     // half of a surrogate pair
    "\xf4\x90\x80\x80", // beyond Unicode
    "\xf8\x88\x80\x80\x80",
    "a\xc2\x85z",     // NEL
    "a\xc2\x9bz",     // CSI
    "a\xe2\x80\xaez", // right-to-left override
    "a\xe2\x80\x8fz", // right-to-left mark
    "a\xe2\x81\xa7z", // right-to-left isolate
    "a\xd8\x9cz",     // Arabic letter mark
    "a\xe2\x80\xa8z", // line separator
};

/// A valid text, and its encoding as a segment.
struct Encoded
{
    const char* text;
    const char* segment;
};

const std::vector<Encoded> encoded{
    {"h7dOU3v2QkrhVNcdBuTKCzpE", "h7dOU3v2QkrhVNcdBuTKCzpE"},
    {"a-b._~c", "a-b._~c"},
    {"...", "..."},
    {".a", ".a"},
    {"../x", "..%2Fx"},
    {"../../admin", "..%2F..%2Fadmin"},
    {"a/b", "a%2Fb"},
    {"/", "%2F"},
    {"%2e%2e", "%252e%252e"},
    {"%2F", "%252F"},
    {"%", "%25"},
    {"%00", "%2500"},
    {"%0d%0a", "%250d%250a"},
    {"a?b", "a%3Fb"},
    {"a#b", "a%23b"},
    {"a;b", "a%3Bb"},
    {"a+b", "a%2Bb"},
    {"a b", "a%20b"},
    {" ", "%20"},
    {"a&b=c", "a%26b%3Dc"},
    {"a:b@c", "a%3Ab%40c"},
    {"\\..\\", "%5C..%5C"},
    {"'; DROP TABLE users;--", "%27%3B%20DROP%20TABLE%20users%3B--"},
    {"<script>", "%3Cscript%3E"},
    {"${jndi:x}", "%24%7Bjndi%3Ax%7D"},
    {"\xc3\xa9", "%C3%A9"},
    {"\xf0\x9f\x98\x80", "%F0%9F%98%80"},
    {"\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7", "%D9%85%D8%B1%D8%AD%D8%A8%D8%A7"},
    {"null", "null"},
    {"undefined", "undefined"},
    {"-1", "-1"},
};

std::string line(const expected<http::Request>& request)
{
    if (!request)
        return to_string(request.error());
    std::string result{request->method};
    result += ' ' + request->target;
    if (request->has_body)
        result += ' ' + request->body;
    return result;
}

/// Every operation on a user, and where the id stands in its target.
struct OnUser
{
    std::function<expected<http::Request>(std::string_view)> build;
    const char* method;
    const char* suffix;
};

const std::vector<OnUser> on_user{
    {[](auto id) { return requests.build(get_user, id); }, "GET ", ""},
    {[](auto id) { return requests.build(update_user, id, UpdateUserRequest{}.clear_phone()); }, "PATCH ",
     " {\"phone\":null}"},
    {[](auto id) { return requests.build(activate_user, id); }, "PATCH ", "/activate"},
    {[](auto id) { return requests.build(deactivate_user, id); }, "PATCH ", "/deactivate"},
    {[](auto id) { return requests.build(delete_user, id); }, "DELETE ", ""},
    {[](auto id) { return requests.build(list_user_devices, id); }, "GET ", "/devices"},
    {[](auto id) { return requests.build(delete_user_device, id, "d"); }, "DELETE ", "/devices/d"},
    {[](auto id) { return requests.build(revoke_user_refresh_tokens, id); }, "DELETE ", "/tokens"},
};

void check_refused(const expected<http::Request>& request, Errc code, std::string_view what)
{
    BOOST_TEST_REQUIRE(!request.has_value(), line(request));
    BOOST_TEST((request.error().code == code), request.error());
    BOOST_TEST(request.error().message.starts_with(what), request.error());
    BOOST_TEST(request.error().message.size() >= what.size());
    BOOST_TEST(request.error().message.size() <= 512u);
    BOOST_TEST((request.error().effect == Effect::none));
    // The message does not repeat the refused text.
    BOOST_TEST(request.error().message.find_first_of("\r\n\x1b\x7f") == std::string::npos);
}

std::string email_body(std::string_view email)
{
    return R"(POST /v1/apps/app/users {"email":")" + std::string{email} + "\"}";
}

expected<http::Request> find_user(std::string_view identifier)
{
    return requests.build(get_user_by_identifier, Identifier{identifier});
}

} // namespace

BOOST_AUTO_TEST_SUITE(building_requests)

BOOST_AUTO_TEST_CASE(an_id_is_one_segment_of_the_path)
{
    for (const Encoded& id : encoded) {
        for (const OnUser& operation : on_user)
            BOOST_TEST(line(operation.build(id.text)) ==
                       operation.method + "/v1/apps/app/users/"s + id.segment + operation.suffix);
        BOOST_TEST(line(requests.build(delete_user_device, "u", id.text)) ==
                   "DELETE /v1/apps/app/users/u/devices/"s + id.segment);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_id_is_refused)
{
    std::vector<std::string> ids = hostile;
    ids.insert(ids.end(), {"", ".", ".."});
    for (const std::string& id : ids) {
        for (const OnUser& operation : on_user)
            check_refused(operation.build(id), Errc::invalid_argument, "user_id ");
        check_refused(requests.build(delete_user_device, "u", id), Errc::invalid_argument, "device_id ");
    }
    for (const std::size_t size : {std::size_t{257}, std::size_t{10'000'000}}) {
        const std::string id(size, 'i');
        for (const OnUser& operation : on_user)
            check_refused(operation.build(id), Errc::too_large, "user_id ");
        check_refused(requests.build(delete_user_device, "u", id), Errc::too_large, "device_id ");
    }
    BOOST_TEST(requests.build(get_user, std::string(256, 'i')).has_value());
}

BOOST_AUTO_TEST_CASE(the_base_path_and_the_app_stand_before_each_target)
{
    BOOST_TEST(line(Requests{"", "app-1", 10}.build(get_user, "u")) == "GET /apps/app-1/users/u");
    BOOST_TEST(line(Requests{"/a/b%2F", "x", 10}.build(get_user, "u")) == "GET /a/b%2F/apps/x/users/u");
    BOOST_TEST(line(Requests{"/v1", "app/../other", 10}.build(get_user, "u")) ==
               "GET /v1/apps/app%2F..%2Fother/users/u");
}

BOOST_AUTO_TEST_CASE(a_user_is_created_from_what_is_named)
{
    BOOST_TEST(line(requests.build(create_user, CreateUserRequest{}.email("a@b.c"))) == email_body("a@b.c"));
    BOOST_TEST(line(requests.build(create_user, CreateUserRequest{}.phone("+15005550007"))) ==
               R"(POST /v1/apps/app/users {"phone":"+15005550007"})");
    BOOST_TEST(
        line(requests.build(create_user, CreateUserRequest{}.email("a@b.c").phone("+15005550007").metadata("k", 1))) ==
        R"(POST /v1/apps/app/users {"email":"a@b.c","phone":"+15005550007","user_metadata":{"k":1}})");
    check_refused(requests.build(create_user, {}), Errc::invalid_argument, "create_user ");
    check_refused(requests.build(create_user, CreateUserRequest{}.metadata("k", 1)), Errc::invalid_argument,
                  "create_user ");
}

BOOST_AUTO_TEST_CASE(an_update_sends_what_is_to_change)
{
    const auto update = [](const UpdateUserRequest& request) {
        return line(requests.build(update_user, "u", request));
    };
    const std::string target = "PATCH /v1/apps/app/users/u ";
    BOOST_TEST(update(UpdateUserRequest{}.email("a@b.c")) == target + R"({"email":"a@b.c"})");
    BOOST_TEST(update(UpdateUserRequest{}.clear_email()) == target + R"({"email":null})");
    BOOST_TEST(update(UpdateUserRequest{}.phone("+4420794601")) == target + R"({"phone":"+4420794601"})");
    BOOST_TEST(update(UpdateUserRequest{}.clear_metadata().clear_phone()) ==
               target + R"({"phone":null,"user_metadata":null})");
    BOOST_TEST(update(UpdateUserRequest{}.metadata(boost::json::object{})) == target + R"({"user_metadata":{}})");
    check_refused(requests.build(update_user, "u", {}), Errc::invalid_argument, "update_user ");
}

BOOST_AUTO_TEST_CASE(emails_are_taken_or_refused)
{
    const std::string longest = std::string(318, 'a') + "@b";
    for (const std::string& email :
         {"a@b"s, "jane.doe+x@example.com"s, "\"a b\"@c"s, "a@b@c"s, "a b@c"s, "UPPER@CASE.COM"s,
          "j\xc3\xbcrg@b\xc3\xbc"
          "cher.example"s,
          longest}) {
        BOOST_TEST(requests.build(create_user, CreateUserRequest{}.email(email)).has_value(), email);
        BOOST_TEST(requests.build(update_user, "u", UpdateUserRequest{}.email(email)).has_value(), email);
    }
    BOOST_TEST(line(requests.build(create_user, CreateUserRequest{}.email("\"a b\"@c"))) == email_body(R"(\"a b\"@c)"));

    std::vector<std::string> bad{"", "@", "a", "a@", "@b", "a b", "a@b\r\nBcc: c@d"};
    for (const std::string& text : hostile)
        bad.insert(bad.end(), {text + "@b", "a@" + text});
    for (const std::string& email : bad) {
        check_refused(requests.build(create_user, CreateUserRequest{}.email(email)), Errc::invalid_argument, "email ");
        check_refused(requests.build(update_user, "u", UpdateUserRequest{}.email(email)), Errc::invalid_argument,
                      "email ");
    }
    for (const std::string& email : {"a" + longest, "a@" + std::string(10'000'000, 'b')})
        check_refused(requests.build(create_user, CreateUserRequest{}.email(email)), Errc::too_large, "email ");
}

BOOST_AUTO_TEST_CASE(phones_are_e164)
{
    for (const char* phone : {"+15005550007", "+12", "+123456789012345", "+4915112345678"}) {
        BOOST_TEST(requests.build(create_user, CreateUserRequest{}.phone(phone)).has_value(), phone);
        BOOST_TEST(requests.build(update_user, "u", UpdateUserRequest{}.phone(phone)).has_value(), phone);
    }
    std::vector<std::string> bad{"",
                                 "+",
                                 "15005550007",
                                 "+05005550007",
                                 "+1",
                                 "+1234567890123456",
                                 "+1500555000a",
                                 "+1 500 555 0007",
                                 "+1-500-555-0007",
                                 "+1(500)5550007",
                                 "+15005550007;ext=1",
                                 "++15005550007",
                                 "+15005550007 ",
                                 " +15005550007",
                                 "0015005550007",
                                 "+15005550007\n",
                                 "+\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4",
                                 "+1500555\0007"s,
                                 std::string(10'000'000, '1'),
                                 "+" + std::string(10'000'000, '1')};
    for (const std::string& text : hostile)
        bad.insert(bad.end(), {text, "+1500555" + text});
    for (const std::string& phone : bad) {
        check_refused(requests.build(create_user, CreateUserRequest{}.phone(phone)), Errc::invalid_argument, "phone ");
        check_refused(requests.build(update_user, "u", UpdateUserRequest{}.phone(phone)), Errc::invalid_argument,
                      "phone ");
    }
}

BOOST_AUTO_TEST_CASE(metadata_that_json_cannot_hold_are_refused)
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    for (const boost::json::value& value :
         {boost::json::value(nan), boost::json::value(infinity), boost::json::value(-infinity),
          boost::json::value("\xff"), boost::json::value(boost::json::array{1, nan})}) {
        check_refused(requests.build(create_user, CreateUserRequest{}.email("a@b").metadata("k", value)),
                      Errc::invalid_argument, "at /user_metadata/k");
        check_refused(requests.build(update_user, "u", UpdateUserRequest{}.metadata("k", value)),
                      Errc::invalid_argument, "at /user_metadata/k");
    }
}

BOOST_AUTO_TEST_CASE(control_characters_of_metadata_are_escaped)
{
    BOOST_TEST(line(requests.build(update_user, "u", UpdateUserRequest{}.metadata("k\r\n", "v\0\x7f"s))) ==
               "PATCH /v1/apps/app/users/u {\"user_metadata\":{\"k\\r\\n\":\"v\\u0000\x7f\"}}");
}

BOOST_AUTO_TEST_CASE(a_body_beyond_the_limit_is_too_large)
{
    const auto with = [](std::size_t size) {
        return requests.build(create_user, CreateUserRequest{}.email("a@b").metadata("k", std::string(size, 'v')));
    };
    const std::size_t around = with(0)->body.size();
    BOOST_TEST(with(100'000 - around)->body.size() == 100'000u);
    check_refused(with(100'001 - around), Errc::too_large, "the request's body exceeds 100000 bytes");
    check_refused(with(10'000'000), Errc::too_large, "the request's body ");
    check_refused(requests.build(update_user, "u", UpdateUserRequest{}.metadata("k", boost::json::array(1'000'000, 1))),
                  Errc::too_large, "the request's body ");
}

BOOST_AUTO_TEST_CASE(a_user_is_looked_up_by_the_identifier_in_lower_case)
{
    const std::string target = "GET /v1/apps/app/users?limit=1&identifier=";
    BOOST_TEST(line(find_user("Jane.Doe@Example.COM")) == target + "jane.doe%40example.com");
    BOOST_TEST(line(find_user("+15005550007")) == target + "%2B15005550007");
    BOOST_TEST(line(find_user("a&limit=500")) == target + "a%26limit%3D500");
    BOOST_TEST(line(find_user("a#b%20")) == target + "a%23b%2520");
    BOOST_TEST(line(find_user("\xc3\x89@b")) == target + "%C3%89%40b"); // only A to Z have another case
    BOOST_TEST(line(find_user("a<like:%>")) == target + "a%3Clike%3A%25%3E");

    check_refused(find_user(""), Errc::invalid_argument, "identifier ");
    for (const char* text : {"<", "<like:%>", "<ne:x>", "<LIKE:%>", "<gt:"})
        check_refused(find_user(text), Errc::invalid_argument, "identifier ");
    for (const std::string& text : hostile)
        check_refused(find_user(text), Errc::invalid_argument, "identifier ");
    check_refused(find_user(std::string(321, 'a')), Errc::too_large, "identifier ");
    check_refused(find_user(std::string(10'000'000, 'a')), Errc::too_large, "identifier ");
}

BOOST_AUTO_TEST_CASE(a_list_says_which_users_in_what_order)
{
    namespace field = user_field;
    const auto query = [](const ListUsersRequest& request) {
        const std::string text = line(requests.build(list_users, request));
        constexpr std::string_view begin = "GET /v1/apps/app/users";
        BOOST_TEST_REQUIRE(text.starts_with(begin), text);
        return text.substr(begin.size());
    };
    const Timestamp time = std::chrono::sys_days{std::chrono::year{2024} / 3 / 11} + std::chrono::microseconds{1'827};

    BOOST_TEST(query({}) == "");
    BOOST_TEST(query(ListUsersRequest{}.page(1)) == "?page=1");
    BOOST_TEST(query(ListUsersRequest{}.limit(500)) == "?limit=500");
    BOOST_TEST(query(ListUsersRequest{}.created_before(std::chrono::sys_seconds{std::chrono::seconds{1738447800}})) ==
               "?created_before=1738447800");
    BOOST_TEST(query(ListUsersRequest{}.order_by(field::created_at.descending())) == "?order_by=created_at%3ADESC");
    BOOST_TEST(query(ListUsersRequest{}
                         .order_by(field::status.ascending())
                         .order_by(field::login_count.descending())
                         .order_by(field::id.ascending())) == "?order_by=status%3AASC%2Clogin_count%3ADESC%2Cid%3AASC");
    BOOST_TEST(query(ListUsersRequest{}
                         .where(field::status == UserStatus::active)
                         .order_by(field::updated_at.ascending())
                         .limit(10)
                         .page(3)) == "?page=3&limit=10&order_by=updated_at%3AASC&status=active");

    struct Case
    {
        UserFilter filter;
        const char* query;
    };
    const std::vector<Case> cases{
        {field::identifier == "a@b.c", "?identifier=a%40b.c"},
        {field::identifier != "a@b.c", "?identifier=%3Cne%3Aa%40b.c%3E"},
        {field::identifier.like("%@b.c"), "?identifier=%3Clike%3A%25%40b.c%3E"},
        {field::identifier.not_like("%x&y=z%"), "?identifier=%3Cnot_like%3A%25x%26y%3Dz%25%3E"},
        {field::id == "u", "?id=u"},
        {field::id > "u", "?id=%3Cgt%3Au%3E"},
        {field::id.like("<like:%>"), "?id=%3Clike%3A%3Clike%3A%25%3E%3E"},
        {field::status == UserStatus::pending, "?status=pending"},
        {field::status != UserStatus::inactive, "?status=%3Cne%3Ainactive%3E"},
        {field::login_count == 0, "?login_count=0"},
        {field::login_count > 3, "?login_count=%3Cgt%3A3%3E"},
        {field::login_count < -1, "?login_count=%3Clt%3A-1%3E"},
        {field::login_count == std::numeric_limits<std::int64_t>::min(), "?login_count=-9223372036854775808"},
        {field::created_at < time, "?created_at=%3Clt%3A2024-03-11T00%3A00%3A00.001827Z%3E"},
        {field::updated_at == time, "?updated_at=2024-03-11T00%3A00%3A00.001827Z"},
        {field::last_login_at != never, "?last_login_at=%3Cne%3A0001-01-01T00%3A00%3A00.000000Z%3E"},
        {{"a&b=c", UserFilter::Comparison::equal, "v"}, "?a%26b%3Dc=v"},
    };
    for (const Case& test : cases)
        BOOST_TEST(query(ListUsersRequest{}.where(test.filter)) == test.query);
    BOOST_TEST(query(ListUsersRequest{}.where(field::login_count > 1).where(field::login_count < 9)) ==
               "?login_count=%3Cgt%3A1%3E&login_count=%3Clt%3A9%3E");
}

BOOST_AUTO_TEST_CASE(an_app_is_asked_for_by_its_path)
{
    BOOST_TEST(line(requests.build(get_app)) == "GET /v1/apps/app");
    BOOST_TEST(line(requests.build(authenticate)) == "GET /v1/apps/app/.well-known/jwks.json");
}

BOOST_AUTO_TEST_CASE(a_magic_link_is_for_one_recipient_by_its_channel)
{
    using Request = CreateMagicLinkRequest;
    const std::string target = "POST /v1/apps/app/magic-links ";
    BOOST_TEST(line(requests.build(create_magic_link, Request::for_email("a@b.c"))) ==
               target + R"({"email":"a@b.c","channel":"email","send":false})");
    BOOST_TEST(line(requests.build(create_magic_link, Request::for_phone("+15005550007").send())) ==
               target + R"({"phone":"+15005550007","channel":"phone","send":true})");
    BOOST_TEST(
        line(requests.build(create_magic_link, Request::for_user("u/1", MagicLinkChannel::phone)
                                                   .send()
                                                   .type(MagicLinkType::verify_identifier)
                                                   .language(MagicLinkLanguage::zh)
                                                   .ttl(std::chrono::hours{1})
                                                   .path("/in?x=\"1\"")
                                                   .redirect("https://x.example/out"))) ==
        target + R"({"user_id":"u/1","channel":"phone","send":true,"type":"verify_identifier",)" +
            R"("language":"zh","ttl":60,"magic_link_path":"/in?x=\"1\"","redirect_url":"https://x.example/out"})");
}

BOOST_AUTO_TEST_CASE(what_is_no_magic_link_is_refused)
{
    using Request = CreateMagicLinkRequest;
    constexpr auto invalid = Errc::invalid_argument;
    const auto email = [] { return Request::for_email("a@b.c"); };
    check_refused(requests.build(create_magic_link, Request::for_email("a")), invalid, "email ");
    check_refused(requests.build(create_magic_link, Request::for_phone("911")), invalid, "phone ");
    for (const char* id : {"", ".", ".."})
        check_refused(requests.build(create_magic_link, Request::for_user(id, MagicLinkChannel::email)), invalid,
                      "user_id ");
    check_refused(requests.build(create_magic_link, Request::for_user("u", MagicLinkChannel::unknown)), invalid,
                  "channel ");
    check_refused(requests.build(create_magic_link, email().type(MagicLinkType::unknown)), invalid, "type ");
    check_refused(requests.build(create_magic_link, email().language(MagicLinkLanguage::unknown)), invalid,
                  "language ");
    for (const std::chrono::minutes ttl : {std::chrono::minutes{0}, std::chrono::minutes::min()})
        check_refused(requests.build(create_magic_link, email().ttl(ttl)), invalid, "ttl ");
    for (const std::string& text : hostile) {
        check_refused(requests.build(create_magic_link, Request::for_email("a@" + text)), invalid, "email ");
        check_refused(requests.build(create_magic_link, email().path(text)), invalid, "path ");
        check_refused(requests.build(create_magic_link, email().redirect(text)), invalid, "redirect ");
    }
    check_refused(requests.build(create_magic_link, email().path(std::string(10'000'000, '/'))), Errc::too_large,
                  "path ");
    check_refused(requests.build(create_magic_link, email().redirect(std::string(2049, '/'))), Errc::too_large,
                  "redirect ");
}

BOOST_AUTO_TEST_CASE(what_is_no_list_is_refused)
{
    namespace field = user_field;
    constexpr auto invalid = Errc::invalid_argument;
    for (const std::int64_t page : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()})
        check_refused(requests.build(list_users, ListUsersRequest{}.page(page)), invalid, "page ");
    for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{501}})
        check_refused(requests.build(list_users, ListUsersRequest{}.limit(limit)), invalid, "limit ");
    for (const char* text : {"", "<ne:x>", "<", "<like:%>"})
        check_refused(requests.build(list_users, ListUsersRequest{}.where(field::identifier == text)), invalid,
                      "identifier ");
    check_refused(requests.build(list_users, ListUsersRequest{}.where(field::id.like(""))), invalid, "id ");
    check_refused(requests.build(list_users, ListUsersRequest{}.where(field::status == UserStatus::unknown)), invalid,
                  "status ");
    for (const std::string& text : hostile)
        check_refused(requests.build(list_users, ListUsersRequest{}.where(field::id.like(text))), invalid, "id ");
    check_refused(requests.build(list_users, ListUsersRequest{}.where(field::id == std::string(1025, 'i'))),
                  Errc::too_large, "id ");
    check_refused(requests.build(list_users, ListUsersRequest{}.where(field::id == std::string(10'000'000, 'i'))),
                  Errc::too_large, "id ");
    ListUsersRequest many;
    for (int i = 0; i < 100'000; ++i)
        many.where(field::login_count > i);
    check_refused(requests.build(list_users, many), Errc::too_large, "the list's conditions ");
}

BOOST_AUTO_TEST_SUITE_END()
