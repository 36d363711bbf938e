#include "client/config_check.hpp"
#include "freed_memory.hpp"
#include "support/error_of.hpp"

#include <passage/auth.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <limits>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using namespace std::string_literals;
using std::chrono::milliseconds;

namespace {

Config valid()
{
    Config config;
    config.app_id = "app_1-x";
    config.api_key = "k.canary-7Qz0Xw4Lr9Ht2Vb6Nm";
    config.base_url = "https://api.example.com/v1";
    return config;
}

struct Case
{
    std::string what; ///< The beginning of the message.
    std::function<void(Config&)> change;
};

const auto longest = milliseconds{24h * 365};

} // namespace

BOOST_AUTO_TEST_SUITE(config_check)

BOOST_AUTO_TEST_CASE(the_defaults_with_credentials_are_good)
{
    const auto url = client::check_config(valid());
    BOOST_TEST_REQUIRE(url.has_value(), passage::test::error_of(url));
    BOOST_TEST(url->host == "api.example.com");
    BOOST_TEST(url->tls);
}

BOOST_AUTO_TEST_CASE(there_is_no_default_for_where_the_server_is)
{
    Config config;
    config.app_id = "app";
    config.api_key = "key";
    BOOST_TEST(client::check_config(config).error().message.starts_with("base_url is empty: "));
    BOOST_TEST(config.auth_url == "");
}

