#include "support/error_of.hpp"
#include "json/decode.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view app_document =
    R"({"app":{"additional_auth_origins":["https://a.example",null,"https://b.example"],)"
    R"("allowed_callback_urls":["https://a.example/in"],"allowed_identifier":"both",)"
    R"("allowed_logout_urls":["https://a.example/out"],"application_login_uri":"/start","auth_fallback_method":"none",)"
    R"("auth_methods":{"passkeys":{"enabled":true},"otp":{"enabled":false,"ttl":300,"ttl_display_unit":"s"},)"
    R"("magic_link":null},"auth_origin":"https://app.example","auto_theme_enabled":true,)"
    R"("created_at":"2023-01-20T15:04:05Z","default_language":"en","id":"a1","login_url":"/login",)"
    R"("light_logo_url":"l","dark_logo_url":"d","name":"Shop","hosted":true,"hosted_subdomain":"shop",)"
    R"("hosted_theme":"auto","id_token_lifetime":11,"profile_management":true,"public_signup":true,)"
    R"("redirect_url":"/home","refresh_absolute_lifetime":22,"refresh_enabled":true,)"
    R"("refresh_inactivity_lifetime":33,"require_email_verification":true,)"
    R"("require_identifier_verification":true,"required_identifier":"either","role":"","rsa_public_key":"k",)"
    R"("session_timeout_length":24,"type":"flex","user_metadata_schema":[{"id":"f1","field_name":"plan",)"
    R"("friendly_name":"Plan","type":"string","profile":true,"registration":true}],"technologies":["go"],)"
    R"("layouts":{"profile":[]},"element_customization":{"x":1}}})";

constexpr std::string_view link_document =
    R"({"magic_link":{"id":"l1","app_id":"a1","user_id":"u1","identifier":"a@b.c","redirect_url":"/out",)"
    R"("secret":"s","url":"https://app.example/?psg_magic_link=s","ttl":60,"type":"verify_identifier",)"
    R"("activated":true,"later":[]}})";

template <class T>
std::string refusal(const expected<T>& result)
{
    BOOST_REQUIRE(!result);
    BOOST_TEST((result.error().code == Errc::decode));
    return result.error().message;
}

} // namespace

BOOST_AUTO_TEST_CASE(an_app_is_read_whole)
{
    const auto app = json::decode_app(app_document);
    BOOST_TEST_REQUIRE(app.has_value(), passage::test::error_of(app).message);

    AppInfo expected;
    expected.id = "a1";
    expected.name = "Shop";
    expected.type = "flex";
    expected.created_at = std::chrono::sys_days{2023y / 1 / 20} + 15h + 4min + 5s;
    expected.auth_origin = "https://app.example";
    expected.additional_auth_origins = {"https://a.example", "https://b.example"};
    expected.allowed_identifier = "both";
    expected.required_identifier = "either";
    expected.require_email_verification = true;
    expected.require_identifier_verification = true;
    expected.public_signup = true;
    expected.profile_management = true;
    expected.auth_methods.passkeys.emplace().enabled = true;
    expected.auth_methods.otp.emplace().ttl = 300s;
    expected.login_url = "/login";
    expected.redirect_url = "/home";
    expected.application_login_uri = "/start";
    expected.allowed_callback_urls = {"https://a.example/in"};
    expected.allowed_logout_urls = {"https://a.example/out"};
    expected.hosted = true;
    expected.hosted_subdomain = "shop";
    expected.hosted_theme = "auto";
    expected.default_language = "en";
    expected.session_timeout_length = 24;
    expected.id_token_lifetime = 11;
    expected.refresh_enabled = true;
    expected.refresh_absolute_lifetime = 22;
    expected.refresh_inactivity_lifetime = 33;
    expected.rsa_public_key = "k";
    expected.technologies = {"go"};
    UserMetadataField field;
    field.id = "f1";
    field.field_name = "plan";
    field.friendly_name = "Plan";
    field.type = "string";
    field.profile = true;
    field.registration = true;
    expected.user_metadata_schema = {field};
    expected.light_logo_url = "l";
    expected.dark_logo_url = "d";
    BOOST_TEST((*app == expected));
}

BOOST_AUTO_TEST_CASE(an_app_needs_no_more_than_its_id)
{
    const auto app = json::decode_app(R"({"app":{"id":"a"}})");
    BOOST_TEST_REQUIRE(app.has_value(), passage::test::error_of(app).message);
    AppInfo expected;
    expected.id = "a";
    BOOST_TEST((*app == expected));

    BOOST_TEST(refusal(json::decode_app("{}")) == "at /app: missing");
    BOOST_TEST(refusal(json::decode_app(R"({"app":{}})")) == "at /app/id: missing");
    BOOST_TEST(refusal(json::decode_app(R"({"app":{"id":"a","auth_methods":{"otp":{"ttl":"1"}}}})")) ==
               "at /app/auth_methods/otp/ttl: a 64-bit integer is expected");
}

BOOST_AUTO_TEST_CASE(a_magic_link_is_read_whole)
{
    const auto link = json::decode_magic_link(link_document);
    BOOST_TEST_REQUIRE(link.has_value(), passage::test::error_of(link).message);
    MagicLink expected;
    expected.id = "l1";
    expected.app_id = "a1";
    expected.user_id = "u1";
    expected.identifier = "a@b.c";
    expected.redirect_url = "/out";
    expected.secret = "s";
    expected.url = "https://app.example/?psg_magic_link=s";
    expected.ttl = 1h;
    expected.type = MagicLinkType::verify_identifier;
    expected.activated = true;
    BOOST_TEST((*link == expected));

    BOOST_TEST(refusal(json::decode_magic_link(R"({"magic_link":{"id":""}})")) ==
               "at /magic_link/id: must not be empty");
    BOOST_TEST(refusal(json::decode_magic_link(R"({"magic_link":{"id":"l","ttl":1.5}})")) ==
               "at /magic_link/ttl: a 64-bit integer is expected");
}

BOOST_AUTO_TEST_CASE(times_can_be_converted_however_large_the_number)
{
    using std::chrono::nanoseconds;
    for (const auto& [number, nearest] : {std::pair{"9223372036854775807", nanoseconds::max()},
                                          std::pair{"-9223372036854775808", -nanoseconds::max()}}) {
        const std::string text{number};
        const auto link = json::decode_magic_link(R"({"magic_link":{"id":"l","ttl":)" + text + "}}");
        BOOST_TEST((link.value().ttl == std::chrono::duration_cast<std::chrono::minutes>(nearest)));
        BOOST_TEST((nanoseconds{link->ttl} / 1min == link->ttl.count()));
        const auto app = json::decode_app(R"({"app":{"id":"a","auth_methods":{"otp":{"ttl":)" + text + "}}}}");
        BOOST_TEST((app.value().auth_methods.otp->ttl == std::chrono::duration_cast<std::chrono::seconds>(nearest)));
        const auto page = json::decode_user_page(R"({"users":[],"created_before":)" + text + "}");
        const auto before = page.value().created_before;
        BOOST_TEST((before.time_since_epoch() == std::chrono::duration_cast<std::chrono::seconds>(nearest)));
        BOOST_TEST(((before < std::chrono::system_clock::now()) == (nearest < nanoseconds{0})));
    }
    const auto link = json::decode_magic_link(R"({"magic_link":{"id":"l","ttl":-1}})");
    BOOST_TEST((link.value().ttl == -1min));
}
