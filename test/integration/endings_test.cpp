// Calls that end early: cancelled, timed out, or with their client or context destroyed. Leaks and use after free are
// detected by the sanitizers.

#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <variant>

namespace asio = boost::asio;
using namespace passage;
using passage::test::run;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

struct Fixture
{
    test::Service service;
    asio::io_context context;
    std::optional<Client> client{std::in_place, context, service.config()};
};

/// Completes after all ready handlers have run.
asio::awaitable<void> turn_of_the_context()
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

/// The call is begun by the caller: the client may be gone when this coroutine starts.
asio::awaitable<expected<UserInfo>> keep(asio::awaitable<expected<UserInfo>> call,
                                         std::vector<expected<UserInfo>>& results)
{
    results.push_back(co_await std::move(call));
    co_return results.back();
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_cancelled_call_ends_at_once_and_the_client_goes_on, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        for (int turns = 0; turns < 40; ++turns) { // cancelled in every state from waiting to done
            const auto wait = [](int left) -> asio::awaitable<void> {
                while (left-- > 0)
                    co_await turn_of_the_context();
            };
            const auto first = co_await (psg.get_user("nobody") || wait(turns));
            if (const auto* user = std::get_if<0>(&first))
                BOOST_TEST((is_not_found(user->error()) || is_cancelled(user->error())));
            BOOST_TEST(is_not_found((co_await psg.get_user("nobody")).error()));
        }
    }(*client));
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_call_returns_an_error_and_throws_nothing, Fixture)
{
    asio::cancellation_signal signal;
    std::optional<expected<UserInfo>> result;
    asio::co_spawn(context, client->get_user("nobody"),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, expected<UserInfo> user) {
                       BOOST_TEST(!error);
                       result.emplace(std::move(user));
                   }));
    context.poll_one();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_REQUIRE(result);
    BOOST_TEST((result->error().code == Errc::cancelled));
    BOOST_TEST((result->error().effect == Effect::none));
    BOOST_TEST(result->error().operation == "get_user");
}

BOOST_FIXTURE_TEST_CASE(the_caller_is_thrown_at_as_before_when_it_was_cancelled, Fixture)
{
    // The library must leave the caller's own setting as it was: its next co_await throws.
    asio::cancellation_signal signal;
    bool call_ended = false;
    bool thrown = false;
    const auto caller = [&]() -> asio::awaitable<void> {
        const auto user = co_await client->get_user("nobody");
        call_ended = is_cancelled(user.error());
        try {
            co_await turn_of_the_context();
        } catch (const boost::system::system_error& error) {
            thrown = error.code() == asio::error::operation_aborted;
        }
    };
    asio::co_spawn(context, caller(), asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    context.poll_one();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_TEST(call_ended);
    BOOST_TEST(thrown);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_that_is_over_ends_the_call, Fixture)
{
    run(context, [](Client& psg, Emulator& emulator) -> asio::awaitable<void> {
        BOOST_TEST(is_not_found((co_await psg.get_user("nobody")).error()));
        for (const auto past : {std::chrono::steady_clock::now(), std::chrono::steady_clock::time_point::min()}) {
            const auto late = co_await psg.get_user("nobody", CallOptions{}.deadline(past));
            BOOST_TEST(is_timeout(late.error()));
            BOOST_TEST((late.error().effect == Effect::none));
        }
        for (const auto timeout : {0ms, -1ms, std::chrono::milliseconds::min()}) {
            const auto none = co_await psg.get_user("nobody", CallOptions{}.timeout(timeout));
            BOOST_TEST(is_timeout(none.error()));
        }
        BOOST_TEST(emulator.requests_served() == 1u); // none of the late ones was sent
        const auto forever = co_await psg.get_user("nobody", CallOptions{}.timeout(std::chrono::milliseconds::max()));
        BOOST_TEST(is_not_found(forever.error()));
        const auto never_ending =
            co_await psg.get_user("nobody", CallOptions{}.deadline(std::chrono::steady_clock::time_point::max()));
        BOOST_TEST(is_not_found(never_ending.error()));
    }(*client, service.emulator));
}

BOOST_FIXTURE_TEST_CASE(destroying_the_client_ends_calls_in_every_state, Fixture)
{
    for (int turns = 0; turns < 60; ++turns) {
        Config config = service.config();
        config.pool.max_connections = 2;
        client.emplace(context, config);
        std::vector<expected<UserInfo>> results;
        for (int i = 0; i < 6; ++i) // some connecting or writing or reading, some waiting
            asio::co_spawn(context, keep(client->get_user("nobody"), results),
                           [](std::exception_ptr, expected<UserInfo>) {});
        context.restart();
        for (int turn = 0; turn < turns && results.size() < 6; ++turn)
            context.run_one();
        client.reset();
        context.run();
        BOOST_TEST(results.size() == 6u);
        for (const auto& result : results)
            BOOST_TEST((result.error().code == Errc::shut_down || is_not_found(result.error())));
    }
}

BOOST_FIXTURE_TEST_CASE(calls_after_close_end_at_once, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        BOOST_TEST(is_not_found((co_await psg.get_user("nobody")).error()));
        psg.close();
        psg.close();
        const auto closed = co_await psg.get_user("nobody");
        BOOST_TEST((closed.error().code == Errc::shut_down));
        BOOST_TEST((closed.error().effect == Effect::none));
        BOOST_TEST(psg.stats().connections == 0u);
    }(*client));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_becomes_another_one_ends_its_own_calls, Fixture)
{
    expected<Client> other = Client::create(context.get_executor(), service.config());
    BOOST_REQUIRE(other);
    std::optional<expected<UserInfo>> result;
    asio::co_spawn(context, client->get_user("nobody"),
                   [&](std::exception_ptr, expected<UserInfo> user) { result.emplace(std::move(user)); });
    context.poll_one();
    *client = std::move(*other);
    context.run();
    BOOST_REQUIRE(result);
    BOOST_TEST((result->error().code == Errc::shut_down));

    Client& same = *client;
    *client = std::move(same);
    run(context, [](Client& psg) -> asio::awaitable<void> {
        BOOST_TEST(is_not_found((co_await psg.get_user("nobody")).error()));
    }(*client));
}

