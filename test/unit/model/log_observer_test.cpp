#include <passage/log_observer.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::pair<LogSeverity, std::string>>;

CallStarted started_call()
{
    CallStarted call;
    call.operation = "get_user";
    call.method = "GET";
    call.path_template = "/users/{user_id}";
    call.server_address = "users.example.com";
    call.server_port = 443;
    return call;
}

FailedAttempt failure(Errc code, Stage stage = Stage::none, int http_status = 0)
{
    FailedAttempt failure;
    failure.code = code;
    failure.stage = stage;
    failure.http_status = http_status;
    return failure;
}

AttemptStarted started_attempt(unsigned number)
{
    AttemptStarted attempt;
    attempt.number = number;
    attempt.method = "GET";
    attempt.path_template = "/users/{user_id}";
    return attempt;
}

AttemptEnded ended_attempt(unsigned number)
{
    AttemptEnded attempt;
    attempt.number = number;
    attempt.waited = 1250us;
    attempt.http_version = HttpVersion::http2;
    attempt.peer_address = "192.0.2.7";
    attempt.peer_port = 443;
    attempt.first_byte = 20'000us;
    attempt.body = 300us;
    attempt.http_status = 200;
    return attempt;
}

Retrying retry_after(const FailedAttempt& reason)
{
    Retrying retry;
    retry.reason = reason;
    retry.wait = 52ms;
    return retry;
}

CallEnded ended_call(std::chrono::microseconds elapsed, std::optional<FailedAttempt> failure = std::nullopt)
{
    CallEnded call;
    call.elapsed = elapsed;
    call.attempts = 2;
    call.failure = std::move(failure);
    return call;
}

struct Fixture
{
    std::shared_ptr<Observer> make()
    {
        return make_log_observer(
            [this](LogSeverity severity, std::string_view line) { lines.emplace_back(severity, line); }, options);
    }

    /// The line of a call's end; empty if there is none.
    std::string line_of(const CallEnded& call)
    {
        make()->call_started(started_call())->ended(call);
        const Lines written = std::exchange(lines, {});
        BOOST_TEST(written.size() <= 1u);
        return written.empty() ? "" : std::string{to_string(written.front().first)} + ' ' + written.front().second;
    }

    /// All events that there are.
    static void tell_all(Observer& observer)
    {
        const auto call = observer.call_started(started_call());
        BOOST_REQUIRE(call);
        BOOST_TEST(!call->attempt_started(started_attempt(1)));
        call->attempt_ended(ended_attempt(1));
        Retrying replay = retry_after(failure(Errc::truncated));
        replay.is_replay = true;
        call->retrying(replay);
        call->retrying(retry_after(failure(Errc::timeout)));
        call->ended(ended_call(2s));
        call->ended(ended_call(2s, failure(Errc::timeout)));
        call->ended(ended_call(2s, failure(Errc::cancelled)));
        ConnectionMade made;
        observer.connection_made(made);
        made.failure = failure(Errc::connect);
        observer.connection_made(made);
        observer.pool_changed({});
    }

    void set_all(std::optional<LogSeverity> severity)
    {
        for (auto* option :
             {&options.slow_call, &options.retry, &options.replay, &options.failed_call, &options.cancelled_call,
              &options.successful_call, &options.attempt, &options.connection, &options.failed_connection})
            *option = severity;
    }

