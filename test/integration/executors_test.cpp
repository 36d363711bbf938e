// One client under every kind of executor, from one thread and from many.

#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace passage;
namespace asio = boost::asio;

namespace {

struct Counts
{
    std::atomic<int> right{0};
    std::atomic<int> wrong{0};
};

/// Calls of several kinds, each with an answer of its own that is checked.
asio::awaitable<void> mixed_calls(Client& client, int number, int calls, Counts& counts)
{
    const auto count = [&](bool right) { ++(right ? counts.right : counts.wrong); };
    const std::string email = "user" + std::to_string(number) + "@example.com";
    const auto made = co_await client.create_user(CreateUserRequest{}.email(email).metadata("number", number));
    count(made && made->email == email);
    if (!made)
        co_return;
    for (int call = 1; call < calls; ++call) {
        switch (call % 4) {
        case 0: {
            const auto user = co_await client.get_user(made->id);
            count(user && user->email == email && user->user_metadata.at("number") == number);
            break;
        }
        case 1: {
            const auto user = co_await client.get_user_by_identifier(email);
            count(user && user->id == made->id);
            break;
        }
        case 2: {
            const auto user = co_await client.update_user(
                made->id, UpdateUserRequest{}.metadata("number", number).metadata("call", call));
            count(user && user->user_metadata.at("call") == call);
            break;
        }
        default: {
            const auto nobody = co_await client.get_user("nobody" + std::to_string(number));
            count(!nobody && is_not_found(nobody.error()));
            break;
        }
        }
    }
}

/// Calls until there is an end, and once at least.
asio::awaitable<void> calls_until(const std::atomic<bool>& end, Client& client, int caller, Counts& counts)
{
    constexpr int callers = 10;
    int number = caller;
    do {
        co_await mixed_calls(client, number, 8, counts);
        number += callers;
    } while (!end);
}

constexpr int tasks = 100;
constexpr int calls_each = 40;

void spawn_all(const asio::any_io_executor& executor, Client& client, Counts& counts)
{
    for (int number = 0; number < tasks; ++number) {
        asio::co_spawn(executor, mixed_calls(client, number, calls_each, counts), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
    }
}

void check(const Counts& counts, const Client& client)
{
    BOOST_TEST(counts.right == tasks * calls_each);
    BOOST_TEST(counts.wrong == 0);
    BOOST_TEST(client.stats().peak_connections <= 64u);
}

} // namespace

BOOST_AUTO_TEST_CASE(one_thread_runs_the_context)
{
    test::Service service;
    asio::io_context context{1};
    Client client{context, service.config()};
    Counts counts;
    spawn_all(context.get_executor(), client, counts);
    context.run();
    check(counts, client);
}

BOOST_AUTO_TEST_CASE(four_threads_run_the_context)
{
    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
    Counts counts;
    spawn_all(context.get_executor(), client, counts);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { context.run(); });
    for (std::thread& thread : threads)
        thread.join();
    check(counts, client);
}

BOOST_AUTO_TEST_CASE(a_thread_pool_runs_everything)
{
    test::Service service;
    asio::thread_pool pool{4};
    Client client{pool, service.config()};
    Counts counts;
    spawn_all(pool.get_executor(), client, counts);
    pool.join();
    check(counts, client);
}

BOOST_AUTO_TEST_CASE(callers_live_on_a_strand)
{
    test::Service service;
    asio::thread_pool pool{4};
    const auto strand = asio::make_strand(pool);
    Client client{strand, service.config()};
    Counts counts;
    spawn_all(strand, client, counts);
    pool.join();
    check(counts, client);
}

BOOST_AUTO_TEST_CASE(callers_and_client_live_on_contexts_of_their_own)
{
    test::Service service;
    asio::thread_pool of_client{1};
    asio::thread_pool of_callers{2};
    Client client{of_client, service.config()};
    Counts counts;
    spawn_all(of_callers.get_executor(), client, counts);
    of_callers.join();
    check(counts, client);
    client.close();
    of_client.join();
}

BOOST_AUTO_TEST_CASE(stats_may_be_read_while_calls_run)
{
    test::Service service;
    asio::thread_pool pool{2};
    Client client{pool, service.config()};
    Counts counts;
    std::atomic<bool> done{false};
    std::thread reader{[&] {
        while (!done) {
            const ClientStats stats = client.stats();
            if (stats.connections > 64 || stats.idle_connections > 64)
                ++counts.wrong;
        }
    }};
    spawn_all(pool.get_executor(), client, counts);
    pool.join();
    done = true;
    reader.join();
    check(counts, client);
}

BOOST_AUTO_TEST_CASE(tls_settings_may_be_replaced_while_calls_run)
{
    for (const HttpVersion version : {HttpVersion::http1, HttpVersion::automatic}) {
        test::Service service;
        asio::thread_pool pool{3};
        Config config = service.config();
        config.http_version = version;
        Client client{pool, config};
        Counts counts;
        std::atomic<bool> done{false};
        for (int caller = 0; caller < 4; ++caller)
            asio::co_spawn(pool, calls_until(done, client, caller, counts), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
        std::thread reloader{[&] {
            int failed = 0;
            for (int i = 0; i < 100; ++i) {
                const int ended = counts.right + counts.wrong;
                failed += client.reload_tls(config.tls) ? 0 : 1;
                while (counts.right + counts.wrong == ended)
                    std::this_thread::yield();
            }
            counts.wrong += failed;
            done = true;
        }};
        reloader.join();
        pool.join();
        BOOST_TEST(counts.wrong == 0);
        BOOST_TEST(counts.right > 100);
        BOOST_TEST(client.stats().connections_made > 4u); // the settings were replaced indeed
    }
}
