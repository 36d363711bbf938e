#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

using namespace passage;
namespace asio = boost::asio;

namespace {

long peak_memory_kib()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

} // namespace

BOOST_AUTO_TEST_CASE(ten_thousand_calls_at_once_share_64_connections)
{
    test::Service service;
    asio::io_context context{1};
    Client client{context, service.config()};
    const std::string id = test::run(context, [](Client& of) -> asio::awaitable<std::string> {
        co_return (co_await of.create_user(CreateUserRequest{}.email("a@example.com"))).value().id;
    }(client));

    constexpr int calls = 10'000;
    const long before = peak_memory_kib();
    int right = 0;
    int ended = 0;
    for (int i = 0; i < calls; ++i) {
        asio::co_spawn(context, client.get_user(id), [&](std::exception_ptr error, expected<UserInfo> user) {
            if (error)
                std::rethrow_exception(error);
            ++ended;
            right += user && user->id == id;
            if (!user && ended - right == 1)
                BOOST_TEST_MESSAGE(user.error());
        });
    }
    context.restart();
    context.run();

    const ClientStats stats = client.stats();
    BOOST_TEST(ended == calls);
    BOOST_TEST(right == calls);
    BOOST_TEST(stats.peak_connections <= 64u);
    BOOST_TEST(service.emulator.most_connections() <= 64u);
    BOOST_TEST(stats.connections_made <= 64u);
    BOOST_TEST(stats.waiting_calls == 0u);
    std::cout << calls << " calls over " << stats.peak_connections << " connections; peak memory "
              << peak_memory_kib() / 1024 << " MiB, of which " << (peak_memory_kib() - before) / 1024
              << " MiB since before the calls (client and emulator in one process)\n";
}

BOOST_AUTO_TEST_CASE(one_call_more_than_may_wait_ends_at_once)
{
    test::Service service;
    asio::io_context context;
    Config config = service.config();
    config.pool.max_connections = 1;
    config.pool.max_waiting = 5;
    Client client{context, config};
    int answered = 0;
    int turned_away = 0;
    for (int i = 0; i < 8; ++i) {
        asio::co_spawn(context, client.get_user("nobody"), [&](std::exception_ptr, expected<UserInfo> user) {
            answered += is_not_found(user.error());
            turned_away += user.error().code == Errc::pool_timeout;
        });
    }
    context.run();
    BOOST_TEST(answered == 5);
    BOOST_TEST(turned_away == 3);
}

BOOST_AUTO_TEST_CASE(calls_in_turn_use_one_connection)
{
    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
    test::run(context, [](Client& of) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i)
            BOOST_TEST(is_not_found((co_await of.get_user("nobody")).error()));
    }(client));
    BOOST_TEST(service.emulator.connections_accepted() == 1u);
    BOOST_TEST(client.stats().connections_made == 1u);
}
