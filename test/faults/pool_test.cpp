// Calls that share few connections, and interruptions of some of them.

#include "driver.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <list>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

/// A client of one connection, and calls of it at the same time.
struct Crowd
{
    explicit Crowd(std::vector<Script> scripts)
    {
        count_case();
        count_run();
        driver.server().plan(std::move(scripts));
        Config config = driver.config();
        config.pool.max_connections = 1;
        client.emplace(driver.context(), config);
        driver.context().restart();
    }

    ~Crowd()
    {
        driver.server().release();
        client.reset();
        driver.context().restart();
        driver.context().run();
        BOOST_TEST(driver.server().finish() == "");
    }

    struct Call
    {
        asio::cancellation_signal signal;
        std::optional<Result> result;
    };

    Call& start(asio::awaitable<Result> what)
    {
        Call& call = calls.emplace_back();
        asio::co_spawn(
            driver.context(), std::move(what),
            asio::bind_cancellation_slot(call.signal.slot(), [this, &call](std::exception_ptr, Result value) {
                ended.push_back(value.id);
                call.result.emplace(std::move(value));
            }));
        return call;
    }

    void run_until(const std::function<bool()>& condition)
    {
        while (!condition() && driver.context().run_one() > 0) {
        }
        BOOST_REQUIRE(condition());
    }

    Driver driver;
    std::optional<Client> client;
    std::list<Call> calls;
    std::vector<std::string> ended; ///< In the order of their ends.
};

/// A connection whose first answer waits for the server's release.
Script held()
{
    return {{steps::tls(), steps::request(), steps::hold(), steps::answer(), steps::serve()}, true};
}

} // namespace

BOOST_AUTO_TEST_CASE(waiting_calls_have_the_only_connection_in_the_order_they_came)
{
    Crowd crowd{{held()}};
    std::vector<std::string> expected;
    for (int i = 0; i < 20; ++i) {
        expected.push_back("user-" + std::to_string(i));
        crowd.start(get(*crowd.client, expected.back()));
    }
    crowd.run_until([&] { return crowd.client->stats().waiting_calls == 19; });
    crowd.driver.server().release();
    crowd.run_until([&] { return crowd.ended.size() == 20; });
    BOOST_TEST(crowd.ended == expected, boost::test_tools::per_element());
    BOOST_TEST(crowd.driver.server().connections() == 1u);
    BOOST_TEST(crowd.client->stats().peak_connections == 1u);
}

BOOST_AUTO_TEST_CASE(a_cancelled_waiter_takes_no_connection_along)
{
    Crowd crowd{{held()}};
    crowd.start(get(*crowd.client, "first"));
    Crowd::Call& cancelled = crowd.start(get(*crowd.client, "cancelled"));
    crowd.start(get(*crowd.client, "last"));
    crowd.run_until([&] { return crowd.client->stats().waiting_calls == 2; });
    cancelled.signal.emit(asio::cancellation_type::terminal);
    crowd.driver.server().release();
    crowd.run_until([&] { return crowd.ended.size() == 3; });
    BOOST_REQUIRE(cancelled.result->error);
    BOOST_TEST((cancelled.result->error->code == Errc::cancelled));
    BOOST_TEST((cancelled.result->error->effect == Effect::none));
    BOOST_TEST(crowd.ended.back() == "last");
    BOOST_TEST(crowd.driver.server().requests().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_waiter_cancelled_while_it_is_handed_a_connection_passes_it_on)
{
    Crowd crowd{{held()}};
    Crowd::Call* waiter = nullptr;
    bool done = false;
    asio::co_spawn(crowd.driver.context(), get(*crowd.client, "first"), [&](std::exception_ptr, const Result& value) {
        BOOST_TEST(value.id == "first");
        done = true;
        waiter->signal.emit(asio::cancellation_type::terminal); // its hand-over has just happened
    });
    waiter = &crowd.start(get(*crowd.client, "waiter"));
    crowd.start(get(*crowd.client, "last"));
    crowd.run_until([&] { return crowd.client->stats().waiting_calls == 2; });
    crowd.driver.server().release();
    crowd.run_until([&] { return done && crowd.ended.size() == 2; });
    BOOST_TEST((waiter->result->is(Errc::cancelled) || waiter->result->id == "waiter"));
    BOOST_TEST(std::count(crowd.ended.begin(), crowd.ended.end(), "last") == 1);
}

BOOST_AUTO_TEST_CASE(a_call_that_waits_too_long_for_a_connection_says_so)
{
    Crowd crowd{{held()}};
    crowd.start(get(*crowd.client, "first"));
    crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
    Crowd::Call& late = crowd.start(perform(*crowd.client, Operation::create, CallOptions{}.timeout(100ms)));
    crowd.run_until([&] { return late.result.has_value(); });
    BOOST_TEST(late.result->is(Errc::pool_timeout));
    BOOST_TEST((late.result->error->effect == Effect::none));
    crowd.driver.server().release();
    crowd.run_until([&] { return crowd.ended.size() == 2; });
    BOOST_TEST(crowd.ended.back() == "first");
}

BOOST_AUTO_TEST_CASE(a_cancelled_exchange_takes_its_connection_out_of_the_pool)
{
    Crowd crowd{{held()}};
    Crowd::Call& cancelled = crowd.start(get(*crowd.client, "cancelled"));
    crowd.start(get(*crowd.client, "next"));
    crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
    cancelled.signal.emit(asio::cancellation_type::terminal);
    crowd.run_until([&] { return crowd.ended.size() == 2; });
    BOOST_TEST(cancelled.result->is(Errc::cancelled));
    BOOST_TEST((cancelled.result->error->effect == Effect::unknown));
    BOOST_TEST(crowd.ended.back() == "next");
    BOOST_TEST(crowd.driver.server().connections() == 2u);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_client_ends_waiting_calls_too)
{
    Crowd crowd{{held()}};
    for (int i = 0; i < 20; ++i)
        crowd.start(get(*crowd.client, "user"));
    crowd.run_until([&] { return crowd.client->stats().waiting_calls == 19; });
    crowd.client.reset();
    crowd.run_until([&] { return crowd.ended.size() == 20; });
    for (const auto& call : crowd.calls)
        BOOST_TEST(call.result->is(Errc::shut_down));
}
