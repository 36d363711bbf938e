// The library through tinyproxy and squid, with and without TLS to the proxy.

#include "support/canary.hpp"
#include "support/error_of.hpp"
#include "support/foreign_server.hpp"
#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/script_server.hpp"

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::ForeignServer;

namespace {

const std::string credentials = "proxy-user:proxy-canary-93b1c7";
constexpr std::string_view encoded_credentials = "cHJveHktdXNlcjpwcm94eS1jYW5hcnktOTNiMWM3";

enum class Kind { tinyproxy, squid, squid_with_tls };

std::ostream& operator<<(std::ostream& stream, Kind kind)
{
    constexpr std::array names{"tinyproxy", "squid", "squid with TLS"};
    return stream << names.at(static_cast<std::size_t>(kind));
}

const auto kinds = boost::unit_test::data::make({Kind::tinyproxy, Kind::squid, Kind::squid_with_tls});

struct Proxy
{
    explicit Proxy(Kind of)
        : url_begin{of == Kind::squid_with_tls ? "https://localhost:" : "http://127.0.0.1:"},
          server{of == Kind::tinyproxy ? ForeignServer::tinyproxy(credentials)
                                       : ForeignServer::squid(credentials, of == Kind::squid_with_tls)}
    {}

    std::string url() const { return url_begin + std::to_string(server.port()); }

    void set(Config& config) const
    {
        config.proxy.url = url();
        config.proxy.credentials = credentials;
        config.tls.ca_pem += server.ca_pem();
        config.retry.base = 1ms;
    }

    const std::string url_begin;
    ForeignServer server;
};

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

/// Nothing of the proxy's credentials, nor the API key.
void expect_no_secrets(const std::string& where, std::string_view text)
{
    for (const std::string_view secret : {std::string_view{credentials}, std::string_view{"proxy-canary"},
                                          encoded_credentials, std::string_view{test::canary_api_key}})
        BOOST_TEST(!contains(text, secret), where << " shows a secret");
}

/// Runs a test program through a proxy. Returns what it printed; its status must be 0.
std::string run_program(const std::string& program, const Proxy& proxy)
{
    setenv("PASSAGE_TEST_PROXY", proxy.url().c_str(), 1);
    setenv("PASSAGE_TEST_PROXY_CREDENTIALS", credentials.c_str(), 1);
    setenv("PASSAGE_TEST_PROXY_CA", proxy.server.ca_pem().c_str(), 1);
    std::FILE* const output = popen(("'" + program + "' --color_output=no 2>&1").c_str(), "r");
    BOOST_REQUIRE(output);
    std::string text;
    std::array<char, 4096> buffer;
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), output))
        text.append(buffer.data(), size);
    const int status = pclose(output);
    for (const char* name : {"PASSAGE_TEST_PROXY", "PASSAGE_TEST_PROXY_CREDENTIALS", "PASSAGE_TEST_PROXY_CA"})
        unsetenv(name);
    BOOST_TEST(status == 0, text);
    return text;
}

