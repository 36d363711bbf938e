#include "local_service.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <ostream>

namespace data = boost::unit_test::data;
namespace json = boost::json;
using namespace passage::emulator;

namespace {

std::string text(const json::value& value)
{
    return {value.as_string().data(), value.as_string().size()};
}

/// A user whose metadata nests this deep, itself included.
std::string with_nested_metadata(std::size_t depth)
{
    const std::string arrays = std::string(depth - 1, '[') + std::string(depth - 1, ']');
    return R"({"email":"deep@example.com","user_metadata":{"x":)" + arrays + "}}";
}

struct Refused
{
    std::string method;
    std::string target;
    std::string body;
    unsigned status;
    std::string code;

    friend std::ostream& operator<<(std::ostream& stream, const Refused& refused)
    {
        return stream << refused.method << ' ' << refused.target << ' ' << refused.body;
    }
};

// USER stands for the id of a user that exists.
const std::vector<Refused> refused_calls{
    {"POST", "/v1/apps/app/users", "", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", "{", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", "[]", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", "{}", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":null})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":""})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":5})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"no at"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"@b.c"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b@c"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b.c\r\nBcc: x"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b.c\u0000"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":")" + std::string(320, 'a') + R"(@b.c"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"15005550007"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"+05005550007"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"+1 500 555 0007"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"+1234567890123456"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"+1"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"phone":"+1;ext=5"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b.c","user_metadata":[]})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b.c","user_metadata":"{}"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"a@b.c","user_metadata":{"x":1e400}})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", with_nested_metadata(30), 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"TAKEN@example.com"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/users", R"({"email":"b@b.c","phone":"+15005550001"})", 400, "invalid_request"},
    {"POST", "/v1/apps/none/users", R"({"email":"a@b.c"})", 404, "app_not_found"},
    {"PATCH", "/v1/apps/app/users/USER", "", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", "nonsense", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"email":"taken@EXAMPLE.com"})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"phone":"+15005550001"})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"email":null,"phone":null})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"email":null,"phone":""})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"user_metadata":7})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", R"({"user_metadata":{"x":-1e400}})", 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/USER", with_nested_metadata(30), 400, "invalid_request"},
    {"PATCH", "/v1/apps/app/users/none", R"({"email":"c@b.c"})", 404, "user_not_found"},
    {"PATCH", "/v1/apps/app/users/none/activate", "", 404, "user_not_found"},
    {"PATCH", "/v1/apps/app/users/none/deactivate", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/none", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users//", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/a%2Fb", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/..", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/%2e%2e", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/%ff%00", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/%zz", "", 400, "invalid_request"},
    {"GET", "/v1/apps/none/users/USER", "", 404, "app_not_found"},
    {"DELETE", "/v1/apps/app/users/none", "", 404, "user_not_found"},
    {"GET", "/v1/apps/app/users/none/devices", "", 404, "user_not_found"},
    {"DELETE", "/v1/apps/app/users/USER/devices/none", "", 404, "device_not_found"},
    {"DELETE", "/v1/apps/app/users/none/devices/none", "", 404, "user_not_found"},
    {"DELETE", "/v1/apps/app/users/none/tokens", "", 404, "user_not_found"},
    {"GET", "/v1/apps/none", "", 404, "app_not_found"},
    {"GET", "/v1/apps/app/users?page=0", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?page=x", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?page=99999999999999999999", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?limit=0", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?limit=501", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?limit=", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?limit=+5", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?created_before=-1", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?created_before=9999999999999999", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=identifier:ASC", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=id", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=id:UP", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=id:ASC,", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?order_by=pk:ASC", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=many", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=%3Clike:4%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=%3Cge:4%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=%3Cgt:4", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=%3Cgt%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?login_count=%3C:4%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?status=asleep", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?created_at=yesterday", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?created_at=%3Clike:2023%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?last_login_at=%3Cgt:2023-01-01%3E", "", 400, "invalid_request"},
    {"GET", "/v1/apps/app/users?id=%zz", "", 400, "invalid_request"},
    {"GET", "/", "", 404, "route_not_found"},
    {"GET", "", "", 404, "route_not_found"},
    {"GET", "*", "", 404, "route_not_found"},
    {"GET", "/v1", "", 404, "route_not_found"},
    {"GET", "/v1/apps/app/user", "", 404, "route_not_found"},
    {"GET", "/V1/apps/app/users", "", 404, "route_not_found"},
    {"DELETE", "/v1/apps/app/users/", "", 405, "method_not_allowed"},
    {"DELETE", "/v1/apps/app/users/USER/devices/", "", 405, "method_not_allowed"},
    {"GET", "/v1/apps/app/users/USER/nothing", "", 404, "route_not_found"},
    {"GET", "/v1/apps/app/../app/users", "", 404, "route_not_found"},
    {"GET", "//v1/apps/app/users", "", 404, "route_not_found"},
    {"POST", "/v1/apps/app/users/USER", "{}", 405, "method_not_allowed"},
    {"PUT", "/v1/apps/app/users", "{}", 405, "method_not_allowed"},
    {"get", "/v1/apps/app/users", "{}", 405, "method_not_allowed"},
    {"BREW", "/v1/apps/app", "", 405, "method_not_allowed"},
    {"GET", "/v1/apps/app/users/USER/activate", "", 405, "method_not_allowed"},
    {"POST", "/admin/apps/app/users/none/devices", "{}", 404, "user_not_found"},
    {"POST", "/admin/apps/app/users/USER/devices", R"({"usage_count":"x"})", 400, "invalid_request"},
    {"PUT", "/admin/apps/app/users/USER/social/myspace", "{}", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", "", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", "{}", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","phone":"+15005550001"})", 400,
     "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","user_id":"USER"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"no at"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"phone":"123"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"user_id":7})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","send":true})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","channel":"phone"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"phone":"+15005550001","channel":"email"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","channel":"pigeon"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","type":"logout"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","language":"xx"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"","phone":"","user_id":""})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","ttl":-1})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","ttl":"5"})", 400, "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","magic_link_path":"https://x.y/"})", 400,
     "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"email":"taken@example.com","magic_link_path":"//x.y"})", 400,
     "invalid_request"},
    {"POST", "/v1/apps/app/magic-links", R"({"user_id":"nobody"})", 404, "user_not_found"},
    {"POST", "/v1/apps/none/magic-links", R"({"email":"taken@example.com"})", 404, "app_not_found"},
    {"DELETE", "/admin/apps/app/keys/none", "", 404, "key_not_found"},
    {"POST", "/admin/apps/app/users", "{}", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"email":"x@y.z","webauthn_devices":{}})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"email":"x@y.z","recent_events":[1]})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"id":"","email":"x@y.z"})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"id":"..","email":"x@y.z"})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"email":"x@y.z","created_at":"0000-01-01T00:00:00Z"})", 400,
     "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"email":"x@y.z","webauthn_devices":[{"id":""}]})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", R"({"email":"x@y.z","user_metadata":{"x":1e400}})", 400, "invalid_request"},
    {"POST", "/admin/apps/app/users", with_nested_metadata(30), 400, "invalid_request"},
    {"POST", "/admin/apps/app/users/USER/devices", R"({"id":""})", 400, "invalid_request"},
};