BOOST_AUTO_TEST_CASE(settings_within_their_bounds_are_good)
{
    const std::vector<std::function<void(Config&)>> changes{
        [](Config& c) { c.pool.max_connections = 1; },
        [](Config& c) { c.pool.max_connections = 65'536; },
        [](Config& c) { c.pool.max_waiting = 1; },
        [](Config& c) { c.pool.idle_timeout = 0ms; },
        [](Config& c) { c.pool.max_lifetime = 0ms; },
        [](Config& c) { c.pool.max_lifetime = longest; },
        [](Config& c) { c.retry.max_attempts = 1; },
        [](Config& c) { c.retry.base = c.retry.cap = c.retry.throttled_base = 0ms; },
        [](Config& c) { c.timeouts.total = c.timeouts.attempt = c.timeouts.connect = 1ms; },
        [](Config& c) { c.timeouts.total = longest; },
        [](Config& c) { c.limits.interim_responses = 0; },
        [](Config& c) { c.limits.body_bytes = std::numeric_limits<std::size_t>::max(); },
        [](Config& c) { c.user_agent = "shop/2.1 (like it)"; },
        [](Config& c) { c.api_key = Secret{std::string(4096, 'k')}; },
        [](Config& c) { c.base_url = "http://localhost:8080"; },
        [](Config& c) { c.base_url = "http://127.0.0.1"; },
        [](Config& c) { c.base_url = "http://[::1]:1/v1"; },
        [](Config& c) {
            c.base_url = "http://api.example";
            c.allow_plain_http = true;
        },
        [](Config& c) {
            c.base_url = "http://api.example";
            c.unix_socket = "/run/passage.sock";
        },
        [](Config& c) {
            c.base_url = "http://localhost";
            c.proxy.url = "http://proxy";
            c.proxy.no_proxy = "localhost";
        },
        [](Config& c) {
            c.proxy.url = "http://proxy:3128";
            c.proxy.credentials = "user:password";
            c.proxy.no_proxy = ".example, 10.0.0.0/8";
        },
    };
    for (const auto& change : changes) {
        Config config = valid();
        change(config);
        const auto url = client::check_config(config);
        BOOST_TEST(url.has_value(), passage::test::error_of(url));
    }
}

BOOST_AUTO_TEST_CASE(a_setting_that_cannot_be_is_refused_with_a_sentence)
{
    std::vector<Case> cases{
        {"app_id is empty", [](Config& c) { c.app_id = ""; }},
        {"app_id ", [](Config& c) { c.app_id = "."; }},
        {"app_id ", [](Config& c) { c.app_id = ".."; }},
        {"app_id ", [](Config& c) { c.app_id = "app/../other"; }},
        {"app_id ", [](Config& c) { c.app_id = "a/b"; }},
        {"app_id ", [](Config& c) { c.app_id = "a b"; }},
        {"app_id ", [](Config& c) { c.app_id = "a%2Fb"; }},
        {"app_id ", [](Config& c) { c.app_id = "a?b"; }},
        {"app_id ", [](Config& c) { c.app_id = "a\r\nb"; }},
        {"app_id ", [](Config& c) { c.app_id = "a\0b"s; }},
        {"app_id ", [](Config& c) { c.app_id = "\xc3\xa9"; }},
        {"app_id ", [](Config& c) { c.app_id = std::string(10'000'000, 'a'); }},
        {"api_key ", [](Config& c) { c.api_key = "a b"; }},
        {"api_key ", [](Config& c) { c.api_key = " a"; }},
        {"api_key ", [](Config& c) { c.api_key = "a\r\nX-Evil: 1"; }},
        {"api_key ", [](Config& c) { c.api_key = "a\n"; }},
        {"api_key ", [](Config& c) { c.api_key = "a\tb"; }},
        {"api_key ", [](Config& c) { c.api_key = "a\x7f"; }},
        {"api_key ", [](Config& c) { c.api_key = "\xc3\xa9"; }},
        {"api_key ", [](Config& c) { c.api_key = Secret{"a\0b"s}; }},
        {"api_key ", [](Config& c) { c.api_key = Secret{std::string(10'000'000, 'k')}; }},
        {"user_agent ", [](Config& c) { c.user_agent = "a\r\nX-Evil: 1"; }},
        {"user_agent ", [](Config& c) { c.user_agent = " a"; }},
        {"user_agent ", [](Config& c) { c.user_agent = "\xc3\xa9"; }},
        {"user_agent ", [](Config& c) { c.user_agent = std::string(10'000'000, 'u'); }},
        {"base_url is empty: ", [](Config& c) { c.base_url = ""; }},
        {"base_url", [](Config& c) { c.base_url = "api.example.com"; }},
        {"base_url", [](Config& c) { c.base_url = std::string(10'000'000, 'u'); }},
        {"auth_url \"ftp://h\": ", [](Config& c) { c.auth_url = "ftp://h"; }},
        {"base_url is plain http", [](Config& c) { c.base_url = "http://api.example.com/v1"; }},
        {"base_url is plain http", [](Config& c) { c.base_url = "http://localhost.example"; }},
        {"base_url is plain http", [](Config& c) { c.base_url = "http://10.0.0.1"; }},
        {"base_url", [](Config& c) { c.base_url = "http://127.0.0.1.example"; }},
        {"base_url is plain http through a proxy",
         [](Config& c) {
             c.base_url = "http://localhost";
             c.proxy.url = "http://localhost";
         }},
        {"proxy.url \"socks5://p\":", [](Config& c) { c.proxy.url = "socks5://p"; }},
        {"proxy.url: user information", [](Config& c) { c.proxy.url = "http://canary:canary@p"; }},
        {"proxy.url", [](Config& c) { c.proxy.url = std::string(10'000'000, 'p'); }},
        {"proxy.credentials ",
         [](Config& c) {
             c.proxy.url = "http://p";
             c.proxy.credentials = "canary";
         }},
        {"proxy.no_proxy ",
         [](Config& c) {
             c.proxy.url = "http://p";
             c.proxy.no_proxy = std::string(10'000'000, '/');
         }},
        {"unix_socket ", [](Config& c) { c.unix_socket = "\0abstract"s; }},
        {"pool.max_connections ", [](Config& c) { c.pool.max_connections = 0; }},
        {"pool.max_connections ", [](Config& c) { c.pool.max_connections = 65'537; }},
        {"pool.max_waiting ", [](Config& c) { c.pool.max_waiting = 0; }},
        {"retry.max_attempts ", [](Config& c) { c.retry.max_attempts = 0; }},
        {"limits.header_bytes ", [](Config& c) { c.limits.header_bytes = 0; }},
        {"limits.header_fields ", [](Config& c) { c.limits.header_fields = 0; }},
        {"limits.body_bytes ", [](Config& c) { c.limits.body_bytes = 0; }},
        {"limits.decoded_bytes ", [](Config& c) { c.limits.decoded_bytes = 0; }},
    };
    for (const auto& [name, timeout] :
         std::map<std::string, milliseconds TimeoutOptions::*>{{"timeouts.total ", &TimeoutOptions::total},
                                                               {"timeouts.attempt ", &TimeoutOptions::attempt},
                                                               {"timeouts.connect ", &TimeoutOptions::connect}})
        for (const milliseconds value : {0ms, -1ms, milliseconds::min(), milliseconds::max(), longest + 1ms})
            cases.push_back({name, [value, which = timeout](Config& c) { c.timeouts.*which = value; }});
    for (const milliseconds value : {-1ms, milliseconds::min(), milliseconds::max(), longest + 1ms}) {
        cases.push_back({"pool.idle_timeout ", [=](Config& c) { c.pool.idle_timeout = value; }});
        cases.push_back({"pool.max_lifetime ", [=](Config& c) { c.pool.max_lifetime = value; }});
        cases.push_back({"retry.base ", [=](Config& c) { c.retry.base = value; }});
        cases.push_back({"retry.throttled_base ", [=](Config& c) { c.retry.throttled_base = value; }});
        cases.push_back({"retry.cap ", [=](Config& c) { c.retry.cap = value; }});
    }

    for (const Case& test : cases) {
        Config config = valid();
        test.change(config);
        const auto url = client::check_config(config);
        BOOST_TEST_REQUIRE(!url.has_value(), test.what);
        BOOST_TEST((url.error().code == Errc::invalid_argument), test.what);
        BOOST_TEST(url.error().message.starts_with(test.what), url.error());
        BOOST_TEST(url.error().message.find_first_of("\r\n") == std::string::npos);
        BOOST_TEST(url.error().message.size() <= 512u);
        BOOST_TEST(url.error().message.find("canary") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(keys_of_tokens_are_not_fetched_over_plain_http)
{
    const std::string rest = " is plain http to a host that is not loopback, which would let anybody in between put "
                             "other keys in place; use https, or set allow_plain_http";
    boost::asio::io_context context;
    const auto create = [&](const Config& config) {
        return Authenticator::create(context.get_executor(), config, AuthOptions{});
    };

    Config config = valid();
    config.base_url = "http://api.example.com/v1";
    BOOST_TEST(create(config).error().message == "base_url" + rest);
    config.auth_url = "http://auth.example.com/v1";
    BOOST_TEST(create(config).error().message == "auth_url" + rest);
    config.allow_plain_http = true;
    BOOST_TEST(create(config).has_value());
    config.allow_plain_http = false;
    config.auth_url = "http://127.0.0.1/v1";
    BOOST_TEST(create(config).has_value());
}

BOOST_AUTO_TEST_CASE(a_proxy_is_for_the_servers_that_are_not_excepted)
{
    Config config = valid();
    const auto authority = [&](std::string_view url) {
        const auto proxy = client::proxy_for(config, http::parse_base_url(url).value());
        BOOST_TEST_REQUIRE(proxy.has_value(), test::error_of(proxy));
        return *proxy ? (*proxy)->authority() : "none";
    };
    BOOST_TEST(authority("https://api.example") == "none");
    config.proxy.url = "http://p:3128";
    BOOST_TEST(authority("https://api.example") == "p:3128");
    BOOST_TEST(authority("https://localhost") == "p:3128"); // said explicitly
    config.proxy.no_proxy = "api.example";
    BOOST_TEST(authority("https://api.example") == "none");
    BOOST_TEST(authority("https://keys.example") == "p:3128");
    config.unix_socket = "/run/passage.sock";
    BOOST_TEST(authority("https://keys.example") == "none");
}

BOOST_AUTO_TEST_CASE(a_key_that_is_refused_is_not_repeated)
{
    Config config = valid();
    config.api_key = "k.canary 7Qz0Xw4Lr9Ht2Vb6Nm";
    BOOST_TEST(to_string(client::check_config(config).error()).find("canary") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(checking_leaves_no_copy_of_the_key)
{
    constexpr std::string_view key = "k.canary-7Qz0Xw4Lr9Ht2Vb6Nm";
    Config config = valid();
    config.auth_url = "https://keys.example.com/a/path/too/long/for/a/string/without/memory";
    const test::FreedMemory freed{key};
    {
        const Config copy = config;
        BOOST_TEST(client::check_config(copy).has_value());
    }
    BOOST_TEST(freed.blocks() > 1u);
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
