// Calls of a client that are awaited on another execution context than the client's.

#include "support/run.hpp"
#include "support/script_config.hpp"

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace passage;
using passage::test::run;
using passage::test::Script;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

/// Well-formed, which is all that matters before there are keys.
const std::string token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.e30.c2ln";

/// A connection on which the first request is not answered until the server is told to go on.
Script holding()
{
    return {{steps::tls(), steps::request(), steps::hold(), steps::answer(), steps::serve()}, true};
}

struct Fixture
{
    Config config() const
    {
        Config config = config_for(server);
        config.auth_url = config.base_url;
        config.retry.max_attempts = 1;
        return config;
    }

    test::ScriptServer server;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(foreign_contexts, Fixture)

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_the_calls_along_that_are_awaited_on_it)
{
    const auto witness = std::make_shared<int>();
    const auto spawn = [witness](const auto& executor, auto call) {
        asio::co_spawn(executor, std::move(call),
                       [witness](std::exception_ptr, const auto&) { BOOST_ERROR("it can't end"); });
    };
    for (const bool is_told : {false, true}) { // whether the client's context has completed the calls before
        server.plan({holding(), holding(), holding()});
        asio::io_context context;
        std::optional<Client> client{std::in_place, context, config()};
        std::optional<Authenticator> authenticator{std::in_place, context, config()};
        auto other = std::make_unique<asio::io_context>();
        spawn(other->get_executor(), client->get_user("u"));
        spawn(other->get_executor(), client->coalesced_get_user("u"));
        spawn(asio::make_strand(*other), client->coalesced_get_user("u"));
        spawn(other->get_executor(), authenticator->authenticate(token));
        spawn(asio::make_strand(*other), authenticator->authenticate(token));
        other->poll();
        while (server.requests().size() < 3)
            context.run_one();
        BOOST_TEST(witness.use_count() == 7);
        if (is_told) {
            client->close();
            authenticator.reset();
            context.run();
        }
        other.reset();
        BOOST_TEST(witness.use_count() == 2); // `spawn` has the other one
        server.release();
        client.reset();
        authenticator.reset();
        context.run();
        BOOST_TEST(server.finish() == "");
    }
}

BOOST_AUTO_TEST_CASE(a_call_that_nobody_awaits_any_more_is_broken_off)
{
    server.plan({holding()});
    asio::io_context context;
    std::optional<Client> client{std::in_place, context, config()};
    auto other = std::make_unique<asio::io_context>();
    asio::co_spawn(other->get_executor(), client->get_user("u"),
                   [](std::exception_ptr, const auto&) { BOOST_ERROR("it can't end"); });
    other->poll();
    while (server.requests().empty())
        context.run_one();
    BOOST_TEST(client->stats().connections == 1u);
    other.reset();
    while (client->stats().connections > 0) // the server is still holding
        context.run_one();
    BOOST_TEST(run(context, client->get_user("v")).value().id == "v");
    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(server.finish() == "");
}

BOOST_AUTO_TEST_CASE(a_deadline_is_noticed_by_who_runs_the_clients_context)
{
    server.plan({holding()});
    asio::io_context context;
    std::optional<Client> client{std::in_place, context, config()};
    asio::io_context other;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{20};
    std::optional<expected<UserInfo>> user;
    asio::co_spawn(other, client->get_user("u", CallOptions{}.deadline(deadline)),
                   [&](std::exception_ptr, expected<UserInfo> result) { user.emplace(std::move(result)); });
    other.run_until(deadline + std::chrono::milliseconds{20});
    BOOST_TEST(!user);
    context.run();
    BOOST_TEST(!user); // its handler belongs to the other one
    other.run();
    BOOST_TEST_REQUIRE((user && !*user));
    BOOST_TEST(is_timeout(user->error()), user->error());
    server.release();
    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(server.finish() == "");
}