/// A call of an endpoint. USER stands for the id of a user that exists.
struct Served
{
    std::string method;
    std::string target;

    explicit Served(const Endpoint& endpoint) : method(endpoint.method), target(endpoint.pattern)
    {
        fill("app");
        if (target.find("/users/") != std::string::npos) {
            fill("USER");
        }
        fill(target.find("/social/") != std::string::npos ? "github" : "thing");
    }

    friend std::ostream& operator<<(std::ostream& stream, const Served& route)
    {
        return stream << route.method << ' ' << route.target;
    }

private:
    void fill(std::string_view segment)
    {
        if (const std::size_t at = target.find("{}"); at != std::string::npos) {
            target.replace(at, 2, segment);
        }
    }
};

std::vector<Served> calls_of(bool public_too)
{
    std::vector<Served> calls;
    for (const Endpoint& endpoint : endpoints()) {
        if (public_too || !endpoint.is_public) {
            calls.emplace_back(endpoint);
        }
    }
    return calls;
}

const std::vector<Served> all_routes = calls_of(true);
const std::vector<Served> routes_with_key = calls_of(false);

std::string replaced(std::string text, const std::string& what, const std::string& with)
{
    const std::size_t at = text.find(what);
    return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

struct WithUser : LocalService
{
    std::string taken = create(R"({"email":"taken@example.com","phone":"+15005550001"})");
    std::string id = create(R"({"email":"Jane@Example.com","phone":"+15005550002","user_metadata":{"a":1}})");

    json::object link_of(const std::string& body)
    {
        const Response response = call("POST", "/v1/apps/app/magic-links", body);
        BOOST_TEST_REQUIRE(response.status == 201U, response.body);
        return json::parse(response.body).at("magic_link").as_object();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(calls, WithUser)

BOOST_DATA_TEST_CASE_F(WithUser, refused_call_says_why, data::make(refused_calls), refused)
{
    const std::string before = users("GET").body;
    const Response response =
        call(refused.method, replaced(refused.target, "USER", id), replaced(refused.body, "USER", id));
    BOOST_TEST(response.status == refused.status, response.body);
    BOOST_TEST(code_of(response) == refused.code);
    BOOST_TEST(json::parse(users("GET").body).at("users") == json::parse(before).at("users"));
}

BOOST_AUTO_TEST_CASE(refusal_names_the_field_that_is_taken)
{
    const std::string planted = "/admin/apps/app/users";
    const auto refusal_of = [this](const char* method, const std::string& target, const std::string& body) {
        const Response response = call(method, target, body);
        BOOST_TEST(code_of(response) == "invalid_request");
        return text(json::parse(response.body).at("error"));
    };
    for (const auto& [method, target] : {std::pair{"POST", std::string{"/v1/apps/app/users"}},
                                         {"PATCH", "/v1/apps/app/users/" + id},
                                         {"POST", planted}}) {
        BOOST_TEST(refusal_of(method, target, R"({"email":"TAKEN@example.com","phone":"+15005550077"})") ==
                   "The email is taken already.");
        BOOST_TEST(refusal_of(method, target, R"({"email":"free@example.com","phone":"+15005550001"})") ==
                   "The phone is taken already.");
        BOOST_TEST(refusal_of(method, target, R"({"email":"taken@example.com","phone":"+15005550001"})") ==
                   "The email is taken already.");
    }
    BOOST_TEST(refusal_of("POST", planted, R"({"id":")" + id + R"(","email":"free@example.com"})") ==
               "The id is taken already.");
    call("POST", planted + "/" + id + "/devices", R"({"id":"thing"})");
    BOOST_TEST(refusal_of("POST", planted + "/" + id + "/devices", R"({"id":"thing"})") == "The id is taken already.");
}

BOOST_AUTO_TEST_CASE(created_user_is_shown_whole)
{
    const Response response = users("POST", "",
                                    R"({"email":"New.User+x@Example.com","phone":"+4915112345678",)"
                                    R"("user_metadata":{"n":1.10},"unknown":{"x":[1]}})");
    BOOST_TEST(response.status == 201U);
    const json::object user = user_of(response);
    BOOST_TEST(text(user.at("id")).size() == 24U);
    BOOST_TEST(text(user.at("email")) == "New.User+x@Example.com");
    BOOST_TEST(text(user.at("phone")) == "+4915112345678");
    BOOST_TEST(user.at("email_verified").as_bool() == false);
    BOOST_TEST(text(user.at("status")) == "pending");
    BOOST_TEST(text(user.at("last_login_at")) == "0001-01-01T00:00:00Z");
    BOOST_TEST((user.at("created_at") == user.at("updated_at")));
    BOOST_TEST(user.at("login_count").as_int64() == 0);
    BOOST_TEST((response.body.find(R"("user_metadata":{"n":1.10})") != std::string::npos));
    for (const char* list : {"webauthn_types", "webauthn_devices", "recent_events"}) {
        BOOST_TEST(user.at(list).as_array().empty());
    }
    BOOST_TEST(user.at("social_connections").as_object().empty());
    BOOST_TEST(users("GET", "/" + text(user.at("id"))).body == response.body);
}

BOOST_AUTO_TEST_CASE(missing_identifier_is_shown_as_empty_text)
{
    const json::object user = user_of(users("POST", "", R"({"phone":"+15005550009","email":null})"));
    BOOST_TEST(text(user.at("email")).empty());
    BOOST_TEST(user.at("user_metadata").is_null());
}

BOOST_AUTO_TEST_CASE(update_leaves_what_is_absent)
{
    const json::object before = user_of(users("GET", "/" + id));
    const Response response = users("PATCH", "/" + id, R"({"phone":"+15005550003"})");
    BOOST_TEST(response.status == 200U);
    json::object after = user_of(response);
    BOOST_TEST(text(after.at("phone")) == "+15005550003");
    BOOST_TEST(text(after.at("updated_at")) > text(before.at("updated_at")));
    after["phone"] = before.at("phone");
    after["updated_at"] = before.at("updated_at");
    BOOST_TEST((after == before), json::serialize(after));
}

BOOST_AUTO_TEST_CASE(update_clears_what_is_null)
{
    const json::object user = user_of(users("PATCH", "/" + id, R"({"email":null,"user_metadata":null})"));
    BOOST_TEST(text(user.at("email")).empty());
    BOOST_TEST(text(user.at("phone")) == "+15005550002");
    BOOST_TEST(user.at("user_metadata").is_null());
    BOOST_TEST(users("POST", "", R"({"email":"jane@example.com"})").status == 201U, "a cleared e-mail is free again");
}

BOOST_AUTO_TEST_CASE(update_replaces_metadata_whole)
{
    const json::object user = user_of(users("PATCH", "/" + id, R"({"user_metadata":{}})"));
    BOOST_TEST(user.at("user_metadata").as_object().empty());
}

BOOST_AUTO_TEST_CASE(user_may_keep_its_own_identifiers)
{
    BOOST_TEST(users("PATCH", "/" + id, R"({"email":"JANE@example.com","phone":"+15005550002"})").status == 200U);
    BOOST_TEST(text(user_of(users("GET", "/" + id)).at("email")) == "JANE@example.com");
}

BOOST_AUTO_TEST_CASE(e_mail_stays_verified_if_only_its_case_changes)
{
    call("POST", "/admin/apps/app/users", R"({"id":"v","email":"v@x.y","email_verified":true})");
    const json::object user = user_of(users("PATCH", "/v", R"({"email":"V@X.y"})"));
    BOOST_TEST(text(user.at("email")) == "V@X.y");
    BOOST_TEST(user.at("email_verified").as_bool());
}

BOOST_AUTO_TEST_CASE(changed_identifier_is_not_verified_any_more)
{
    call("POST", "/admin/apps/app/users",
         R"({"id":"v","email":"v@x.y","email_verified":true,"phone":"+15005550008","phone_verified":true})");
    BOOST_TEST(user_of(users("PATCH", "/v", R"({"email":"v@x.y"})")).at("email_verified").as_bool());
    const json::object user = user_of(users("PATCH", "/v", R"({"email":"w@x.y"})"));
    BOOST_TEST(!user.at("email_verified").as_bool());
    BOOST_TEST(user.at("phone_verified").as_bool());
}

BOOST_AUTO_TEST_CASE(status_follows_activation)
{
    BOOST_TEST(text(user_of(users("PATCH", "/" + id + "/activate")).at("status")) == "active");
    BOOST_TEST(text(user_of(users("PATCH", "/" + id + "/activate", "ignored")).at("status")) == "active");
    BOOST_TEST(text(user_of(users("PATCH", "/" + id + "/deactivate")).at("status")) == "inactive");
    BOOST_TEST(text(user_of(users("GET", "/" + id)).at("status")) == "inactive");
}

BOOST_AUTO_TEST_CASE(deleted_user_is_gone_with_all_it_had)
{
    call("POST", "/admin/apps/app/users/" + id + "/devices", R"({"id":"d"})");
    const Response deleted = users("DELETE", "/" + id);
    BOOST_TEST(deleted.status == 200U);
    BOOST_TEST(deleted.body.empty());
    BOOST_TEST(code_of(users("GET", "/" + id)) == "user_not_found");
    BOOST_TEST(code_of(users("DELETE", "/" + id)) == "user_not_found");
    BOOST_TEST(code_of(users("DELETE", "/" + id + "/devices/d")) == "user_not_found");
    BOOST_TEST(users("POST", "", R"({"email":"jane@example.com"})").status == 201U);
}

BOOST_AUTO_TEST_CASE(devices_are_listed_and_deleted)
{
    const Response planted =
        call("POST", "/admin/apps/app/users/" + id + "/devices",
             R"({"id":"d/1","type":"platform","usage_count":3,"icons":{"light":"data:,x","dark":null}})");
    BOOST_TEST(planted.status == 201U);
    call("POST", "/admin/apps/app/users/" + id + "/devices", R"({"id":"d2","type":"platform"})");
    call("POST", "/admin/apps/app/users/" + id + "/devices", R"({"id":"d3","type":"security_key"})");

    const json::object user = user_of(users("GET", "/" + id));
    BOOST_TEST(user.at("webauthn").as_bool());
    BOOST_TEST(json::serialize(user.at("webauthn_types")) == R"(["platform","security_key"])");
    const json::value devices = json::parse(users("GET", "/" + id + "/devices").body).at("devices");
    BOOST_TEST((devices == user.at("webauthn_devices")));
    BOOST_TEST(devices.as_array().size() == 3U);
    BOOST_TEST(text(devices.at(0).at("icons").at("light")) == "data:,x");
    BOOST_TEST(devices.at(0).at("icons").at("dark").is_null());

    const Response deleted = users("DELETE", "/" + id + "/devices/d%2F1");
    BOOST_TEST(deleted.status == 200U);
    BOOST_TEST(deleted.body.empty());
    BOOST_TEST(code_of(users("DELETE", "/" + id + "/devices/d%2F1")) == "device_not_found");
    BOOST_TEST(code_of(users("DELETE", "/" + taken + "/devices/d2")) == "device_not_found");
    BOOST_TEST(json::parse(users("GET", "/" + id + "/devices").body).at("devices").as_array().size() == 2U);
}

BOOST_AUTO_TEST_CASE(events_are_shown_newest_first_and_not_all)
{
    for (int i = 0; i < 15; ++i) {
        call("POST", "/admin/apps/app/users/" + id + "/events",
             R"({"id":"e)" + std::to_string(i) + R"(","social_login_type":"github","type":"new_kind"})");
    }
    const json::object user = user_of(users("GET", "/" + id));
    const json::array& events = user.at("recent_events").as_array();
    BOOST_TEST(events.size() == 10U);
    BOOST_TEST(text(events[0].at("id")) == "e14");
    BOOST_TEST(text(events[9].at("id")) == "e5");
    BOOST_TEST(text(events[0].at("social_login_type")) == "github");
    BOOST_TEST(events[0].at("completed_at").is_null());
}

BOOST_AUTO_TEST_CASE(social_connection_is_shown_by_its_provider)
{
    const std::string target = "/admin/apps/app/users/" + id + "/social/github";
    call("PUT", target, R"({"provider_id":"1","provider_identifier":"old"})");
    BOOST_TEST(call("PUT", target, R"({"provider_id":"2","provider_identifier":"octo"})").status == 201U);
    const json::object user = user_of(users("GET", "/" + id));
    const json::object& connections = user.at("social_connections").as_object();
    BOOST_TEST(connections.size() == 1U);
    BOOST_TEST(text(connections.at("github").at("provider_identifier")) == "octo");
}

BOOST_AUTO_TEST_CASE(planted_user_is_served_as_it_was_given)
{
    const std::string_view given =
        R"({"id":"h7dOU3v2QkrhVNcdBuTKCzpE","created_at":"2023-01-20T15:04:05.123456Z",)"
        R"("updated_at":"2024-03-11T09:21:44.001827Z","last_login_at":"2024-03-11T09:21:43.998112Z",)"
        R"("email":"jane.doe@example.com","email_verified":true,"phone":"+15005550006","phone_verified":false,)"
        R"("external_id":"x","login_count":42,"status":"active","user_metadata":{"plan":"pro","seats":5},)"
        R"("webauthn":true,"webauthn_types":["passkey"],"webauthn_devices":[{"id":"Xk29dLwq0PzR",)"
        R"("cred_id":"m5gxRWC3kI9sJ2q8VnB0Tw","friendly_name":"Chrome on Mac","type":"passkey","usage_count":17,)"
        R"("created_at":"2023-01-20T15:05:00Z","updated_at":"2024-03-11T09:21:43Z",)"
        R"("last_login_at":"2024-03-11T09:21:43Z","icons":{"light":null,"dark":null}}],"recent_events":[)"
        R"({"id":"evt_8aT3","type":"passkey_login","action":"login","status":"complete",)"
        R"("created_at":"2024-03-11T09:21:43Z","completed_at":"2024-03-11T09:21:44Z","ip_addr":"203.0.113.17",)"
        R"("user_agent":"Mozilla/5.0","user_agent_display":"Chrome on Mac","social_login_type":null}],)"
        R"("social_connections":{"apple":{"provider_id":"p","provider_identifier":"i",)"
        R"("created_at":"2023-01-20T15:05:00Z","last_login_at":"2024-03-11T09:21:43Z"}}})";
    BOOST_TEST(call("POST", "/admin/apps/app/users", given).status == 201U);
    const json::object served = user_of(users("GET", "/h7dOU3v2QkrhVNcdBuTKCzpE"));
    BOOST_TEST((json::value(served) == json::parse({given.data(), given.size()})), json::serialize(served));
    BOOST_TEST(code_of(call("POST", "/admin/apps/app/users", given)) == "invalid_request");
}

BOOST_AUTO_TEST_CASE(magic_link_is_made_for_the_user_that_has_the_address)
{
    const json::object link = link_of(R"({"email":"JANE@example.com"})");
    BOOST_TEST(text(link.at("id")).size() == 24U);
    BOOST_TEST(text(link.at("app_id")) == "app");
    BOOST_TEST(text(link.at("user_id")) == id);
    BOOST_TEST(text(link.at("identifier")) == "Jane@Example.com");
    BOOST_TEST(text(link.at("redirect_url")) == "/");
    BOOST_TEST(text(link.at("url")) == "https://localhost/?psg_magic_link=" + text(link.at("secret")));
    BOOST_TEST(link.at("ttl").as_int64() == 5);
    BOOST_TEST(text(link.at("type")) == "login");
    BOOST_TEST(!link.at("activated").as_bool());
    BOOST_TEST(text(link_of(R"({"email":"jane@example.com"})").at("secret")) != text(link.at("secret")));

    const json::object by_phone =
        link_of(R"({"phone":"+15005550002","channel":"phone","send":true,"type":"verify_identifier","language":"de",)"
                R"("magic_link_path":"in?a=b","redirect_url":"/home","ttl":90})");
    BOOST_TEST(text(by_phone.at("user_id")) == id);
    BOOST_TEST(text(by_phone.at("identifier")) == "+15005550002");
    BOOST_TEST(text(by_phone.at("redirect_url")) == "/home");
    BOOST_TEST(text(by_phone.at("url")) == "https://localhost/in?a=b&psg_magic_link=" + text(by_phone.at("secret")));
    BOOST_TEST(by_phone.at("ttl").as_int64() == 90);
    BOOST_TEST(text(by_phone.at("type")) == "verify_identifier");

    const auto identifier_of = [&](const std::string& rest) {
        return text(link_of(R"({"user_id":")" + id + '"' + rest + '}').at("identifier"));
    };
    BOOST_TEST(identifier_of("") == "Jane@Example.com");
    BOOST_TEST(identifier_of(R"(,"channel":"phone")") == "+15005550002");
}

BOOST_AUTO_TEST_CASE(magic_link_is_made_for_an_address_that_nobody_has)
{
    const json::object by_email = link_of(R"({"email":"New@example.com","channel":"email","send":true})");
    BOOST_TEST(text(by_email.at("user_id")).empty());
    BOOST_TEST(text(by_email.at("identifier")) == "New@example.com");
    BOOST_TEST(text(by_email.at("app_id")) == "app");
    BOOST_TEST(!by_email.at("activated").as_bool());
    BOOST_TEST(!text(by_email.at("secret")).empty());

    const json::object by_phone = link_of(R"({"phone":"+15005559999","type":"verify_identifier"})");
    BOOST_TEST(text(by_phone.at("user_id")).empty());
    BOOST_TEST(text(by_phone.at("identifier")) == "+15005559999");
    BOOST_TEST(text(by_phone.at("type")) == "verify_identifier");
}

BOOST_AUTO_TEST_CASE(empty_members_of_a_magic_link_stand_for_absent_ones)
{
    const std::string empty = R"("send":false,"channel":"","type":"","language":"","magic_link_path":"",)"
                              R"("redirect_url":"","ttl":0})";
    const json::object link = link_of(R"({"email":"jane@example.com","phone":"","user_id":"",)" + empty);
    BOOST_TEST(text(link.at("user_id")) == id);
    BOOST_TEST(text(link.at("type")) == "login");
    BOOST_TEST(text(link.at("redirect_url")) == "/");
    BOOST_TEST(link.at("ttl").as_int64() == 5);
    BOOST_TEST(text(link.at("url")) == "https://localhost/?psg_magic_link=" + text(link.at("secret")));

    BOOST_TEST(text(link_of(R"({"email":"","phone":"+15005550002","user_id":"",)" + empty).at("user_id")) == id);
    BOOST_TEST(text(link_of(R"({"email":"","phone":"","user_id":")" + id + R"(",)" + empty).at("user_id")) == id);
}

BOOST_AUTO_TEST_CASE(magic_link_needs_an_address_for_its_channel)
{
    const std::string without_email = create(R"({"phone":"+15005550009"})");
    const std::string asked = R"({"user_id":")" + without_email + R"(","channel":)";
    BOOST_TEST(code_of(call("POST", "/v1/apps/app/magic-links", asked + R"("email"})")) == "invalid_request");
    BOOST_TEST(call("POST", "/v1/apps/app/magic-links", asked + "null}").status == 201U);
}

BOOST_AUTO_TEST_CASE(refresh_tokens_are_revoked_without_a_word)
{
    const Response response = users("DELETE", "/" + id + "/tokens");
    BOOST_TEST(response.status == 200U);
    BOOST_TEST(response.body.empty());
}

BOOST_AUTO_TEST_CASE(list_item_is_the_user_without_what_belongs_to_it)
{
    call("POST", "/admin/apps/app/users/" + id + "/devices", "{}");
    json::object user = user_of(users("GET", "/" + id));
    for (const char* part : {"webauthn", "webauthn_types", "webauthn_devices", "recent_events", "social_connections"}) {
        user.erase(part);
    }
    const json::value page = json::parse(users("GET", "?id=" + id).body);
    BOOST_TEST(page.at("users").as_array().size() == 1U);
    BOOST_TEST((page.at("users").at(0) == json::value(user)), json::serialize(page));
}

BOOST_AUTO_TEST_CASE(get_is_served_to_head)
{
    const Response response = users("HEAD", "/" + id);
    BOOST_TEST(response.status == 200U);
    BOOST_TEST(response.body == users("GET", "/" + id).body);
}

BOOST_DATA_TEST_CASE_F(WithUser, path_may_end_in_a_slash, data::make(all_routes), route)
{
    // As they are without the slash; each on a service of its own, as many of them can be done once only.
    const auto answer_of = [&](const std::string& slash) {
        WithUser service;
        service.call("POST", "/admin/apps/app/users/" + service.id + "/devices", R"({"id":"thing"})");
        return service.call(route.method, replaced(route.target, "USER", service.id) + slash,
                            R"({"email":"new@example.com"})");
    };
    const Response plain = answer_of("");
    const Response slashed = answer_of("/");
    BOOST_TEST(slashed.status == plain.status, slashed.body);
    BOOST_TEST(code_of(slashed) == code_of(plain));
}

BOOST_AUTO_TEST_CASE(links_to_pages_are_the_same_behind_a_slash)
{
    const json::value plain = json::parse(users("GET", "?limit=1").body);
    const json::value slashed = json::parse(
        users("GET", "/?limit=1&created_before=" + std::to_string(plain.at("created_before").as_int64())).body);
    BOOST_TEST((slashed == plain), json::serialize(slashed));
}

BOOST_AUTO_TEST_CASE(refused_method_learns_the_others)
{
    BOOST_TEST(users("PUT", "/" + id).allow == "GET, HEAD, PATCH, DELETE");
    BOOST_TEST(users("PUT").allow == "GET, HEAD, POST");
    BOOST_TEST(call("DELETE", "/v1/apps/app").allow == "GET, HEAD");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(who_may, WithUser)

BOOST_AUTO_TEST_CASE(app_is_shown_without_a_key)
{
    const Response response = call("GET", "/v1/apps/app", "", std::nullopt);
    BOOST_TEST(response.status == 200U);
    BOOST_TEST(text(json::parse(response.body).at("app").at("id")) == "app");
}

BOOST_AUTO_TEST_CASE(request_without_user_agent_is_refused)
{
    for (const std::optional<std::string_view> agent : {std::optional<std::string_view>{}, {std::string_view{}}}) {
        const Response response = answer(store, {"GET", "/v1/apps/app/users", agent, "Bearer key", {}});
        BOOST_TEST(response.status == 403U);
        BOOST_TEST(code_of(response) == "operation_not_allowed");
    }
}

BOOST_DATA_TEST_CASE_F(WithUser, no_route_is_open_to_a_wrong_key, data::make(routes_with_key), route)
{
    const std::string target = replaced(route.target, "USER", id);
    const std::string before = users("GET", "/" + id).body;
    for (const std::optional<std::string_view> authorization :
         {std::optional<std::string_view>{}, {""}, {"Bearer"}, {"Bearer "}, {"Bearer wrong"}, {"Basic key"}, {"key"}}) {
        const Response response = call(route.method, target, R"({"email":"intruder@x.y"})", authorization);
        BOOST_TEST(response.status == 401U);
        BOOST_TEST(code_of(response) == "invalid_access_token");
    }
    BOOST_TEST(users("GET", "/" + id).body == before);
}

BOOST_DATA_TEST_CASE_F(WithUser, no_route_reaches_into_another_app, data::make(routes_with_key), route)
{
    store.put_app("other", hash_key("other key"), now());
    call("POST", "/admin/apps/app/users/" + id + "/devices", R"({"id":"thing"})");
    const std::string before = users("GET", "/" + id).body;
    const std::string target = replaced(route.target, "USER", id);
    const std::string_view body = R"({"email":"intruder@x.y"})";

    const Response by_key = call(route.method, target, body, "Bearer other key");
    BOOST_TEST(code_of(by_key) == "invalid_access_token");
    if (route.target.find("USER") != std::string::npos) {
        const Response by_path =
            call(route.method, replaced(target, "apps/app", "apps/other"), body, "Bearer other key");
        BOOST_TEST(by_path.status == 404U);
        BOOST_TEST(code_of(by_path) == "user_not_found");
    }
    BOOST_TEST(users("GET", "/" + id).body == before);
    const json::value others = json::parse(call("GET", "/v1/apps/other/users", "", "Bearer other key").body);
    BOOST_TEST(others.at("total_users").as_int64() == 0);
}

BOOST_AUTO_TEST_CASE(apps_do_not_share_identifiers)
{
    store.put_app("other", hash_key("other key"), now());
    BOOST_TEST(call("POST", "/v1/apps/other/users", R"({"email":"jane@example.com"})", "Bearer other key").status ==
               201U);
}

BOOST_AUTO_TEST_CASE(new_key_of_an_app_ends_the_old_one)
{
    store.put_app("app", hash_key("newer"), now());
    BOOST_TEST(call("GET", "/v1/apps/app/users").status == 401U);
    BOOST_TEST(call("GET", "/v1/apps/app/users", "", "Bearer newer").status == 200U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(hostile_text, WithUser)

const std::vector<std::string> hostile_texts{"'; DROP TABLE users; --",
                                             "\" OR \"\"=\"",
                                             "' OR '1'='1",
                                             "%",
                                             "_",
                                             "\\",
                                             "x' UNION SELECT key_hash FROM apps --",
                                             "?1",
                                             ":a",
                                             "@b",
                                             "$c",
                                             "\x01\x1f\x7f",
                                             "é\u202e\U0001f600",
                                             "null",
                                             std::string(10'000, 'x')};

std::string encode(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return encoded;
}

/// A body in which every member that some endpoint reads as a text is this one.
std::string body_of(const std::string& text)
{
    json::object body{{"usage_count", 1}, {"ttl", 1}, {"user_metadata", json::object{{text, text}}}};
    for (const char* member : {"id",
                               "email",
                               "phone",
                               "external_id",
                               "status",
                               "cred_id",
                               "friendly_name",
                               "type",
                               "action",
                               "ip_addr",
                               "user_agent",
                               "user_agent_display",
                               "social_login_type",
                               "provider_id",
                               "provider_identifier",
                               "user_id",
                               "channel",
                               "language",
                               "magic_link_path",
                               "redirect_url",
                               "sub",
                               "aud"}) {
        body[member] = text;
    }
    return json::serialize(body);
}

BOOST_DATA_TEST_CASE_F(WithUser, it_reaches_nothing_else_from_any_place, data::make(hostile_texts), hostile)
{
    const std::string before = users("GET", "/" + taken).body;
    const auto check = [&](std::string_view method, const std::string& target, const std::string& body) {
        const Response response = call(method, target, body);
        BOOST_TEST(response.status < 500U, method << ' ' << target << ": " << response.body);
        code_of(response); // throws if an error is no JSON
        BOOST_TEST_REQUIRE(users("GET", "/" + taken).body == before, method << ' ' << target);
    };
    // What stands for each {}: the text in one place or in none, what exists in the others.
    for (const Endpoint& endpoint : endpoints()) {
        const auto places = std::ranges::count(endpoint.pattern, '{');
        for (auto place = places; place >= 0; --place) {
            std::string target{endpoint.pattern};
            for (std::ptrdiff_t i = 0; i < places; ++i) {
                target = replaced(target, "{}", i == place ? encode(hostile) : i == 0 ? "app" : i == 1 ? id : "thing");
            }
            check(endpoint.method, target, body_of(hostile));
            if (place < places) {
                check(endpoint.method, target, R"({"email":"x@y.z"})");
            }
        }
    }
    for (const char* parameter : {"page", "limit", "created_before", "order_by", "identifier", "id", "login_count",
                                  "status", "created_at", "updated_at", "last_login_at"}) {
        for (const char* form : {"=", "=%3Cne:", "=%3Cgt:", "=%3Clt:", "=%3Clike:", "=%3Cnot_like:"}) {
            const std::string value = encode(hostile) + (std::string_view{form} == "=" ? "" : "%3E");
            check("GET", std::string{"/v1/apps/app/users?"} + parameter + form + value, "");
        }
    }
    check("GET", "/v1/apps/app/users?" + encode(hostile) + "=1", "");
}

BOOST_DATA_TEST_CASE_F(WithUser, it_is_stored_and_served_as_it_is, data::make(hostile_texts), hostile)
{
    json::object device{{"id", hostile}, {"friendly_name", hostile}, {"type", hostile}};
    json::object given{{"id", hostile},
                       {"email", "h@x.y"},
                       {"external_id", hostile},
                       {"user_metadata", json::object{{hostile, hostile}}},
                       {"webauthn_devices", json::array{device}}};
    BOOST_REQUIRE(call("POST", "/admin/apps/app/users", json::serialize(given)).status == 201U);

    const std::string encoded = encode(hostile);
    const json::object served = user_of(users("GET", "/" + encoded));
    BOOST_TEST(text(served.at("id")) == hostile);
    BOOST_TEST(text(served.at("external_id")) == hostile);
    BOOST_TEST(text(served.at("user_metadata").at(hostile)) == hostile);
    BOOST_TEST(text(served.at("webauthn_devices").at(0).at("friendly_name")) == hostile);
    for (const char* filter : {"?id=", "?id=%3Clike:", "?identifier=", "?identifier=%3Cne:"}) {
        const Response listed = users("GET", filter + encoded + (std::string{filter}.ends_with(':') ? "%3E" : ""));
        BOOST_TEST(listed.status == 200U);
    }
    BOOST_TEST(json::parse(users("GET", "?id=" + encoded).body).at("total_users").as_int64() == 1);
    BOOST_TEST(users("DELETE", "/" + encoded + "/devices/" + encoded).status == 200U);
    BOOST_TEST(users("DELETE", "/" + encoded).status == 200U);
    BOOST_TEST(users("GET", "/" + id).status == 200U);
}

BOOST_AUTO_TEST_CASE(e_mail_with_quotes_is_found_again)
{
    users("POST", "", R"({"email":"o'brien\"--@example.com"})");
    const Response found = users("GET", "?limit=1&identifier=O%27BRIEN%22--%40example.com");
    BOOST_TEST(json::parse(found.body).at("total_users").as_int64() == 1);
}

BOOST_AUTO_TEST_CASE(metadata_of_a_megabyte_comes_back)
{
    const std::string metadata = R"({"x":")" + std::string(1'000'000, 'y') + R"("})";
    BOOST_TEST(users("PATCH", "/" + id, R"({"user_metadata":)" + metadata + "}").status == 200U);
    BOOST_TEST((users("GET", "/" + id).body.find(metadata) != std::string::npos));
}

BOOST_AUTO_TEST_CASE(deepest_metadata_comes_back)
{
    const std::string arrays = std::string(28, '[') + std::string(28, ']');
    BOOST_TEST(users("PATCH", "/" + id, with_nested_metadata(29)).status == 200U);
    BOOST_TEST((users("GET", "/" + id).body.find(R"({"x":)" + arrays + "}") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(too_many_filters_are_refused)
{
    std::string query = "?id=a";
    for (int i = 0; i < 5000; ++i) {
        query += "&id=a";
    }
    BOOST_TEST(code_of(users("GET", query)) == "invalid_request");
}

BOOST_AUTO_TEST_SUITE_END()
