// What an observer is told. The server is a script, so that each failure comes when it is due.

#include "support/canary.hpp"
#include "support/run.hpp"
#include "support/script_config.hpp"

#include <passage/client.hpp>
#include <passage/observer.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
using passage::test::Script;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

using Lines = std::vector<std::string>;

std::string name(const std::optional<FailedAttempt>& failure)
{
    return failure ? make_error_code(failure->code).message() : "success";
}

/// A place in a trace that is different for each attempt.
TraceParent place(std::uint8_t n)
{
    TraceParent made;
    made.trace_id.fill(0xab);
    made.parent_id.fill(n);
    return made;
}

/// Writes down what it is told.
struct Log
{
    std::mutex mutex;
    Lines lines;
    std::vector<AttemptEnded> attempts;
    std::vector<CallEnded> calls;
    std::vector<ConnectionMade> connections;
    std::vector<PoolChanged> changes;
    Lines app_urls;

    void add(std::string line)
    {
        const std::lock_guard lock{mutex};
        lines.push_back(std::move(line));
    }
};

class LoggingCall : public CallObserver
{
public:
    LoggingCall(std::shared_ptr<Log> log, bool traces) : log_{std::move(log)}, traces_{traces} {}
    ~LoggingCall() override { log_->add("gone"); }

    std::optional<TraceParent> attempt_started(const AttemptStarted& attempt) noexcept override
    {
        log_->add("attempt " + std::to_string(attempt.number) + ' ' + std::string{attempt.method} + ' ' +
                  std::string{attempt.path_template});
        return traces_ ? std::optional{place(++attempts_)} : std::nullopt;
    }
    void attempt_ended(const AttemptEnded& attempt) noexcept override
    {
        log_->attempts.push_back(attempt);
        log_->add("attempt " + std::to_string(attempt.number) + ' ' + std::to_string(attempt.http_status) + ' ' +
                  (attempt.connection_reused ? "reused " : "new ") + name(attempt.failure));
    }
    void retrying(const Retrying& retry) noexcept override
    {
        log_->add((retry.is_replay ? "replay " : "retry ") + name(retry.reason));
    }
    void ended(const CallEnded& call) noexcept override
    {
        log_->calls.push_back(call);
        log_->calls.back().api_code = {};
        log_->calls.back().request_id = {};
        log_->add("ended " + std::to_string(call.attempts) + ' ' + name(call.failure) + std::string{call.api_code} +
                  std::string{call.request_id});
    }

private:
    std::shared_ptr<Log> log_;
    bool traces_;
    std::uint8_t attempts_ = 0;
};

class LoggingObserver : public Observer
{
public:
    LoggingObserver(std::shared_ptr<Log> log, bool traces) : log_{std::move(log)}, traces_{traces} {}

    std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept override
    {
        log_->app_urls.emplace_back(call.app_url);
        log_->add(std::string{call.method} + ' ' + std::string{call.operation} + ' ' +
                  std::string{call.server_address} + (call.trace_parent ? " traced" : ""));
        return std::make_shared<LoggingCall>(log_, traces_);
    }
    void connection_made(const ConnectionMade& made) noexcept override { log_->connections.push_back(made); }
    void pool_changed(const PoolChanged& change) noexcept override
    {
        BOOST_TEST(change.server_address == "127.0.0.1");
        log_->changes.push_back(change);
    }

private:
    std::shared_ptr<Log> log_;
    bool traces_;
};

struct Fixture
{
    Config config() const
    {
        Config config = config_for(server);
        config.retry.base = 1ms;
        config.observer = std::make_shared<LoggingObserver>(log, traces);
        return config;
    }

    void make_client() { client = std::make_unique<Client>(context, config()); }

    expected<UserInfo> get(const CallOptions& options = {})
    {
        return run(context, client->get_user("subject", options));
    }

    void finish()
    {
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }

    Lines taken_lines()
    {
        const std::lock_guard lock{log->mutex};
        return std::exchange(log->lines, {});
    }

    bool traces = false;
    std::shared_ptr<Log> log = std::make_shared<Log>();
    test::ScriptServer server;
    asio::io_context context;
    std::unique_ptr<Client> client;
};

