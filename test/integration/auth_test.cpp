#include "support/error_of.hpp"
#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <string>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

struct Fixture
{
    /// An authenticator needs no API key.
    Config auth_config() const
    {
        Config config = service.config();
        config.auth_url = service.emulator.auth_url();
        config.api_key = Secret{};
        return config;
    }

    std::string new_user()
    {
        return run(context, client.create_user(CreateUserRequest{}.email("a@example.com"))).value().id;
    }

    /// The reason why a token is refused; "none" if it is not.
    std::string reason(Authenticator& by, std::string_view token)
    {
        const auto claims = run(context, by.authenticate(token));
        BOOST_TEST((claims || claims.error().code == Errc::jwt), test::error_of(claims));
        return std::string{to_string(claims ? JwtReason::none : claims.error().jwt_reason)};
    }

    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
    Authenticator authenticator{context, auth_config()};
};

std::string message_of(const Config& config, const AuthOptions& options)
{
    asio::io_context context;
    const auto made = Authenticator::create(context.get_executor(), config, options);
    return made ? "" : made.error().message;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(authentication, Fixture)

BOOST_AUTO_TEST_CASE(a_token_says_who_signed_in)
{
    const std::string id = new_user();
    const auto claims = run(context, authenticator.authenticate(service.emulator.issue_token(id)));
    BOOST_TEST_REQUIRE(claims.has_value(), passage::test::error_of(claims));
    BOOST_TEST(claims->user_id == id);
    BOOST_TEST((claims->audience == std::vector<std::string>{service.emulator.app_id(), "https://localhost"}));
    BOOST_TEST(claims->issuer == service.emulator.app_id());
    BOOST_TEST((claims->expires_at > std::chrono::system_clock::now() + 1h));
    BOOST_TEST(claims->payload.find(id) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_token_that_is_not_good_is_refused)
{
    const std::string id = new_user();
    const auto with = [&](std::string_view claims) {
        return reason(authenticator, service.emulator.issue_token(id, claims));
    };
    BOOST_TEST(with("{}") == "none");
    BOOST_TEST(with(R"({"exp":1600000000})") == "expired");
    BOOST_TEST(with(R"({"nbf":4000000000})") == "not_yet_valid");
    BOOST_TEST(with(R"({"aud":["other"]})") == "audience");
    BOOST_TEST(with(R"({"sub":null})") == "claims");
    std::string tampered = service.emulator.issue_token(id);
    tampered[tampered.rfind('.') - 5] ^= 1;
    BOOST_TEST(reason(authenticator, tampered) == "signature");
    BOOST_TEST(reason(authenticator, "") == "malformed");
}

BOOST_AUTO_TEST_CASE(tls_settings_may_be_replaced_while_keys_are_fetched)
{
    const std::string id = new_user();
    const std::string token = service.emulator.issue_token(id);
    for (const HttpVersion version : {HttpVersion::http1, HttpVersion::automatic}) {
        asio::thread_pool pool{2};
        Config config = auth_config();
        config.http_version = version;
        for (int i = 0; i < 50; ++i) {
            Authenticator fetches{pool, config};
            std::future<expected<Claims>> checked = asio::co_spawn(pool, fetches.authenticate(token), asio::use_future);
            for (int reload = 0; reload < 3; ++reload)
                BOOST_TEST(fetches.reload_tls(config.tls).has_value());
            const expected<Claims> claims = checked.get();
            BOOST_TEST_REQUIRE(claims.has_value(), passage::test::error_of(claims));
            BOOST_TEST(claims->user_id == id);
        }
    }
}

BOOST_AUTO_TEST_CASE(audience_and_issuer_are_as_configured)
{
    AuthOptions options;
    options.auth_origins = {"https://shop.example"};
    options.issuer = "https://issuer.example";
    Authenticator strict{context, auth_config(), options};
    const std::string id = new_user();
    const auto with = [&](std::string_view claims) { return reason(strict, service.emulator.issue_token(id, claims)); };
    BOOST_TEST(with(R"({"aud":"https://shop.example","iss":"https://issuer.example"})") == "none");
    BOOST_TEST(with(R"({"iss":"https://issuer.example"})") == "none");
    BOOST_TEST(with(R"({"aud":"https://shop.example/","iss":"https://issuer.example"})") == "audience");
    BOOST_TEST(with("{}") == "issuer");
    BOOST_TEST(with(R"({"iss":null})") == "issuer");
}

BOOST_AUTO_TEST_CASE(a_request_carries_its_token_in_header_or_cookie)
{
    const std::string good = service.emulator.issue_token(new_user());
    const auto ask = [&](TokenSource source, const std::vector<std::pair<http::field, std::string>>& fields) {
        AuthOptions options;
        options.source = source;
        Authenticator by{context, auth_config(), options};
        http::request<http::string_body> request;
        for (const auto& [name, value] : fields)
            request.insert(name, value);
        const auto claims = run(context, by.authenticate_request(request));
        return std::string{to_string(claims ? JwtReason::none : claims.error().jwt_reason)};
    };
    constexpr auto both = TokenSource::header_or_cookie;
    const auto bearer = [&](const std::string& token) {
        return std::pair{http::field::authorization, "Bearer " + token};
    };
    const auto in_cookie = [&](const std::string& token) {
        return std::pair{http::field::cookie, "a=b; psg_auth_token=" + token + "; c=d"};
    };
    BOOST_TEST(ask(both, {bearer(good)}) == "none");
    BOOST_TEST(ask(both, {in_cookie(good)}) == "none");
    BOOST_TEST(ask(both, {bearer(good), in_cookie("x")}) == "none");
    BOOST_TEST(ask(both, {bearer("x"), in_cookie(good)}) == "malformed");
    BOOST_TEST(ask(both, {{http::field::authorization, "Basic eDp5"}, in_cookie(good)}) == "none");
    BOOST_TEST(ask(both, {}) == "missing");
    BOOST_TEST(ask(TokenSource::header, {bearer(good)}) == "none");
    BOOST_TEST(ask(TokenSource::header, {in_cookie(good)}) == "missing");
    BOOST_TEST(ask(TokenSource::cookie, {in_cookie(good)}) == "none");
    BOOST_TEST(ask(TokenSource::cookie, {bearer(good)}) == "missing");
    BOOST_TEST(ask(both, {bearer(good), bearer(good)}) == "malformed");
    BOOST_TEST(ask(both, {in_cookie(good), in_cookie(good)}) == "malformed");
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_be_are_refused)
{
    const auto with = [&](auto change) {
        AuthOptions options;
        change(options);
        return message_of(auth_config(), options);
    };
    using Options = AuthOptions;
    BOOST_TEST(with([](Options&) {}) == "");
    for (const auto leeway : {0s, 300s})
        BOOST_TEST(with([&](Options& o) { o.leeway = leeway; }) == "");
    for (const auto leeway : {-1s, 301s, std::chrono::seconds::max(), std::chrono::seconds::min()})
        BOOST_TEST(with([&](Options& o) { o.leeway = leeway; }).starts_with("leeway "));
    for (const auto lifetime : {0s, -1s, std::chrono::seconds::max(), std::chrono::seconds::min()}) {
        BOOST_TEST(with([&](Options& o) { o.key_lifetime = lifetime; }).starts_with("key_lifetime "));
        BOOST_TEST(with([&](Options& o) { o.key_lifetime_in_outage = lifetime; }).starts_with("key_lifetime "));
        BOOST_TEST(with([&](Options& o) { o.key_refetch_interval = lifetime; }).starts_with("key_refetch_interval "));
    }
    BOOST_TEST(with([](Options& o) { o.auth_origins = {""}; }).starts_with("auth_origins "));
    BOOST_TEST(with([](Options& o) { o.keys = "{}"; }).ends_with("no JWK set"));
    BOOST_TEST(
        with([](Options& o) { o.keys = R"({"keys":[{"kty":"RSA","kid":"k"}]})"; }).starts_with("none of the keys"));

    const auto with_config = [&](auto change) {
        Config config = auth_config();
        change(config);
        return message_of(config, {});
    };
    BOOST_TEST(with_config([](Config& c) { c.app_id = ""; }).starts_with("app_id "));
    BOOST_TEST(with_config([](Config& c) { c.auth_url = "http://keys.example"; }).starts_with("auth_url is plain"));
    BOOST_TEST(with_config([](Config& c) { c.auth_url = "ftp://keys.example"; }) != "");
    BOOST_TEST(with_config([](Config& c) { c.tls.ca_pem = "x"; }) != "");
    BOOST_CHECK_THROW((Authenticator{context, Config{}}), boost::system::system_error);
    BOOST_CHECK_THROW((Client{context, auth_config()}), boost::system::system_error); // it needs its key
}

BOOST_AUTO_TEST_CASE(an_authenticator_that_was_moved_from_has_shut_down)
{
    const std::string token = service.emulator.issue_token(new_user());
    Authenticator taken = std::move(authenticator);
    BOOST_TEST(reason(taken, token) == "none");
    const auto claims = run(context, authenticator.authenticate(token)); // NOLINT: what is tested
    BOOST_TEST((!claims && claims.error().code == Errc::shut_down));
    authenticator = std::move(taken);
    BOOST_TEST(reason(authenticator, token) == "none");
}

// For ThreadSanitizer above all: tokens are checked on all threads while keys come and go.
BOOST_AUTO_TEST_CASE(tokens_of_new_keys_are_taken_on_every_thread)
{
    const std::string id = new_user();
    AuthOptions options;
    options.key_refetch_interval = 1s;
    asio::thread_pool pool{4};
    Authenticator shared{pool, auth_config(), options};

    std::string token = service.emulator.issue_token(id);
    std::string first_key;
    for (int rotation = 0; rotation < 2; ++rotation) {
        const auto until_taken = [](Authenticator& by, std::string one) -> asio::awaitable<int> {
            for (int refused = 0;; ++refused) {
                const auto claims = co_await by.authenticate(one);
                if (claims)
                    co_return refused;
                if (claims.error().jwt_reason != JwtReason::unknown_key) {
                    BOOST_ERROR(claims.error());
                    co_return -1;
                }
            }
        };
        std::vector<std::future<int>> ends;
        for (int i = 0; i < 8; ++i)
            ends.push_back(asio::co_spawn(pool, until_taken(shared, token), asio::use_future));
        for (auto& end : ends)
            BOOST_TEST(end.get() >= 0);
        service.emulator.rotate_key();
        token = service.emulator.issue_token(id);
    }
}

BOOST_AUTO_TEST_CASE(a_retired_key_is_refused_once_the_set_was_fetched_anew)
{
    const std::string id = new_user();
    AuthOptions options;
    options.key_refetch_interval = 1s;
    Authenticator by{context, auth_config(), options};
    const std::string former_key = service.emulator.rotate_key();
    const std::string former = service.emulator.issue_token(id);
    BOOST_TEST(reason(by, former) == "none");
    service.emulator.rotate_key();
    service.emulator.retire_key(former_key);
    const std::string token = service.emulator.issue_token(id);
    BOOST_TEST(reason(by, former) == "none"); // not known yet
    while (reason(by, token) == "unknown_key")
        ;
    BOOST_TEST(reason(by, token) == "none");
    BOOST_TEST(reason(by, former) == "unknown_key");
}

BOOST_AUTO_TEST_CASE(magic_links_are_made_for_who_is_there)
{
    const std::string id = new_user();
    const auto make = [&](const CreateMagicLinkRequest& request) {
        return run(context, client.create_magic_link(request));
    };
    using Request = CreateMagicLinkRequest;
    const auto link = make(Request::for_email("a@example.com").ttl(90min).redirect("/out").type(MagicLinkType::login));
    BOOST_TEST_REQUIRE(link.has_value(), passage::test::error_of(link));
    BOOST_TEST(link->user_id == id);
    BOOST_TEST(link->app_id == service.emulator.app_id());
    BOOST_TEST(link->identifier == "a@example.com");
    BOOST_TEST((link->ttl == 90min));
    BOOST_TEST(link->redirect_url == "/out");
    BOOST_TEST(!link->activated);
    BOOST_TEST(link->url.find(link->secret) != std::string::npos);
    BOOST_TEST((make(Request::for_user(id, MagicLinkChannel::email).send()).has_value()));
    const auto invitation = make(Request::for_email("nobody@example.com"));
    BOOST_TEST_REQUIRE(invitation.has_value(), passage::test::error_of(invitation));
    BOOST_TEST(invitation->user_id.empty());
    BOOST_TEST(invitation->identifier == "nobody@example.com");
    BOOST_TEST(is_not_found(make(Request::for_user("nobody", MagicLinkChannel::email)).error()));
    BOOST_TEST((make(Request::for_user(id, MagicLinkChannel::phone)).error().http_status == 400)); // it has none
}

BOOST_AUTO_TEST_CASE(the_app_can_be_read)
{
    const auto app = run(context, client.get_app());
    BOOST_TEST_REQUIRE(app.has_value(), passage::test::error_of(app));
    BOOST_TEST(app->id == service.emulator.app_id());
    BOOST_TEST(!app->name.empty());
    BOOST_TEST(app->auth_methods.passkeys.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