BOOST_AUTO_TEST_CASE(a_context_keeps_running_while_operations_on_another_context_need_it)
{
    Config unreachable = config();
    unreachable.base_url = unreachable.auth_url = "http://127.0.0.1:1";
    using Start = std::function<void(Client&, Authenticator&, UserRange&, asio::io_context&, bool&)>;
    const auto set = [](bool& ended) { return [&ended](auto&&...) { ended = true; }; };
    const std::vector<Start> operations{
        [&](Client& client, auto&, auto&, auto& other, bool& ended) {
            client.get_user("u", asio::bind_executor(other, set(ended)));
        },
        [&](Client& client, auto&, auto&, auto& other, bool& ended) {
            client.coalesced_get_user("u", asio::bind_executor(other, set(ended)));
        },
        [&](Client&, auto&, UserRange& users, auto& other, bool& ended) {
            users.next(asio::bind_executor(other, set(ended)));
        },
        [&](Client&, Authenticator& authenticator, auto&, auto& other, bool& ended) {
            authenticator.authenticate(token, asio::bind_executor(other, set(ended)));
        },
        [&](Client& client, auto&, auto&, auto& other, bool& ended) {
            get_users(client, {"u", "v"}, asio::bind_executor(other, set(ended)));
        },
        [&](Client& client, auto&, auto&, auto& other, bool& ended) {
            create_users(client, {CreateUserRequest{}.email("u@example.com")}, asio::bind_executor(other, set(ended)));
        },
    };
    for (const Start& start : operations) {
        asio::io_context context;
        asio::io_context other;
        Client client{context, unreachable};
        Authenticator authenticator{context, unreachable};
        UserRange users = client.users();
        bool ended = false;
        start(client, authenticator, users, other, ended);
        context.poll();
        BOOST_TEST(!context.stopped()); // although the operation has not begun on its own context
        std::thread thread{[&] { other.run(); }};
        context.run();
        thread.join();
        BOOST_TEST(ended);
    }

    // The second request of an operation begins on its own context.
    {
        asio::io_context context;
        asio::io_context other;
        std::optional<Client> client{std::in_place, context, config()};
        bool found = false;
        client->get_user_by_identifier(
            "jane@example.com", asio::bind_executor(other, [&](expected<UserInfo> user) { found = user.has_value(); }));
        while (server.requests().empty() || client->stats().idle_connections == 0)
            context.run_one();
        context.run_for(std::chrono::milliseconds{300}); // until no timer of the client is pending
        BOOST_TEST_REQUIRE(!context.stopped());
        std::thread thread{[&] { other.run(); }};
        context.run();
        thread.join();
        BOOST_TEST(found);
        BOOST_TEST(server.requests().size() == 2u);
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }

    // An operation that is destroyed with its context doesn't keep the client's.
    asio::io_context context;
    auto other = std::make_unique<asio::io_context>();
    Client client{context, unreachable};
    bool ended = false;
    client.coalesced_get_user("u", asio::bind_executor(*other, set(ended)));
    other.reset();
    context.run();
    BOOST_TEST(!ended);
}

BOOST_AUTO_TEST_CASE(a_call_may_be_cancelled_when_it_and_its_clients_context_are_gone)
{
    Config unreachable = config();
    unreachable.base_url = "http://127.0.0.1:1";
    asio::io_context other;
    std::vector<asio::cancellation_signal> signals(2);
    int ended = 0;
    const auto count = [&](auto&&...) { ++ended; };
    {
        asio::io_context context;
        Client client{context, unreachable};
        client.get_user("u", asio::bind_cancellation_slot(signals[0].slot(), asio::bind_executor(other, count)));
        client.coalesced_get_user("u",
                                  asio::bind_cancellation_slot(signals[1].slot(), asio::bind_executor(other, count)));
        std::thread thread{[&] { other.run(); }};
        context.run();
        thread.join();
    }
    BOOST_TEST(ended == 2);
    for (auto& signal : signals)
        signal.emit(asio::cancellation_type::terminal);
}