/// The value of `traceparent` in a request; "none" if there is no such field.
std::string trace_parent_of(const std::string& request)
{
    const std::string field = "\r\ntraceparent: ";
    const auto at = request.find(field);
    if (at == request.npos)
        return "none";
    BOOST_TEST(request.find(field, at + 1) == request.npos);
    return request.substr(at + field.size(), request.find('\r', at + 2) - at - field.size());
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_call_is_told_from_its_start_to_its_end, Fixture)
{
    make_client();
    BOOST_TEST(get().has_value());
    BOOST_TEST(taken_lines() == (Lines{"GET get_user 127.0.0.1", "attempt 1 GET /users/{user_id}",
                                       "attempt 1 200 new success", "ended 1 success", "gone"}),
               boost::test_tools::per_element());
    BOOST_TEST(get().has_value());
    BOOST_TEST(taken_lines() == (Lines{"GET get_user 127.0.0.1", "attempt 1 GET /users/{user_id}",
                                       "attempt 1 200 reused success", "ended 1 success", "gone"}),
               boost::test_tools::per_element());

    BOOST_TEST(log->app_urls.front() == server.url() + "/apps/app");

    // The connection's parts are told with the attempt that had it first, and fit in the whole.
    BOOST_REQUIRE(log->connections.size() == 1u);
    BOOST_TEST(!log->connections[0].failure);
    const AttemptEnded& first = log->attempts.at(0);
    BOOST_TEST(first.connection.tls.count() > 0);
    BOOST_TEST((first.connection.tls == log->connections[0].timings.tls));
    BOOST_TEST((first.connection.dns + first.connection.connect + first.connection.tls <= first.waited));
    BOOST_TEST((first.waited + first.first_byte + first.body <= log->calls.at(0).elapsed + 3us)); // each rounded
    BOOST_TEST(log->attempts.at(1).connection.tls.count() == 0);
    BOOST_TEST(log->attempts.at(1).first_byte.count() > 0);
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_retry_is_told_with_its_reason, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::send(test::response(503)), steps::serve()}, true}});
    make_client();
    BOOST_TEST(get().has_value());
    BOOST_TEST(taken_lines() == (Lines{"GET get_user 127.0.0.1", "attempt 1 GET /users/{user_id}",
                                       "attempt 1 503 new api", "retry api", "attempt 2 GET /users/{user_id}",
                                       "attempt 2 200 reused success", "ended 2 success", "gone"}),
               boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_replay_is_told_as_one, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::answer(), steps::request(), steps::rst()}}});
    make_client();
    BOOST_TEST(get().has_value());
    taken_lines();
    BOOST_TEST(get().has_value());
    BOOST_TEST(taken_lines() ==
                   (Lines{"GET get_user 127.0.0.1", "attempt 1 GET /users/{user_id}", "attempt 1 0 reused truncated",
                          "replay truncated", "attempt 2 GET /users/{user_id}", "attempt 2 200 new success",
                          "ended 1 success", "gone"}),
               boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_can_not_be_made_is_told_with_the_stage_it_reached, Fixture)
{
    server.plan({{{steps::failing_tls()}}});
    Config with_other_roots = config();
    with_other_roots.tls.ca_pem = to_pem(test::make_identity({.is_authority = true}, nullptr));
    client = std::make_unique<Client>(context, with_other_roots);
    const auto user = get();
    BOOST_TEST((user.error().code == Errc::tls));
    BOOST_REQUIRE(log->connections.size() == 1u);
    const ConnectionMade& made = log->connections[0];
    BOOST_REQUIRE(made.failure);
    BOOST_TEST((made.failure->code == Errc::tls));
    BOOST_TEST(made.timings.tls.count() > 0);
    BOOST_REQUIRE(log->attempts.size() == 1u);
    BOOST_TEST((log->attempts[0].failure->code == Errc::tls));
    BOOST_TEST(log->attempts[0].waited.count() > 0);
    BOOST_TEST(log->attempts[0].first_byte.count() == 0);
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_status_of_a_proxy_is_not_told_as_the_servers, Fixture)
{
    test::ScriptServer proxy{false};
    proxy.plan({{{[](test::Peer& peer) { peer.receive_connect(); }, steps::send(test::response(403))}}});
    Config through_proxy = config();
    through_proxy.proxy.url = proxy.url();
    through_proxy.proxy.url.resize(through_proxy.proxy.url.rfind('/')); // its path
    client = std::make_unique<Client>(context, through_proxy);
    BOOST_TEST((get().error().code == Errc::connect));
    BOOST_REQUIRE(log->attempts.size() == 1u);
    BOOST_TEST(log->attempts[0].http_status == 0);
    BOOST_TEST(log->attempts[0].failure->http_status == 403);
    BOOST_TEST(log->connections.at(0).failure->http_status == 403);
    BOOST_TEST(log->calls.at(0).failure->http_status == 403);
    finish();
    BOOST_TEST(proxy.finish() == "");
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_no_call_needs_any_more_is_told_as_cancelled, Fixture)
{
    server.plan({{{steps::hold()}, true}});
    make_client();
    asio::cancellation_signal signal;
    asio::co_spawn(context, client->get_user("subject"),
                   asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr, expected<UserInfo>) {}));
    while (client->stats().connecting == 0)
        context.run_one();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_REQUIRE(log->connections.size() == 1u);
    BOOST_REQUIRE(log->connections[0].failure);
    BOOST_TEST((log->connections[0].failure->code == Errc::cancelled));
    server.release();
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_call_that_can_not_be_made_is_told_without_attempts, Fixture)
{
    make_client();
    run(context, [](Client& psg) -> asio::awaitable<void> {
        BOOST_TEST(is_invalid_argument((co_await psg.get_user("")).error()));
    }(*client));
    const Lines lines = taken_lines();
    BOOST_REQUIRE(lines.size() == 3u);
    BOOST_TEST(lines[0] == "GET get_user 127.0.0.1");
    BOOST_TEST(lines[1].starts_with("ended 0 "));
    BOOST_TEST((log->calls.at(0).failure->code == Errc::invalid_argument));

    { // never awaited, never begun
        const auto unused = client->get_user("subject");
    }
    BOOST_TEST(taken_lines().empty());
    finish();
}

