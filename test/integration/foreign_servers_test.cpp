// The library against nginx and nghttpd, over HTTP/2 and HTTP/1.1.

#include "support/foreign_server.hpp"
#include "support/version_observer.hpp"

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>

using namespace passage;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::ForeignServer;

namespace {

struct Fixture
{
    explicit Fixture(ForeignServer&& of) : server{std::move(of)} {}

    Config config(HttpVersion version = HttpVersion::automatic) const
    {
        Config config;
        config.app_id = "app";
        config.api_key = "key";
        config.base_url = server.base_url();
        config.tls.ca_pem = server.ca_pem();
        config.http_version = version;
        config.observer = observer;
        config.retry.base = 1ms;
        return config;
    }

    /// So many calls, so many of them at a time; returns how many succeeded.
    std::size_t make_calls(Client& client, std::size_t total, std::size_t at_a_time)
    {
        std::size_t next = 0;
        std::size_t succeeded = 0;
        const auto caller = [&]() -> asio::awaitable<void> {
            while (next++ < total) {
                const auto user = co_await client.get_user("u1");
                if (user && user->id == "u1")
                    ++succeeded;
                else if (!user)
                    BOOST_TEST_MESSAGE(user.error());
            }
        };
        for (std::size_t i = 0; i < at_a_time; ++i)
            asio::co_spawn(context, caller(), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
        context.restart();
        context.run();
        return succeeded;
    }

    ForeignServer server;
    std::shared_ptr<test::VersionObserver> observer = std::make_shared<test::VersionObserver>();
    asio::io_context context;
};

const std::set<HttpVersion> http1{HttpVersion::http1};
const std::set<HttpVersion> http2{HttpVersion::http2};

} // namespace

BOOST_AUTO_TEST_SUITE(foreign_servers, *boost::unit_test::precondition([](auto) {
                          return ForeignServer::are_installed({"nginx", "nghttpd"});
                      }))

BOOST_AUTO_TEST_CASE(nghttpd_is_spoken_to_over_one_connection)
{
    Fixture f{ForeignServer::nghttpd(100)};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 2'000, 50) == 2'000u);
    BOOST_TEST(client.stats().connections_made == 1u);
    BOOST_TEST((f.observer->versions == http2));
    BOOST_TEST(f.observer->attempts == 2'000u);
}

BOOST_AUTO_TEST_CASE(nginx_is_spoken_to_in_the_version_that_is_asked_for)
{
    Fixture f{ForeignServer::nginx(" http2", "keepalive_requests 1000000;")};
    {
        Client client{f.context.get_executor(), f.config()};
        BOOST_TEST(f.make_calls(client, 500, 20) == 500u);
        BOOST_TEST(client.stats().connections_made == 1u);
        BOOST_TEST((f.observer->versions == http2));
    }
    f.observer->versions.clear();
    Client client{f.context.get_executor(), f.config(HttpVersion::http1)};
    BOOST_TEST(f.make_calls(client, 500, 20) == 500u);
    BOOST_TEST((f.observer->versions == http1));
}

BOOST_AUTO_TEST_CASE(a_server_without_http_2_is_spoken_to_in_http_1)
{
    Fixture f{ForeignServer::nginx("", "")};
    {
        Client client{f.context.get_executor(), f.config()};
        BOOST_TEST(f.make_calls(client, 500, 20) == 500u);
        BOOST_TEST((f.observer->versions == http1));
    }
    Client client{f.context.get_executor(), f.config(HttpVersion::http2)};
    std::optional<Error> error;
    asio::co_spawn(
        f.context,
        [&]() -> asio::awaitable<void> {
            const auto user = co_await client.get_user("u1");
            if (!user)
                error = user.error();
        },
        [](std::exception_ptr thrown) {
            if (thrown)
                std::rethrow_exception(thrown);
        });
    f.context.restart();
    f.context.run();
    BOOST_TEST_REQUIRE(error.has_value());
    BOOST_TEST((error->code == Errc::tls), *error);
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_after_some_requests_loses_none)
{
    Fixture f{ForeignServer::nginx(" http2", "keepalive_requests 50;")};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 2'000, 16) == 2'000u);
    BOOST_TEST(client.stats().connections_made >= 40u);
}

BOOST_AUTO_TEST_CASE(ten_thousand_calls_at_once_take_few_connections)
{
    Fixture f{ForeignServer::nginx(" http2", "keepalive_requests 1000000;\nhttp2_max_concurrent_streams 128;")};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 10'000, 10'000) == 10'000u);
    BOOST_TEST(client.stats().connections_made <= 8u);
}

BOOST_AUTO_TEST_CASE(one_stream_at_a_time_serves_all)
{
    Fixture f{ForeignServer::nghttpd(1)};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 300, 30) == 300u);
    BOOST_TEST(client.stats().connections_made <= 8u);
}

BOOST_AUTO_TEST_CASE(calls_cancelled_at_random_leave_the_connection_usable)
{
    Fixture f{ForeignServer::nghttpd(100)};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 1, 1) == 1u);

    std::minstd_rand random{7};
    std::deque<asio::cancellation_signal> signals; // each lasts as long as its call
    std::size_t cancelled = 0;
    std::size_t succeeded = 0;
    constexpr std::size_t total = 800; // nghttpd closes a connection after 1,000 resets at once
    std::size_t begun = 0;
    const auto caller = [&]() -> asio::awaitable<void> {
        while (begun < total) {
            ++begun;
            asio::cancellation_signal& signal = signals.emplace_back();
            asio::co_spawn(
                f.context,
                [&client]() -> asio::awaitable<expected<UserInfo>> { co_return co_await client.get_user("u1"); },
                asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, expected<UserInfo> user) {
                    if (error || (!user && user.error().code == Errc::cancelled))
                        ++cancelled;
                    else if (user)
                        ++succeeded;
                }));
            const std::size_t turns = random() % 6;
            for (std::size_t turn = 0; turn < turns; ++turn)
                co_await asio::post(f.context, asio::use_awaitable);
            signal.emit(asio::cancellation_type::terminal);
        }
    };
    for (int i = 0; i < 20; ++i)
        asio::co_spawn(f.context, caller(), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
    f.context.restart();
    f.context.run();
    BOOST_TEST(cancelled + succeeded == begun);
    BOOST_TEST(cancelled > 0u);
    BOOST_TEST(f.make_calls(client, 500, 50) == 500u);
    // A reset stream may hold a place on its connection until the server has answered a PING.
    BOOST_TEST(client.stats().connections_made <= 8u);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_killed_is_found_to_be_gone)
{
    Fixture f{ForeignServer::nghttpd(100)};
    Client client{f.context.get_executor(), f.config()};
    BOOST_TEST(f.make_calls(client, 100, 10) == 100u);
    f.server.signal(SIGKILL);
    BOOST_TEST(f.make_calls(client, 10, 10) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