    LogOptions options;
    Lines lines;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(slow_calls_and_retries_are_written_by_default, Fixture)
{
    BOOST_TEST(line_of(ended_call(999'999us)) == "");
    BOOST_TEST(line_of(ended_call(999'999us, failure(Errc::timeout))) == "");
    BOOST_TEST(
        line_of(ended_call(1s)) ==
        "warning get_user: succeeded in 1000.0 ms, attempts 2 (GET /users/{user_id}, users.example.com port 443)");
    BOOST_TEST(line_of(ended_call(30s, failure(Errc::timeout, Stage::response))) ==
               "warning get_user: failed in 30000.0 ms, attempts 2: timeout (response) "
               "(GET /users/{user_id}, users.example.com port 443)");

    tell_all(*make());
    BOOST_TEST(lines.size() == 4u); // one retry, three slow calls
    BOOST_TEST(lines[0].second == "get_user: attempt 1 failed: timeout, retry in 52 ms "
                                  "(GET /users/{user_id}, users.example.com port 443)");
}

BOOST_FIXTURE_TEST_CASE(no_call_is_slow_after_the_longest_time, Fixture)
{
    options.slow_after = std::chrono::milliseconds::max();
    BOOST_TEST(line_of(ended_call(1s)) == "");
    BOOST_TEST(line_of(ended_call(std::chrono::microseconds::max())) == "");
    options.slow_after = std::chrono::milliseconds::min();
    BOOST_TEST(line_of(ended_call(0us)) != "");
}

BOOST_FIXTURE_TEST_CASE(each_event_is_one_line_at_the_severity_of_its_option, Fixture)
{
    set_all(std::nullopt);
    tell_all(*make());
    BOOST_TEST(lines.empty());

    options.slow_after = 1h;
    options.attempt = LogSeverity::debug;
    options.replay = LogSeverity::info;
    options.retry = LogSeverity::error;
    options.successful_call = LogSeverity::debug;
    options.failed_call = LogSeverity::error;
    options.cancelled_call = LogSeverity::info;
    options.connection = LogSeverity::debug;
    options.failed_connection = LogSeverity::warning;
    tell_all(*make());
    std::vector<std::string> severities;
    for (const auto& [severity, line] : lines)
        severities.emplace_back(to_string(severity));
    BOOST_TEST(severities ==
                   (std::vector<std::string>{"debug", "info", "error", "debug", "error", "info", "debug", "warning"}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_call_has_the_highest_severity_of_the_options_that_apply, Fixture)
{
    options.failed_call = LogSeverity::error;
    options.successful_call = LogSeverity::debug;
    BOOST_TEST(line_of(ended_call(2s, failure(Errc::dns))).starts_with("error get_user: failed in "));
    BOOST_TEST(line_of(ended_call(2s)).starts_with("warning get_user: succeeded in "));
    BOOST_TEST(line_of(ended_call(1ms)).starts_with("debug get_user: succeeded in "));
    options.slow_call.reset();
    BOOST_TEST(line_of(ended_call(2s)).starts_with("debug get_user: succeeded in "));
}

BOOST_FIXTURE_TEST_CASE(a_failed_call_is_written_with_what_the_server_said, Fixture)
{
    options.failed_call = LogSeverity::error;
    CallEnded call = ended_call(12'345us, failure(Errc::api, Stage::none, 503));
    call.api_code = "service_unavailable";
    call.request_id = "req-1";
    call.effect = Effect::unknown;
    BOOST_TEST(line_of(call) ==
               "error get_user: failed in 12.3 ms, attempts 2: 503 service_unavailable, effect unknown, "
               "request id req-1 (GET /users/{user_id}, users.example.com port 443)");
}

BOOST_FIXTURE_TEST_CASE(an_attempt_is_written_with_its_times_and_its_connection, Fixture)
{
    options.attempt = LogSeverity::debug;
    const auto call = make()->call_started(started_call());
    call->attempt_ended(ended_attempt(1));
    AttemptEnded attempt = ended_attempt(2);
    attempt.http_version = HttpVersion::http1;
    attempt.connection_reused = true;
    attempt.failure = failure(Errc::truncated, Stage::response);
    attempt.failure->cause = make_error_code(boost::system::errc::connection_reset);
    call->attempt_ended(attempt);
    AttemptEnded without_connection;
    without_connection.number = 3;
    without_connection.failure = failure(Errc::dns);
    call->attempt_ended(without_connection);
    BOOST_REQUIRE(lines.size() == 3u);
    const std::string end = " (GET /users/{user_id}, users.example.com port 443)";
    BOOST_TEST(lines[0].second == "get_user: attempt 1 succeeded: 200, waited 1.2 ms, first byte 20.0 ms, body 0.3 ms, "
                                  "HTTP/2, new connection to 192.0.2.7 port 443" +
                                      end);
    BOOST_TEST(lines[1].second ==
               "get_user: attempt 2 failed: truncated (response): " + attempt.failure->cause.message() +
                   ", waited 1.2 ms, first byte 20.0 ms, body 0.3 ms, HTTP/1.1, reused connection "
                   "to 192.0.2.7 port 443" +
                   end);
    BOOST_TEST(lines[2].second == "get_user: attempt 3 failed: dns, waited 0.0 ms" + end);
}

BOOST_FIXTURE_TEST_CASE(a_line_names_the_request_that_was_made_last, Fixture)
{
    CallStarted search = started_call();
    search.operation = "get_user_by_identifier";
    search.path_template = "/users";
    const auto call = make()->call_started(search);
    call->retrying(retry_after(failure(Errc::timeout)));
    call->attempt_started(started_attempt(2));
    call->ended(ended_call(2s));
    BOOST_TEST(lines.at(0).second.ends_with("(GET /users, users.example.com port 443)"), lines.at(0).second);
    BOOST_TEST(lines.at(1).second.ends_with("(GET /users/{user_id}, users.example.com port 443)"), lines.at(1).second);
}

BOOST_FIXTURE_TEST_CASE(a_connection_is_written_with_its_server_and_its_times, Fixture)
{
    set_all(LogSeverity::info);
    ConnectionMade made;
    made.server_address = "users.example.com";
    made.server_port = 443;
    made.timings.connect = 1500us;
    made.timings.tls = 20ms;
    make()->connection_made(made);
    made.failure = failure(Errc::timeout, Stage::tls);
    make()->connection_made(made);
    BOOST_TEST(lines.at(0).second ==
               "connection to users.example.com port 443 established, dns 0.0 ms, connect 1.5 ms, tls 20.0 ms");
    BOOST_TEST(lines.at(1).second == "connection to users.example.com port 443 failed: timeout (tls), dns 0.0 ms, "
                                     "connect 1.5 ms, tls 20.0 ms");
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_was_given_up_is_not_written, Fixture)
{
    set_all(LogSeverity::info);
    ConnectionMade made;
    made.failure = failure(Errc::cancelled);
    make()->connection_made(made);
    BOOST_TEST(lines.empty());
}

BOOST_FIXTURE_TEST_CASE(a_proxy_is_named_with_its_status_and_its_time, Fixture)
{
    set_all(LogSeverity::info);
    ConnectionMade made;
    made.server_address = "users.example.com";
    made.server_port = 443;
    made.timings.connect = 1500us;
    made.timings.proxy = 3ms;
    made.failure = failure(Errc::connect, Stage::connect, 407);
    make()->connection_made(made);
    make()->call_started(started_call())->retrying(retry_after(*made.failure));
    BOOST_TEST(lines.at(0).second ==
               "connection to users.example.com port 443 failed: connect (connect): status 407 of the proxy, "
               "dns 0.0 ms, connect 1.5 ms, proxy 3.0 ms, tls 0.0 ms");
    BOOST_TEST(lines.at(1).second ==
               "get_user: attempt 0 failed: connect (connect): status 407 of the proxy, retry in 52 ms "
               "(GET /users/{user_id}, users.example.com port 443)");
}

BOOST_FIXTURE_TEST_CASE(a_unix_domain_socket_has_no_port, Fixture)
{
    options.attempt = LogSeverity::debug;
    AttemptEnded attempt = ended_attempt(1);
    attempt.peer_address = "/run/passage.sock";
    attempt.peer_port = 0;
    make()->call_started(started_call())->attempt_ended(attempt);
    BOOST_TEST(lines.at(0).second.find("new connection to /run/passage.sock (GET") != std::string::npos,
               lines.at(0).second);
}

BOOST_FIXTURE_TEST_CASE(a_line_ends_with_the_trace_of_the_caller, Fixture)
{
    const auto place = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    CallStarted call = started_call();
    call.trace_parent = place;
    make()->call_started(call)->ended(ended_call(2s));
    call.trace_parent = TraceParent{};
    make()->call_started(call)->ended(ended_call(2s));
    BOOST_TEST(lines.at(0).second.ends_with(" port 443, trace 4bf92f3577b34da6a3ce929d0e0e4736)"));
    BOOST_TEST(lines.at(1).second.ends_with(" port 443)"));
}

BOOST_FIXTURE_TEST_CASE(what_a_server_sends_breaks_no_line, Fixture)
{
    options.failed_call = LogSeverity::error;
    CallEnded call = ended_call(1ms, failure(Errc::api, Stage::none, 400));
    const std::string hostile = "a\r\nb\x1b[31mc\x7f\xff\xc2\x85\xe2\x80\xa8\xe2\x80\xae";
    call.api_code = hostile;
    call.request_id = hostile;
    const std::string line = line_of(call);
    const std::string escaped = R"(a\x0d\x0ab\x1b[31mc\x7f\xff\xc2\x85\xe2\x80\xa8\xe2\x80\xae)";
    BOOST_TEST(line.find("400 " + escaped + ", request id " + escaped + " (GET") != line.npos, line);
    BOOST_TEST(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; }), line);

    for (const std::string& part : {std::string(5000, 'x'), std::string(5000, '\n'), std::string(5000, '\xff')}) {
        call.request_id = part;
        BOOST_TEST(line_of(call).size() <= 1024u + std::string_view{"error "}.size());
    }
}

BOOST_FIXTURE_TEST_CASE(a_function_that_throws_loses_its_line_alone, Fixture)
{
    set_all(LogSeverity::info);
    for (int kind = 0; kind < 3; ++kind) {
        int calls = 0;
        const auto observer = make_log_observer(
            [&](LogSeverity, std::string_view) {
                ++calls;
                if (kind == 0)
                    throw std::runtime_error{"the disk is full"};
                if (kind == 1)
                    throw std::bad_alloc{};
                throw kind;
            },
            options);
        tell_all(*observer);
        BOOST_TEST(calls == 8);
    }
}

BOOST_FIXTURE_TEST_CASE(a_call_may_outlive_the_observer, Fixture)
{
    const auto alive = std::make_shared<int>();
    auto observer = make_log_observer(
        [this, alive](LogSeverity severity, std::string_view line) { lines.emplace_back(severity, line); });
    auto call = observer->call_started(started_call());
    observer.reset();
    call->ended(ended_call(2s));
    BOOST_TEST(lines.size() == 1u);
    call.reset();
    BOOST_TEST(alive.use_count() == 1);
}
