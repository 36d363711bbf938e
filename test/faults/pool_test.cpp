// Calls that share few connections, and interruptions of some of them.

#include "driver.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <future>
#include <list>
#include <tuple>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

/// A client of one connection, and calls of it at the same time.
struct Crowd
{
    explicit Crowd(std::vector<Script> scripts, std::size_t connections = 1, bool secure = true) : driver{secure}
    {
        count_case();
        count_run();
        driver.server().plan(std::move(scripts));
        Config config = driver.config();
        config.pool.max_connections = connections;
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

/// A connection on which, after the first request, all of that is done before the client can have read any of it.
struct AtOnce
{
    explicit AtOnce(std::function<void(Peer&)> steps) : what{std::move(steps)} {}

    Script script(bool secure = true)
    {
        Script script{{steps::request(), steps::hold(),
                       [this](Peer& peer) {
                           what(peer);
                           done.set_value();
                       },
                       steps::serve()},
                      true};
        if (secure)
            script.steps.insert(script.steps.begin(), steps::tls());
        return script;
    }

    /// The client reads nothing meanwhile, as its context does not run.
    void happen(ScriptServer& server)
    {
        server.release();
        BOOST_TEST_REQUIRE((done.get_future().wait_for(ScriptServer::patience) == std::future_status::ready));
    }

    std::function<void(Peer&)> what;
    std::promise<void> done;
};

/// The answer to a request for a user, filled up to a size with white space.
std::string answer_of_size(std::string_view id, std::size_t size)
{
    const std::string user = R"({"user":{"id":")" + std::string{id} + R"("}})";
    std::string answer;
    for (std::size_t fill = size - user.size(); answer.size() != size; --fill)
        answer = response(200, "Content-Type: application/json\r\n", user + std::string(fill, ' '));
    return answer;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_surplus_answer_does_not_go_to_a_waiting_call)
{
    // At these sizes a read, or OpenSSL's buffer, ends just where the answer does: what follows is not seen by reading.
    for (const auto& [size, secure] : {std::pair{std::size_t{16'384}, false}, std::pair{std::size_t{16'665}, true},
                                       std::pair{std::size_t{300}, false}, std::pair{std::size_t{300}, true}}) {
        AtOnce both{[bytes = size](Peer& peer) {
            peer.send(answer_of_size("first", bytes));
            peer.send(answer_with_user("surplus"));
        }};
        Crowd crowd{{both.script(secure)}, 1, secure};
        for (const char* id : {"first", "second", "third"})
            crowd.start(get(*crowd.client, id));
        crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
        both.happen(crowd.driver.server());
        crowd.run_until([&] { return crowd.ended.size() == 3; });
        BOOST_TEST(crowd.ended == (std::vector<std::string>{"first", "second", "third"}),
                   boost::test_tools::per_element());
        BOOST_TEST(crowd.driver.server().connections() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(a_waiting_creation_is_not_sent_on_a_connection_that_the_server_ended)
{
    const std::vector<std::pair<const char*, std::function<void(Peer&)>>> ends{
        {"FIN", [](Peer& peer) { peer.fin(); }},
        {"RST", [](Peer& peer) { peer.rst(); }},
        {"close_notify and FIN",
         [](Peer& peer) {
             peer.close_notify();
             peer.fin();
         }},
    };
    for (const auto& [name, end] : ends)
        BOOST_TEST_CONTEXT(name)
        {
            AtOnce all{[&finish = end](Peer& peer) {
                peer.send(answer_with_user("first"));
                finish(peer);
            }};
            Crowd crowd{{all.script()}};
            crowd.start(get(*crowd.client, "first"));
            Crowd::Call& creation =
                crowd.start(perform(*crowd.client, Operation::create, CallOptions{}.retries(false)));
            crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
            all.happen(crowd.driver.server());
            crowd.run_until([&] { return crowd.ended.size() == 2; });
            if (creation.result->error)
                BOOST_TEST(false, to_string(*creation.result->error));
            BOOST_TEST(creation.result->id == "created");
            BOOST_TEST(crowd.driver.server().requests().size() == 2u);
        }
}

BOOST_AUTO_TEST_CASE(a_failed_dial_is_its_calls_failure_though_another_call_hangs)
{
    const Identity stranger = make_identity({}, nullptr);
    Crowd crowd{{held(), {{steps::failing_tls({.identity = &stranger})}}}, 2};
    crowd.start(get(*crowd.client, "hangs"));
    crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
    Crowd::Call& refused = crowd.start(get(*crowd.client, "refused"));
    crowd.run_until([&] { return refused.result.has_value(); });
    BOOST_TEST(refused.result->is(Errc::tls));

    Crowd::Call& next = crowd.start(get(*crowd.client, "next"));
    crowd.run_until([&] { return next.result.has_value(); });
    BOOST_TEST(next.result->id == "next");
    crowd.driver.server().forget_contexts();
}

BOOST_AUTO_TEST_CASE(a_lost_dial_is_repeated_though_another_call_hangs)
{
    Crowd crowd{{held(), {{steps::rst()}}}, 2};
    crowd.start(get(*crowd.client, "hangs"));
    crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
    Crowd::Call& second = crowd.start(get(*crowd.client, "second"));
    Crowd::Call& third = crowd.start(get(*crowd.client, "third"));
    crowd.run_until([&] { return second.result && third.result; });
    BOOST_TEST(second.result->id == "second");
    BOOST_TEST(third.result->id == "third");
}

BOOST_AUTO_TEST_CASE(a_call_that_ends_while_dials_fail_says_why_they_do)
{
    // After several failed dials, waiting calls wait for the connection in use.
    const Identity stranger = make_identity({}, nullptr);
    std::vector<Script> scripts{held()};
    scripts.resize(30, {{steps::failing_tls({.identity = &stranger})}});
    Crowd crowd{scripts, 2};
    crowd.start(get(*crowd.client, "hangs"));
    crowd.run_until([&] { return !crowd.driver.server().requests().empty(); });
    for (int i = 0; i < 10; ++i)
        crowd.start(perform(*crowd.client, Operation::get, CallOptions{}.timeout(1s)));
    crowd.run_until([&] { return crowd.ended.size() == 10; });
    for (auto call = std::next(crowd.calls.begin()); call != crowd.calls.end(); ++call) {
        BOOST_TEST_REQUIRE(call->result->error.has_value());
        const Error& error = *call->result->error;
        BOOST_TEST(to_string(error).find("certificate") != std::string::npos, to_string(error));
    }
    crowd.driver.server().forget_contexts();
}

BOOST_AUTO_TEST_CASE(a_connection_is_replaced_when_its_lifetime_is_over)
{
    for (const HttpVersion version : versions) {
        count_case();
        count_run();
        Driver driver{true, version};
        driver.plan();
        Config config = driver.config();
        config.pool.max_lifetime = 50ms;
        Client client{driver.context(), config};
        const auto begin = std::chrono::steady_clock::now();
        while (client.stats().connections_made < 3)
            BOOST_TEST_REQUIRE(driver.run(get(client, "user")).id == "user");
        // Two lifetimes, which vary by up to 10 %.
        BOOST_TEST((std::chrono::steady_clock::now() - begin >= 2 * 45ms));
    }
}

BOOST_AUTO_TEST_CASE(a_dial_that_nobody_waits_for_ends_with_the_last_call)
{
    // A server that accepts and says nothing; a connection may take an hour.
    count_case();
    count_run();
    Driver driver;
    driver.server().plan({{{steps::hold(), steps::expect_end()}, true}});
    Config config = driver.config();
    config.timeouts.connect = 1h;
    Client client{driver.context(), config};
    std::optional<Result> result;
    asio::co_spawn(driver.context(), perform(client, Operation::get, CallOptions{}.timeout(100ms)),
                   [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
    driver.context().run(); // returns at all
    BOOST_TEST_REQUIRE(result.has_value());
    BOOST_TEST(result->is(Errc::timeout));
    BOOST_TEST(client.stats().connections == 0u);

    // That is not a failure: the next call starts another dial.
    driver.server().release();
    driver.context().restart();
    BOOST_TEST(driver.run(get(client, "next")).id == "next");
    client.close();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
}

BOOST_AUTO_TEST_CASE(a_dial_that_takes_too_long_names_its_own_stage)
{
    // The accept queue has room for one, which waits for TLS; the other waits for TCP.
    count_case();
    count_run();
    Driver driver; // for its configuration and its context
    asio::ip::tcp::acceptor listener{driver.context()};
    listener.open(asio::ip::tcp::v4());
    listener.bind({asio::ip::address_v4::loopback(), 0});
    listener.listen(0);
    Config config = driver.config();
    config.base_url = "https://127.0.0.1:" + std::to_string(listener.local_endpoint().port());
    config.http_version = HttpVersion::http1; // a connection for each call
    config.timeouts.connect = 300ms;
    config.retry.max_attempts = 1;
    Client client{driver.context(), config};
    std::vector<Result> results;
    for (int i = 0; i < 2; ++i)
        asio::co_spawn(driver.context(), get(client, "nobody"),
                       [&](std::exception_ptr, Result result) { results.push_back(std::move(result)); });
    driver.context().run();
    BOOST_TEST_REQUIRE(results.size() == 2u);
    std::vector<std::string_view> stages;
    for (const Result& result : results) {
        BOOST_TEST_REQUIRE(result.is(Errc::timeout));
        stages.push_back(to_string(result.error->stage));
    }
    std::sort(stages.begin(), stages.end());
    BOOST_TEST(stages == (std::vector<std::string_view>{"connect", "tls"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_idle_connection_keeps_no_context_running)
{
    count_case();
    count_run();
    Driver driver;
    Config config = driver.config();
    config.pool.idle_timeout = 1h;
    Client client{driver.context(), config};
    BOOST_TEST(driver.run(get(client, "first")).id == "first");
    driver.context().restart();
    driver.context().run(); // returns at all
    BOOST_TEST(client.stats().idle_connections == 1u);
    BOOST_TEST(driver.run(get(client, "second")).id == "second");
    BOOST_TEST(driver.server().connections() == 1u);
    client.close();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_in_time_by_a_client_that_rests)
{
    count_case();
    count_run();
    Driver driver;
    Config config = driver.config();
    config.pool.idle_timeout = 200ms;
    const auto plain = driver.context().get_executor();
    for (const asio::any_io_executor& executor :
         {asio::any_io_executor{plain}, asio::any_io_executor{asio::make_strand(plain)},
          asio::any_io_executor{asio::make_strand(asio::any_io_executor{plain})}}) {
        driver.server().plan({{{steps::tls(), steps::request(), steps::answer(), steps::expect_end()}}});
        Client client{executor, config};
        BOOST_TEST(driver.run(get(client, "first")).id == "first");
        const auto other_work = asio::make_work_guard(driver.context());
        while (client.stats().idle_connections > 0 && driver.context().run_one() > 0) {
        }
        BOOST_TEST(driver.server().finish() == ""); // the server saw the end
    }
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_in_time_if_a_later_answer_shortens_it)
{
    count_case();
    count_run();
    Driver driver;
    driver.server().plan({{{steps::tls(), steps::request(), steps::answer(), steps::request(),
                            steps::answer("Keep-Alive: timeout=2\r\n"), steps::expect_end()}}});
    Config config = driver.config();
    config.pool.idle_timeout = 1h;
    Client client{driver.context(), config};
    for (const char* name : {"first", "second"}) {
        BOOST_TEST(driver.run(get(client, name)).id == name);
        driver.context().restart();
        driver.context().run(); // returns at all
        BOOST_TEST(client.stats().idle_connections == 1u);
    }
    const auto other_work = asio::make_work_guard(driver.context());
    driver.context().restart();
    while (client.stats().idle_connections > 0 && driver.context().run_one_for(ScriptServer::patience) > 0) {
    }
    BOOST_TEST(client.stats().idle_connections == 0u);
    client.close();
    BOOST_TEST(driver.server().finish() == "");
}

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

BOOST_AUTO_TEST_CASE(a_call_that_needs_a_new_connection_gets_one_however_many_others_come)
{
    const std::vector<std::tuple<const char*, std::vector<Step>, std::size_t>> refusals{
        {"421", {steps::send(response(421)), steps::serve()}, 2},
        {"the end of a connection that was used before", {steps::rst()}, 3},
    };
    for (const auto& [name, refuse, connections] : refusals)
        BOOST_TEST_CONTEXT(name)
        {
            Script script{{steps::tls(), steps::request(), steps::answer(), steps::request(), steps::hold()}, true};
            script.steps.insert(script.steps.end(), refuse.begin(), refuse.end());
            Crowd crowd{{script}};
            crowd.start(get(*crowd.client, "first"));
            crowd.run_until([&] { return crowd.ended.size() == 1; });
            Crowd::Call& refused = crowd.start(perform(*crowd.client, Operation::get, CallOptions{}.timeout(5s)));
            crowd.run_until([&] { return crowd.driver.server().requests().size() == 2; });

            const auto start_other = [&] { crowd.start(get(*crowd.client, "other")); };
            for (int i = 0; i < 3; ++i)
                start_other();
            crowd.run_until([&] { return crowd.client->stats().waiting_calls == 3; });
            crowd.driver.server().release();
            // For each call that ends another comes: some wait all the time, and the only connection is never idle.
            std::size_t ended = crowd.ended.size();
            crowd.run_until([&] {
                for (; ended < crowd.ended.size(); ++ended)
                    start_other();
                return refused.result.has_value();
            });
            BOOST_TEST(refused.result->id == "subject");
            if (refused.result->error)
                BOOST_TEST_MESSAGE(to_string(*refused.result->error));
            BOOST_TEST(crowd.driver.server().connections() == connections);
            BOOST_TEST(crowd.client->stats().peak_connections == 1u);
            for (const Crowd::Call& call : crowd.calls)
                BOOST_TEST((!call.result || !call.result->error));
        }
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
