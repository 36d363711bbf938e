#include "support/run.hpp"
#include "support/script_config.hpp"

#include <passage/client.hpp>
#include <passage/observer.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
using passage::test::Script;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

/// A connection on which the first request is not answered until the server is told to go on.
Script holding(std::vector<test::Step> then)
{
    Script script{{steps::tls(), steps::request(), steps::hold()}, true};
    script.steps.insert(script.steps.end(), then.begin(), then.end());
    return script;
}

/// Calls a function when a call is about to wait and try again.
class WhenRetrying : public Observer
{
public:
    explicit WhenRetrying(std::function<void()> then) : then_{std::move(then)} {}

    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        return std::make_shared<Of>(then_);
    }

private:
    struct Of : CallObserver
    {
        explicit Of(std::function<void()> function) : then{std::move(function)} {}
        void retrying(const Retrying&) noexcept override { then(); }
        std::function<void()> then;
    };
    std::function<void()> then_;
};

struct Fixture
{
    void finish()
    {
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }

    test::ScriptServer server;
    asio::io_context context;
    std::unique_ptr<Client> client = std::make_unique<Client>(context, config_for(server));
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(shared_reads, Fixture)

BOOST_AUTO_TEST_CASE(a_thousand_equal_reads_are_one_request)
{
    server.plan({holding({steps::answer(), steps::serve()})});
    int right = 0;
    for (int i = 0; i < 1'000; ++i)
        asio::co_spawn(context, client->coalesced_get_user("u1"),
                       [&](std::exception_ptr, const expected<UserInfo>& user) { right += user && user->id == "u1"; });
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(right == 1'000);
    BOOST_TEST(server.requests().size() == 1u);

    // A read that has ended is not shared.
    BOOST_TEST(run(context, client->coalesced_get_user("u1")).value().id == "u1");
    BOOST_TEST(server.requests().size() == 2u);
    finish();
}

BOOST_AUTO_TEST_CASE(reads_of_different_users_are_their_own)
{
    server.plan({});
    int right = 0;
    for (int i = 0; i < 300; ++i)
        asio::co_spawn(context, client->coalesced_get_user(std::to_string(i % 3)),
                       [&, i](std::exception_ptr, const expected<UserInfo>& user) {
                           right += user && user->id == std::to_string(i % 3);
                       });
    context.run();
    BOOST_TEST(right == 300);
    BOOST_TEST(server.requests().size() == 3u);
    finish();
}

BOOST_AUTO_TEST_CASE(each_caller_has_a_deadline_and_a_cancellation_of_its_own)
{
    server.plan({holding({steps::answer(), steps::serve()})});
    std::vector<std::optional<expected<UserInfo>>> ends(4);
    const auto keep = [&](std::size_t at) {
        return [&, at](std::exception_ptr error, expected<UserInfo> user) {
            BOOST_TEST(!error);
            ends[at] = std::move(user);
        };
    };
    asio::cancellation_signal signal;
    // The first one, whose request it is, is cancelled.
    asio::co_spawn(context, client->coalesced_get_user("u"), asio::bind_cancellation_slot(signal.slot(), keep(0)));
    asio::co_spawn(context, client->coalesced_get_user("u", CallOptions{}.timeout(30ms)), keep(1));
    asio::co_spawn(context, client->coalesced_get_user("u", CallOptions{}.deadline(std::chrono::steady_clock::now())),
                   keep(2));
    asio::co_spawn(context, client->coalesced_get_user("u"), keep(3));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    while (!ends[0] || !ends[1] || !ends[2])
        context.run_one();
    BOOST_TEST(is_cancelled(ends[0]->error()));
    BOOST_TEST(is_timeout(ends[1]->error()));
    BOOST_TEST(is_timeout(ends[2]->error()));
    BOOST_TEST(ends[1]->error().operation == "coalesced_get_user");
    BOOST_TEST(!ends[3]);
    server.release();
    context.run();
    BOOST_TEST(ends[3]->value().id == "u");
    BOOST_TEST(server.requests().size() == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_after_the_callers_deadline)
{
    server.plan({});
    BOOST_TEST(run(context, client->coalesced_get_user("u")).has_value());
    const auto now = std::chrono::steady_clock::now();
    for (const CallOptions& late : {CallOptions{}.deadline(now - 1s), CallOptions{}.timeout(0ms)}) {
        const auto user = run(context, client->coalesced_get_user("u", late));
        BOOST_TEST_REQUIRE(!user.has_value());
        BOOST_TEST(is_timeout(user.error()), user.error());
        BOOST_TEST(is_retryable(user.error()));
        BOOST_TEST((user.error().stage == Stage::pool));
        BOOST_TEST(user.error().attempts == 0u);
        BOOST_TEST((user.error().effect == Effect::none));
        BOOST_TEST(user.error().operation == "coalesced_get_user");
    }
    BOOST_TEST(run(context, client->coalesced_get_user("u")).has_value());
    BOOST_TEST(server.requests().size() == 2u);
    BOOST_TEST(server.connections() == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(an_error_is_shared_too)
{
    const auto answer = test::response(404, {}, R"({"code":"user_not_found","error":"User not found."})");
    server.plan({holding({steps::send(answer), steps::serve()})});
    int right = 0;
    for (int i = 0; i < 10; ++i)
        asio::co_spawn(
            context, client->coalesced_get_user("u"), [&](std::exception_ptr, const expected<UserInfo>& user) {
                right += !user && is_not_found(user.error()) && user.error().operation == "coalesced_get_user";
            });
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(right == 10);
    BOOST_TEST(server.requests().size() == 1u);
    const auto refused = run(context, client->coalesced_get_user(".."));
    BOOST_TEST(is_invalid_argument(refused.error()));
    finish();
}

BOOST_AUTO_TEST_CASE(calls_with_settings_of_their_own_are_not_shared)
{
    server.plan({});
    int right = 0;
    for (const bool with_header : {false, true})
        for (int i = 0; i < 2; ++i) {
            CallOptions options;
            if (with_header)
                options.header("X-Trace", std::to_string(i));
            else
                options.retries(false);
            asio::co_spawn(context, client->coalesced_get_user("u", options),
                           [&](std::exception_ptr, const expected<UserInfo>& user) { right += user.has_value(); });
        }
    context.run();
    BOOST_TEST(right == 4);
    BOOST_TEST(server.requests().size() == 4u);
    finish();
}

BOOST_AUTO_TEST_CASE(a_shared_request_has_the_trace_of_the_caller_who_begins_it)
{
    server.plan({holding({steps::answer(), steps::serve()})});
    const std::string first = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const std::string second = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    int right = 0;
    for (const std::string& place : {first, second})
        asio::co_spawn(context, client->coalesced_get_user("u", CallOptions{}.trace_parent(*TraceParent::parse(place))),
                       [&](std::exception_ptr, const expected<UserInfo>& user) { right += user.has_value(); });
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(right == 2);
    const auto requests = server.requests();
    BOOST_TEST_REQUIRE(requests.size() == 1u);
    BOOST_TEST(requests.front().bytes.find("\r\ntraceparent: " + first + "\r\n") != std::string::npos,
               requests.front().bytes);
    finish();
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_is_told_what_the_shared_request_knows)
{
    const auto throttled = test::response(429, "Retry-After: 20\r\n", R"({"code":"slow_down","error":"Slow down."})");
    server.plan({{{steps::tls(), steps::request(), steps::send(throttled), steps::serve()}, true}});
    asio::cancellation_signal signal;
    Config config = config_for(server);
    config.observer = std::make_shared<WhenRetrying>([&] { signal.emit(asio::cancellation_type::terminal); });
    client = std::make_unique<Client>(context, config);
    std::optional<expected<UserInfo>> user;
    asio::co_spawn(context, client->coalesced_get_user("u"),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, expected<UserInfo> result) {
                       user.emplace(std::move(result));
                       client->close();
                   }));
    context.run();
    BOOST_TEST_REQUIRE(user.has_value());
    BOOST_TEST_REQUIRE(!user->has_value());
    const Error& error = user->error();
    BOOST_TEST((error.code == Errc::cancelled), error);
    BOOST_TEST((error.stage == Stage::backoff));
    BOOST_TEST(error.operation == "coalesced_get_user");
    BOOST_TEST(error.attempts == 1u);
    BOOST_TEST(error.http_status == 429);
    BOOST_TEST(error.api_code == "slow_down");
    BOOST_TEST_REQUIRE(error.retry_after.has_value());
    BOOST_TEST((*error.retry_after == std::chrono::seconds{20}));
    finish();
}

BOOST_AUTO_TEST_CASE(who_gives_up_while_the_server_is_silent_is_told_so)
{
    asio::cancellation_signal signal;
    const auto arrive = [&](test::Peer&) {
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
    };
    server.plan({{{steps::tls(), steps::request(), arrive, steps::hold()}, true}});
    std::optional<expected<UserInfo>> user;
    asio::co_spawn(context, client->coalesced_get_user("u"),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, expected<UserInfo> result) {
                       user.emplace(std::move(result));
                       client->close();
                       server.release();
                   }));
    context.run();
    BOOST_TEST_REQUIRE((user && !*user));
    BOOST_TEST((user->error().stage == Stage::response), user->error());
    BOOST_TEST(user->error().attempts == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(so_many_callers_wait_for_shared_reads_and_no_more)
{
    server.plan({holding({steps::answer(), steps::serve()}), holding({steps::answer(), steps::serve()})});
    Config config = config_for(server);
    config.pool.max_waiting = 3;
    client = std::make_unique<Client>(context, config);
    int right = 0;
    std::list<asio::cancellation_signal> signals;
    std::vector<Error> errors;
    const auto spawn = [&](const std::string& id) {
        asio::co_spawn(context, client->coalesced_get_user(id),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(),
                                                    [&, id](std::exception_ptr, const expected<UserInfo>& user) {
                                                        if (user)
                                                            right += user->id == id;
                                                        else
                                                            errors.push_back(user.error());
                                                    }));
        context.poll();
    };
    // Callers that start a request are not counted: the pool limits them.
    for (const char* id : {"u", "v", "u", "v", "u"})
        spawn(id);
    BOOST_TEST(errors.empty());
    spawn("v");
    BOOST_TEST_REQUIRE(errors.size() == 1u);
    BOOST_TEST((errors[0].code == Errc::pool_timeout), errors[0]);
    BOOST_TEST(is_retryable(errors[0]));
    BOOST_TEST(errors[0].message == "3 callers are already waiting for shared reads");
    BOOST_TEST(errors[0].operation == "coalesced_get_user");
    // A caller that stops waiting makes room for another.
    std::next(signals.begin(), 2)->emit(asio::cancellation_type::terminal);
    context.poll();
    BOOST_TEST_REQUIRE(errors.size() == 2u);
    BOOST_TEST(is_cancelled(errors[1]));
    spawn("v");
    BOOST_TEST(errors.size() == 2u);
    spawn("u");
    BOOST_TEST(errors.size() == 3u);
    server.release();
    context.run();
    BOOST_TEST(right == 5);
    BOOST_TEST(server.requests().size() == 2u);
    finish();
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_ends_those_who_wait)
{
    server.plan({holding({})});
    int ended = 0;
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(context, client->coalesced_get_user("u"),
                       [&](std::exception_ptr, const expected<UserInfo>& user) {
                           ended += !user && user.error().code == Errc::shut_down;
                       });
    context.poll();
    client.reset();
    context.run();
    BOOST_TEST(ended == 3);
    finish();
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_those_who_wait_on_it_along_and_tells_others)
{
    server.plan({holding({})});
    auto own = std::make_unique<asio::io_context>();
    client = std::make_unique<Client>(*own, config_for(server));
    const auto witness = std::make_shared<int>();
    std::optional<Error> told;
    asio::co_spawn(*own, client->coalesced_get_user("u"),
                   [witness](std::exception_ptr, const expected<UserInfo>&) { BOOST_ERROR("it can't end"); });
    asio::co_spawn(context, client->coalesced_get_user("u"),
                   [witness, &told](std::exception_ptr, const expected<UserInfo>& end) { told = end.error(); });
    own->poll();
    context.poll();
    BOOST_TEST(witness.use_count() == 3);
    client.reset();
    own.reset();
    BOOST_TEST(witness.use_count() == 2);
    context.poll();
    BOOST_TEST(witness.use_count() == 1);
    BOOST_TEST_REQUIRE(told.has_value());
    BOOST_TEST((told->code == Errc::shut_down), *told);
    finish();
}

BOOST_AUTO_TEST_CASE(reads_are_shared_on_every_thread)
{
    server.plan({});
    asio::thread_pool pool{4};
    Client shared{pool, config_for(server)};
    std::vector<std::future<expected<UserInfo>>> ends;
    for (int i = 0; i < 400; ++i)
        ends.push_back(asio::co_spawn(
            pool, shared.coalesced_get_user(std::to_string(i % 4), CallOptions{}.timeout(20s)), asio::use_future));
    for (std::size_t i = 0; i < ends.size(); ++i)
        BOOST_TEST(ends[i].get().value().id == std::to_string(i % 4));
    BOOST_TEST(server.requests().size() < 400u);
    shared.close();
    pool.join();
    finish();
}

BOOST_AUTO_TEST_CASE(callers_that_share_a_read_need_no_strand)
{
    server.plan({});
    asio::thread_pool pool{4};
    Client shared{pool, config_for(server)};
    Client closed{pool, config_for(server)}; // its reads end at once, so that many end while others join
    closed.close();
    constexpr int callers = 32;
    constexpr int rounds = 100;
    std::atomic<int> right{0};
    std::atomic<int> under_way{callers};
    const auto read = [&](int number) -> asio::awaitable<void> {
        for (int round = 0; round < rounds; ++round) {
            CallOptions options;
            options.timeout(number % 4 == 0 ? 1ms : 20'000ms);
            const auto user = co_await shared.coalesced_get_user("u", options);
            right += user ? user->id == "u" : number % 4 == 0 && is_timeout(user.error());
            for (int i = 0; i < 9; ++i) {
                const auto none = co_await closed.coalesced_get_user("u");
                right += !none && none.error().code == Errc::shut_down;
            }
        }
    };
    // Connected but never emitted: a coroutine without a strand can't be cancelled on another thread.
    std::list<asio::cancellation_signal> signals;
    for (int i = 0; i < callers; ++i)
        asio::co_spawn(pool, read(i),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(), [&](std::exception_ptr error) {
                           if (error)
                               std::rethrow_exception(error);
                           if (--under_way == 0)
                               shared.close();
                       }));
    pool.join();
    BOOST_TEST(right == callers * rounds * 10);
    finish();
}

BOOST_AUTO_TEST_CASE(cancellation_may_come_while_a_shared_read_ends)
{
    server.plan({});
    asio::thread_pool pool{4};
    Client shared{pool, config_for(server)};
    constexpr int callers = 400;
    std::atomic<int> right{0};
    std::atomic<int> under_way{callers};
    std::list<asio::cancellation_signal> signals;
    for (int i = 0; i < callers; ++i) {
        const auto strand = asio::make_strand(pool);
        const std::string id = std::to_string(i / 4);
        asio::cancellation_signal& signal = signals.emplace_back();
        asio::co_spawn(strand, shared.coalesced_get_user(id),
                       asio::bind_cancellation_slot(
                           signal.slot(), [&, id](std::exception_ptr error, const expected<UserInfo>& user) {
                               right += !error && (user ? user->id == id : is_cancelled(user.error()));
                               if (--under_way == 0)
                                   shared.close();
                           }));
        if (i % 2 == 0)
            asio::post(strand, [&signal] { signal.emit(asio::cancellation_type::terminal); });
    }
    pool.join();
    BOOST_TEST(right == callers);
    finish();
}

BOOST_AUTO_TEST_CASE(a_shared_read_is_cancelled_with_its_last_caller)
{
    std::promise<void> asked;
    server.plan({Script{{steps::tls(), steps::request(), [&](test::Peer&) { asked.set_value(); }, steps::expect_end()}},
                 Script{{steps::tls(), steps::serve()}, true}});
    asio::cancellation_signal first;
    asio::cancellation_signal second;
    std::vector<Errc> ended;
    const auto note = [&](const expected<UserInfo>& user) { ended.push_back(user.error().code); };
    client->coalesced_get_user("a", asio::bind_cancellation_slot(first.slot(), note));
    client->coalesced_get_user("a", asio::bind_cancellation_slot(second.slot(), note));
    std::thread caller{[&] {
        asked.get_future().wait();
        asio::post(context, [&] {
            first.emit(asio::cancellation_type::terminal);
            asio::post(context, [&] {
                BOOST_TEST(client->stats().connections == 1u); // the other caller waits
                second.emit(asio::cancellation_type::terminal);
            });
        });
    }};
    context.run(); // ends with the request
    caller.join();
    BOOST_TEST((ended == std::vector{Errc::cancelled, Errc::cancelled}));
    BOOST_TEST(client->stats().connections == 0u);

    // A later caller does not join the cancelled read.
    BOOST_TEST(run(context, client->coalesced_get_user("a")).value().id == "a");
    finish();
}

BOOST_AUTO_TEST_CASE(a_read_of_before_a_reload_ends_without_one_of_after_it)
{
    server.plan(
        {Script{{steps::tls(), steps::request(), steps::expect_end()}}, holding({steps::answer(), steps::serve()})});
    const auto run_until_asked = [&](std::size_t times) {
        const auto end = std::chrono::steady_clock::now() + test::ScriptServer::patience;
        while (server.requests().size() < times && std::chrono::steady_clock::now() < end)
            context.run_one_for(10ms);
        BOOST_TEST_REQUIRE(server.requests().size() == times);
    };
    asio::cancellation_signal signal;
    std::optional<Errc> former;
    client->coalesced_get_user("u", asio::bind_cancellation_slot(signal.slot(), [&](const expected<UserInfo>& user) {
                                   former = user.error().code;
                               }));
    run_until_asked(1);
    BOOST_TEST(client->reload_tls(config_for(server).tls).has_value());
    int right = 0;
    const auto read = [&] {
        client->coalesced_get_user("u", [&](const expected<UserInfo>& user) { right += user.value().id == "u"; });
    };
    read();
    run_until_asked(2);
    signal.emit(asio::cancellation_type::terminal);
    while (!former)
        context.run_one();
    BOOST_TEST((former == Errc::cancelled));
    read(); // joins the read of after the reload, which is still under way
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(right == 2);
    BOOST_TEST(server.requests().size() == 2u);
    finish();
}

BOOST_AUTO_TEST_SUITE_END()