BOOST_FIXTURE_TEST_CASE(both_requests_of_a_search_are_of_one_call, Fixture)
{
    server.plan({{{steps::tls(), steps::request(),
                   steps::send(test::response(200, "Content-Type: application/json\r\n",
                                              R"({"users":[{"id":"subject","email":"jane@example.com"}]})")),
                   steps::serve()},
                  true}});
    make_client();
    BOOST_TEST(run(context, client->get_user_by_identifier("jane@example.com")).has_value());
    BOOST_TEST(taken_lines() ==
                   (Lines{"GET get_user_by_identifier 127.0.0.1", "attempt 1 GET /users", "attempt 1 200 new success",
                          "attempt 2 GET /users/{user_id}", "attempt 2 200 reused success", "ended 2 success", "gone"}),
               boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_key_is_not_told_though_the_server_echoes_it, Fixture)
{
    const std::string key = test::canary_api_key;
    server.plan({{{steps::tls(), steps::request(),
                   steps::send(test::response(400, "Content-Type: application/json\r\nX-Request-Id: " + key + "\r\n",
                                              R"({"code":")" + key + R"(","error":")" + key + "\"}"))}}});
    make_client();
    BOOST_TEST((get().error().code == Errc::api));
    for (const std::string& line : taken_lines())
        BOOST_TEST(line.find(key.substr(0, 8)) == line.npos, "an event has a part of the key");
    BOOST_TEST(log->calls.at(0).failure->http_status == 400);
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_call_is_told_to_its_end, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::hold()}, true}});
    make_client();
    asio::cancellation_signal signal;
    bool cancelled = false;
    asio::co_spawn(context, client->get_user("subject"),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, expected<UserInfo> user) {
                       cancelled = is_cancelled(user.error());
                   }));
    while (server.requests().empty())
        context.run_one();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_TEST(cancelled);
    BOOST_TEST((log->attempts.at(0).failure->code == Errc::cancelled));
    BOOST_TEST((log->calls.at(0).failure->code == Errc::cancelled));
    BOOST_TEST((log->calls.at(0).effect == Effect::unknown));
    server.release();
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_call_that_goes_with_its_context_is_told_only_by_destruction, Fixture)
{
    {
        asio::io_context own;
        Client psg{own, config()};
        asio::co_spawn(own, psg.get_user("subject"), [](std::exception_ptr, expected<UserInfo>) {});
        while (log->lines.size() < 2)
            own.run_one();
    }
    BOOST_TEST(taken_lines() == (Lines{"GET get_user 127.0.0.1", "attempt 1 GET /users/{user_id}", "gone"}),
               boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_pool_is_told_when_it_changes, Fixture)
{
    Config narrow = config();
    narrow.pool.max_connections = 1;
    client = std::make_unique<Client>(context, narrow);
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(context, client->get_user("subject"),
                       [](std::exception_ptr, expected<UserInfo> user) { BOOST_TEST(user.has_value()); });
    context.run();
    std::size_t most_waiting = 0;
    std::optional<ClientStats> last;
    std::size_t most_connecting = 0;
    for (const auto& [address, port, before, now] : log->changes) {
        BOOST_TEST(port == server.port());
        BOOST_TEST((before == last.value_or(ClientStats{})));
        BOOST_TEST((now != before)); // told of changes alone
        BOOST_TEST(now.connections <= 1u);
        BOOST_TEST(now.connecting + now.idle_connections <= now.connections);
        most_connecting = std::max(most_connecting, now.connecting);
        most_waiting = std::max(most_waiting, now.waiting_calls);
        last = now;
    }
    BOOST_TEST(most_waiting == 3u);
    BOOST_TEST(most_connecting == 1u);
    BOOST_REQUIRE(last);
    BOOST_TEST(last->idle_connections == 1u);
    BOOST_TEST(last->connecting == 0u);
    BOOST_TEST(last->waiting_calls == 0u);

    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(log->changes.back().now.connections == 0u);
    BOOST_TEST(log->changes.back().now.idle_connections == 0u);
    finish();
}

BOOST_FIXTURE_TEST_CASE(no_connection_is_left_in_the_account_of_a_context_that_is_destroyed, Fixture)
{
    {
        asio::io_context own;
        Client psg{own, config()};
        BOOST_TEST(run(own, psg.get_user("subject")).has_value());
        BOOST_TEST(log->changes.back().now.idle_connections == 1u);
    }
    const ClientStats& last = log->changes.back().now;
    BOOST_TEST(last.connections == 0u);
    BOOST_TEST(last.idle_connections == 0u);
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_callers_place_in_a_trace_goes_out_with_each_attempt, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::send(test::response(503)), steps::serve()}, true}});
    Config unobserved = config();
    unobserved.observer = nullptr;
    client = std::make_unique<Client>(context, unobserved);
    BOOST_TEST(get(CallOptions{}.trace_parent(place(7)).header("tracestate", "a=b")).has_value());
    BOOST_TEST(get().has_value());
    BOOST_TEST(get(CallOptions{}.trace_parent(TraceParent{})).has_value()); // not valid: not sent
    Lines sent;
    for (const test::SeenRequest& request : server.requests())
        sent.push_back(trace_parent_of(request.bytes));
    BOOST_TEST(sent == (Lines{to_string(place(7)), to_string(place(7)), "none", "none"}),
               boost::test_tools::per_element());
    BOOST_TEST(is_invalid_argument(get(CallOptions{}.header("TraceParent", to_string(place(7)))).error()));
    finish();
}