BOOST_FIXTURE_TEST_CASE(a_context_that_is_stopped_takes_its_calls_along, Fixture)
{
    for (int turns = 0; turns < 60; ++turns) {
        asio::io_context own;
        Client brief{own, service.config()};
        for (int i = 0; i < 70; ++i)
            asio::co_spawn(own, brief.get_user("nobody"), [](std::exception_ptr, expected<UserInfo>) {});
        for (int turn = 0; turn < turns; ++turn)
            own.run_one();
        own.stop();
    }
}

BOOST_FIXTURE_TEST_CASE(a_context_without_calls_runs_out_of_work, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        BOOST_TEST(is_not_found((co_await psg.get_user("nobody")).error()));
    }(*client));
    BOOST_TEST(client->stats().idle_connections == 1u); // kept, and yet run() has returned
}

BOOST_FIXTURE_TEST_CASE(calls_are_cancelled_from_another_thread, Fixture)
{
    asio::thread_pool pool{2};
    // They share executors with what a thread may be leaving yet, so they go when the pool was joined: Asio counts by a
    // fence, which ThreadSanitizer does not follow.
    std::deque<asio::cancellation_signal> signals;
    {
        Client shared{pool, service.config()};
        for (int round = 0; round < 200; ++round) {
            const auto strand = asio::make_strand(pool);
            asio::cancellation_signal& signal = signals.emplace_back();
            std::promise<expected<UserInfo>> promise;
            asio::co_spawn(
                strand, shared.get_user("nobody"),
                asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, expected<UserInfo> user) {
                    promise.set_value(std::move(user));
                }));
            asio::post(strand, [&] { signal.emit(asio::cancellation_type::all); });
            const auto user = promise.get_future().get();
            BOOST_TEST((is_cancelled(user.error()) || is_not_found(user.error())));
            std::promise<void> quiet; // the signal must outlive what was posted to its strand
            asio::post(strand, [&] { quiet.set_value(); });
            quiet.get_future().get();
        }
    }
    pool.join();
}

BOOST_FIXTURE_TEST_CASE(total_cancellation_comes_too_late_once_the_request_is_sent, Fixture)
{
    int cancelled = 0;
    int answered = 0;
    for (int turns = 0; turns < 40; ++turns) {
        client.emplace(context, service.config()); // one that has to connect first
        asio::cancellation_signal signal;
        std::optional<expected<UserInfo>> result;
        const auto caller = [&]() -> asio::awaitable<void> {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
            co_await asio::this_coro::throw_if_cancelled(false);
            result.emplace(co_await client->get_user("nobody"));
        };
        asio::co_spawn(context, caller(), asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
        context.restart();
        for (int turn = 0; turn < turns && !result; ++turn)
            context.run_one();
        signal.emit(asio::cancellation_type::total);
        context.run();
        BOOST_REQUIRE(result);
        BOOST_TEST((result->error().effect == Effect::none));
        (is_cancelled(result->error()) ? cancelled : answered) += 1;
    }
    BOOST_TEST(cancelled > 0);
    BOOST_TEST(answered > 0);
}

BOOST_AUTO_TEST_CASE(a_range_may_outlive_its_client_and_be_destroyed_after_the_context)
{
    test::Service service;
    service.emulator.plant_user(R"({"email":"a@example.com"})");
    service.emulator.plant_user(R"({"email":"b@example.com"})");
    std::optional<UserRange> range;
    {
        asio::io_context own;
        const Config config = service.config();
        std::optional<Client> psg{std::in_place, own, config};
        range.emplace(psg->users(ListUsersRequest{}.limit(1)));
        BOOST_TEST(run(own, range->next()).value().has_value());
        psg.reset();
        const auto user = run(own, range->next());
        BOOST_TEST((!user && user.error().code == Errc::shut_down));
    }
    range.reset();
}