/// When it returns, the client's connections are closed.
expected<UserInfo> get(const Config& config)
{
    asio::io_context context;
    Client client{context, config};
    return test::run(context, client.get_user("u1"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(proxies, *boost::unit_test::precondition([](auto) {
                          return ForeignServer::are_installed({"tinyproxy", "squid", "nginx"});
                      }))

BOOST_DATA_TEST_CASE(every_operation_works_through_a_proxy, kinds, kind)
{
    for (const char* program : {PASSAGE_OPERATIONS, PASSAGE_AUTH}) {
        const Proxy proxy{kind};
        expect_no_secrets("the program", run_program(program, proxy));
        const std::string log = proxy.server.log();
        BOOST_TEST(contains(log, "CONNECT"), log);
        BOOST_TEST(!contains(log, test::canary_api_key));
    }
}

BOOST_DATA_TEST_CASE(the_server_hears_nothing_of_the_proxy, kinds, kind)
{
    const Proxy proxy{kind};
    test::ScriptServer server;
    server.plan({});
    Config config = test::config_for(server, "localhost");
    proxy.set(config);
    const auto user = get(config);
    BOOST_TEST(user.has_value(), test::error_of(user));
    BOOST_TEST(server.finish() == "");
    BOOST_TEST_REQUIRE(server.requests().size() == 1u);
    const std::string request = server.requests().front().bytes;
    BOOST_TEST(contains(request, test::canary_api_key));
    BOOST_TEST(!contains(request, "Proxy"));
    BOOST_TEST(!contains(request, encoded_credentials));
}

BOOST_DATA_TEST_CASE(credentials_that_are_missing_or_wrong_are_refused_once, kinds, kind)
{
    const Proxy proxy{kind};
    test::ScriptServer server;
    server.plan({});
    for (const char* wrong : {"", "proxy-user:wrong-canary"}) {
        Config config = test::config_for(server, "localhost");
        proxy.set(config);
        config.proxy.credentials = wrong;
        const auto user = get(config);
        BOOST_TEST_REQUIRE(!user);
        BOOST_TEST((user.error().code == Errc::connect), user.error());
        // tinyproxy 1.11 answers wrong credentials with 401.
        const int status = user.error().http_status;
        BOOST_TEST((status == 407 || (kind == Kind::tinyproxy && status == 401)), user.error());
        BOOST_TEST(user.error().attempts == 1u);
        BOOST_TEST(!contains(to_string(user.error()), "wrong-canary"));
    }
    BOOST_TEST(server.finish() == "");
    BOOST_TEST(server.connections() == 0u);
}

BOOST_DATA_TEST_CASE(a_server_that_the_proxy_cannot_reach_is_said_to_be_that, kinds, kind)
{
    const Proxy proxy{kind};
    test::ScriptServer nobody{true, false};
    Config config = test::config_for(nobody, "localhost");
    proxy.set(config);
    const auto user = get(config);
    BOOST_TEST_REQUIRE(!user);
    BOOST_TEST((user.error().code == Errc::connect), user.error());
    BOOST_TEST(user.error().http_status >= 500, user.error());
    BOOST_TEST((user.error().effect == Effect::none));
}

BOOST_DATA_TEST_CASE(a_proxy_that_is_killed_is_found_to_be_gone, kinds, kind)
{
    const Proxy proxy{kind};
    test::ScriptServer server;
    server.plan({});
    asio::io_context context;
    Config config = test::config_for(server, "localhost");
    proxy.set(config);
    {
        Client client{context, config};
        const auto before = test::run(context, client.get_user("u1"));
        BOOST_TEST(before.has_value(), test::error_of(before));
        proxy.server.signal(SIGKILL);
        const auto after = test::run(context, client.get_user("u1"));
        BOOST_TEST_REQUIRE(!after);
        BOOST_TEST((after.error().code == Errc::connect), after.error());
    }
    BOOST_TEST(server.finish() == "");
}

BOOST_DATA_TEST_CASE(a_server_that_sends_goaway_loses_no_call, kinds, kind)
{
    const Proxy proxy{kind};
    const ForeignServer nginx = ForeignServer::nginx(PASSAGE_HTTP2 ? " http2" : "", "keepalive_requests 50;");
    asio::io_context context;
    Config config;
    config.app_id = "app";
    config.api_key = test::canary_api_key;
    config.base_url = nginx.base_url();
    config.tls.ca_pem = nginx.ca_pem();
    proxy.set(config);
    Client client{context, config};
    constexpr int total = 1'000;
    int begun = 0;
    int succeeded = 0;
    const auto caller = [&]() -> asio::awaitable<void> {
        while (begun++ < total) {
            const auto user = co_await client.get_user("u1");
            if (user)
                ++succeeded;
            else
                BOOST_TEST_MESSAGE(user.error());
        }
    };
    for (int i = 0; i < 16; ++i)
        asio::co_spawn(context, caller(), asio::detached);
    context.run();
    BOOST_TEST(succeeded == total);
    BOOST_TEST(client.stats().connections_made >= 20u);
}

BOOST_AUTO_TEST_SUITE_END()