BOOST_AUTO_TEST_CASE(a_context_may_be_destroyed_while_calls_complete_on_another)
{
    server.plan({});
    asio::thread_pool pool{2};
    Client client{pool, config()};
    Client closed{pool, config()}; // whose calls complete at once
    closed.close();
    Config nowhere = config();
    nowhere.auth_url = "http://127.0.0.1:1"; // refused at once
    std::list<Authenticator> authenticators;
    std::atomic<int> under_way{0};
    /// Counts the coroutines that neither ended nor were taken along.
    const auto counted = [&under_way] {
        ++under_way;
        return std::shared_ptr<int>{nullptr, [&under_way](int*) { --under_way; }};
    };
    constexpr int rounds = 400;
    for (int round = 0; round < rounds; ++round) {
        std::list<asio::cancellation_signal> signals;
        asio::io_context other;
        const auto spawn = [&](auto call) {
            asio::cancellation_signal& signal = signals.emplace_back();
            asio::co_spawn(
                other, std::move(call),
                asio::bind_cancellation_slot(signal.slot(), [alive = counted()](std::exception_ptr, const auto&) {}));
            if (round % 3 == 0)
                asio::post(other, [&signal] { signal.emit(asio::cancellation_type::terminal); });
        };
        // No slot: that of a coroutine on a strand must not outlive the context.
        const auto spawn_on_strand = [&](auto call) {
            asio::co_spawn(asio::make_strand(other), std::move(call),
                           [alive = counted()](std::exception_ptr, const auto&) {});
        };
        Authenticator& authenticator = authenticators.emplace_back(pool, nowhere);
        for (int i = 0; i < 4; ++i) {
            spawn(client.get_user("u"));
            spawn(client.coalesced_get_user("u"));
            spawn(authenticator.authenticate(token));
            spawn_on_strand(closed.get_user("u"));
            spawn_on_strand(closed.coalesced_get_user("u"));
            spawn_on_strand(authenticator.authenticate(token));
        }
        for (int i = 0; i < 20 + round % 80; ++i)
            if (other.run_one() == 0)
                break;
    }
    BOOST_TEST(under_way == 0);
    client.close();
    authenticators.clear();
    pool.join();
    BOOST_TEST(server.finish() == "");
}

BOOST_AUTO_TEST_CASE(an_authenticators_context_may_be_destroyed_while_those_who_wait_elsewhere_are_cancelled)
{
    asio::io_context other;
    auto keep_running = asio::make_work_guard(other);
    std::thread thread{[&] { other.run(); }};
    constexpr int rounds = 200;
    constexpr int callers = 8;
    std::atomic<int> right{0};
    std::list<asio::cancellation_signal> signals;
    for (int round = 0; round < rounds; ++round) {
        auto context = std::make_unique<asio::io_context>();
        auto authenticator = std::make_unique<Authenticator>(*context, config());
        std::atomic<int> begun{0};
        for (int i = 0; i < callers; ++i) {
            asio::cancellation_signal& signal = signals.emplace_back();
            asio::post(other, [&, by = authenticator.get()] {
                asio::co_spawn(other, by->authenticate(token),
                               asio::bind_cancellation_slot(
                                   signal.slot(), [&right](std::exception_ptr error, const expected<Claims>& claims) {
                                       right += !error && !claims &&
                                                (is_cancelled(claims.error()) || claims.error().code == Errc::jwks ||
                                                 claims.error().code == Errc::shut_down);
                                   }));
                ++begun;
                begun.notify_one();
            });
        }
        for (int now = begun; now < callers; now = begun)
            begun.wait(now);
        for (auto signal = std::prev(signals.end(), callers); signal != signals.end(); ++signal)
            asio::post(other, [&emitted = *signal] { emitted.emit(asio::cancellation_type::terminal); });
        authenticator.reset();
        context.reset();
    }
    keep_running.reset();
    thread.join();
    BOOST_TEST(right == rounds * callers);
}

BOOST_AUTO_TEST_SUITE_END()