BOOST_FIXTURE_TEST_CASE(an_observer_gives_each_attempt_a_place_of_its_own, Fixture)
{
    traces = true;
    server.plan({{{steps::tls(), steps::request(), steps::send(test::response(503)), steps::serve()}, true}});
    make_client();
    BOOST_TEST(get(CallOptions{}.trace_parent(place(7))).has_value());
    BOOST_TEST(taken_lines().front() == "GET get_user 127.0.0.1 traced");
    Lines sent;
    for (const test::SeenRequest& request : server.requests())
        sent.push_back(trace_parent_of(request.bytes));
    BOOST_TEST(sent == (Lines{to_string(place(1)), to_string(place(2))}), boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(calls_of_many_threads_are_each_told_whole, Fixture)
{
    struct Counts : Observer
    {
        struct Call : CallObserver
        {
            explicit Call(Counts& of) : counts{of} {}
            std::optional<TraceParent> attempt_started(const AttemptStarted&) noexcept override
            {
                ++begun; // by one thread at a time, so no atomic
                return std::nullopt;
            }
            void attempt_ended(const AttemptEnded&) noexcept override { --begun; }
            void ended(const CallEnded& call) noexcept override
            {
                ++counts.ended;
                counts.right += begun == 0 && !call.failure;
            }
            Counts& counts;
            int begun = 0;
        };
        std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
        {
            ++started;
            return std::make_shared<Call>(*this);
        }
        std::atomic<int> started = 0;
        std::atomic<int> ended = 0;
        std::atomic<int> right = 0;
    };
    const auto counts = std::make_shared<Counts>();
    Config observed = config();
    observed.observer = counts;
    {
        asio::thread_pool pool{4};
        Client psg{pool, observed};
        std::vector<std::future<expected<UserInfo>>> users;
        for (int i = 0; i < 400; ++i)
            users.push_back(asio::co_spawn(pool, psg.get_user("subject"), asio::use_future));
        for (auto& user : users)
            BOOST_TEST(user.get().has_value());
    }
    BOOST_TEST(counts->started == 400);
    BOOST_TEST(counts->ended == 400);
    BOOST_TEST(counts->right == 400);
    BOOST_TEST(server.finish() == "");
}
