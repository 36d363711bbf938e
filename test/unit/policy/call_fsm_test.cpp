#include "api/operations.hpp"
#include "policy/call_fsm.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace passage;
using namespace passage::policy;
using namespace passage::policy::call_event;
using namespace std::chrono_literals;
using Kind = CallAction::Kind;

namespace {

const api::Operation& idempotent_one = api::get_user;
const api::Operation& other_one = api::create_user;

bool memory_fails = false;

} // namespace

// Replaces the standard library's for the whole program; its other forms call these.
void* operator new(std::size_t size)
{
    void* const block = memory_fails ? nullptr : std::malloc(size > 0 ? size : 1);
    if (!block)
        throw std::bad_alloc{};
    return block;
}

void operator delete(void* block) noexcept
{
    std::free(block);
}

void operator delete(void* block, std::size_t) noexcept
{
    std::free(block);
}

// How Boost.Test prints what it compares.
namespace passage {

static std::ostream& boost_test_print_type(std::ostream& stream, Errc code)
{
    return stream << make_error_code(code).message();
}

static std::ostream& boost_test_print_type(std::ostream& stream, Effect effect)
{
    return stream << to_string(effect);
}

static std::ostream& boost_test_print_type(std::ostream& stream, Stage stage)
{
    return stream << to_string(stage);
}

namespace policy {

static std::ostream& boost_test_print_type(std::ostream& stream, CallAction::Kind kind)
{
    static constexpr const char* names[]{"none",    "take_place",     "replay",    "await_place", "prepare_exchange",
                                         "send",    "await_exchange", "break_off", "end_attempt", "back_off",
                                         "complete"};
    return stream << names[static_cast<int>(kind)];
}

} // namespace policy
} // namespace passage

namespace {

constexpr RetryRules rules{3, 50ms, 1s, 20s};
constexpr Clock::time_point start{1h};
constexpr Clock::time_point deadline = start + 30s;
constexpr auto attempt_timeout = 10s;

constexpr std::string_view no_such_user = R"({"error":"User not found.","code":"user_not_found"})";

constexpr Progress unsent{Stage::write, false, false};
constexpr Progress partly_sent{Stage::write, true, false};
constexpr Progress sent{Stage::response, true, false};
constexpr Progress answered{Stage::response, true, true};

/// The number of throttled retries that a budget still allows.
int throttled_retries_left(RetryBudget budget)
{
    int count = 0;
    while (budget.take(true) > 0)
        ++count;
    return count;
}

/// A response of the service.
struct Reply
{
    int status;
    std::optional<milliseconds> retry_after = std::nullopt;
    std::string_view body = {};
    bool in_step = true;
};

/// A call with a manual clock. Each function passes events to the machine and returns its action.
class Call
{
public:
    explicit Call(const api::Operation& operation = api::get_user, bool retries = true, Effect before = Effect::none)
        : fsm{operation, retries, before, shared}
    {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    template <class Event>
    CallAction tell(Event&& event)
    {
        return fsm.resume(std::forward<Event>(event), now);
    }

    CallAction begin() { return tell(Started{deadline}); }

    /// From a place to a request that is being sent.
    CallAction send(bool reused = false)
    {
        BOOST_TEST(tell(Lent{reused}).kind == Kind::prepare_exchange);
        return tell(Prepared{});
    }

    /// Receives a response and ends the attempt.
    CallAction answer(const Reply& reply)
    {
        take(reply);
        return tell(AttemptEnded{});
    }

    /// Receives a response.
    CallAction take(const Reply& reply)
    {
        http::Response response;
        response.status = reply.status;
        response.body = reply.body;
        response.request_id = "r-1";
        const CallAction action = tell(Answered{response, answered, reply.retry_after, reply.in_step});
        BOOST_TEST(action.kind == Kind::end_attempt);
        return action;
    }

    /// Fails the exchange and ends the attempt.
    CallAction fail(Errc code, bool transient, Progress progress)
    {
        const CallAction action = tell(Failed{{Error{code}, transient}, progress});
        BOOST_TEST(action.kind == Kind::end_attempt);
        BOOST_TEST(!action.keep_connection);
        BOOST_TEST(!action.in_step.has_value());
        return tell(AttemptEnded{});
    }

    CallAction lose(Progress progress) { return fail(Errc::truncated, true, progress); }

    /// From the end of a wait to a request that is being sent.
    CallAction repeat(bool in_step = true)
    {
        BOOST_TEST(tell(BackoffOver{in_step}).kind == Kind::take_place);
        return send();
    }

    /// To a request that is being sent.
    void start_sending(bool reused = false)
    {
        BOOST_TEST(begin().kind == Kind::take_place);
        BOOST_TEST(send(reused).kind == Kind::send);
    }

    /// To a request whose answer is waited for.
    void start_waiting(Progress progress = sent)
    {
        start_sending();
        BOOST_TEST(tell(Advanced{progress}).kind == Kind::await_exchange);
    }

    /// To the wait before the second attempt.
    void start_backing_off(const Reply& reply = {503})
    {
        start_sending();
        BOOST_TEST(answer(reply).kind == Kind::back_off);
    }

    /// To a queue.
    void start_queueing()
    {
        BOOST_TEST(begin().kind == Kind::take_place);
        BOOST_TEST(tell(Queued{}).kind == Kind::await_place);
    }

    const Error& error() const
    {
        BOOST_REQUIRE(fsm.error());
        BOOST_TEST((fsm.state() == CallFsm::State::done));
        return *fsm.error();
    }

    ClientPolicy shared{rules, attempt_timeout, "the-api-key", {}, std::minstd_rand{}};
    CallFsm fsm;
    Clock::time_point now = start;
};

Failure cannot_connect()
{
    Failure failure{Error{Errc::connect, "no connection could be made"}, true};
    failure.error.cause = boost::system::errc::make_error_code(boost::system::errc::connection_refused);
    return failure;
}

} // namespace

BOOST_AUTO_TEST_SUITE(call_fsm)

BOOST_AUTO_TEST_CASE(a_success_takes_one_attempt)
{
    Call call;
    const CallAction place = call.begin();
    BOOST_TEST(place.kind == Kind::take_place);
    BOOST_TEST((place.until == deadline));
    BOOST_TEST(!place.new_connection);
    BOOST_TEST(!place.begins_attempt);

    call.now += 1s;
    const CallAction preparation = call.tell(Lent{true});
    BOOST_TEST(preparation.kind == Kind::prepare_exchange);
    BOOST_TEST(preparation.begins_attempt);
    BOOST_TEST((preparation.until == call.now + attempt_timeout));
    BOOST_TEST(call.tell(Prepared{}).kind == Kind::send);
    BOOST_TEST(call.tell(Advanced{unsent}).kind == Kind::await_exchange);
    BOOST_TEST(call.tell(Advanced{sent}).kind == Kind::await_exchange);

    const CallAction end = call.take({200});
    BOOST_TEST(end.keep_connection);
    BOOST_TEST(end.in_step.value());
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(!call.fsm.error());
    BOOST_TEST(call.fsm.attempts() == 1u);
    BOOST_TEST(call.fsm.effect() == Effect::none);
}

BOOST_AUTO_TEST_CASE(an_attempt_ends_with_the_call_at_the_latest)
{
    Call call;
    call.begin();
    call.now = deadline - 1s;
    BOOST_TEST((call.tell(Lent{false}).until == deadline));
}

BOOST_AUTO_TEST_CASE(a_call_that_queues_begins_its_attempt_there)
{
    Call call;
    call.begin();
    const CallAction waits = call.tell(Queued{});
    BOOST_TEST(waits.kind == Kind::await_place);
    BOOST_TEST(waits.begins_attempt);
    BOOST_TEST(call.fsm.attempts() == 1u);
    // Its connection is dead, so it waits again.
    const CallAction again = call.tell(NotLent{Stage::pool, nullptr});
    BOOST_TEST(again.kind == Kind::await_place);
    BOOST_TEST(!again.begins_attempt);
    const CallAction preparation = call.tell(Lent{false});
    BOOST_TEST(preparation.kind == Kind::prepare_exchange);
    BOOST_TEST(!preparation.begins_attempt);
    BOOST_TEST(call.fsm.attempts() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_queue_ends_a_call_at_once)
{
    Call call{api::create_user};
    call.begin();
    BOOST_TEST(call.tell(QueueFull{7}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::pool_timeout);
    BOOST_TEST(call.error().message == "7 calls are already waiting for a connection");
    BOOST_TEST(call.error().effect == Effect::none);
    BOOST_TEST(call.error().retryable);
    BOOST_TEST(call.fsm.attempts() == 0u);
}

BOOST_AUTO_TEST_CASE(a_refused_call_is_repeated_whatever_it_is)
{
    for (const api::Operation* operation : {&idempotent_one, &other_one}) {
        Call call{*operation};
        call.start_queueing();
        for (unsigned attempt = 1;; ++attempt) {
            BOOST_TEST(call.tell(Refused{cannot_connect()}).kind == Kind::break_off);
            const CallAction end = call.tell(NotLent{Stage::pool, nullptr});
            BOOST_TEST(end.kind == Kind::end_attempt);
            BOOST_TEST(!end.keep_connection);
            if (attempt == 3)
                break;
            BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::back_off);
            BOOST_TEST(call.tell(BackoffOver{true}).kind == Kind::take_place);
            BOOST_TEST(call.tell(Queued{}).kind == Kind::await_place);
            BOOST_TEST(call.tell(NotLent{Stage::pool, nullptr}).kind == Kind::await_place);
        }
        BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
        BOOST_TEST(call.error().code == Errc::connect);
        BOOST_TEST((call.error().cause == boost::system::errc::connection_refused));
        BOOST_TEST(call.error().effect == Effect::none);
        BOOST_TEST(call.error().retryable);
        BOOST_TEST(call.fsm.attempts() == 3u);
        BOOST_TEST(call.error().earlier_attempts.size() == 2u);
        // Requests that were never sent put no load on the service.
        BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 100);
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_that_does_not_pass_ends_a_call)
{
    Call call;
    call.start_queueing();
    call.tell(Refused{Failure{Error{Errc::tls}, false}});
    call.tell(NotLent{Stage::pool, nullptr});
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::tls);
    BOOST_TEST(!call.error().retryable);
}

BOOST_AUTO_TEST_CASE(a_call_may_be_refused_while_it_is_being_queued)
{
    Call call;
    call.begin();
    BOOST_TEST(call.tell(Refused{cannot_connect()}).kind == Kind::none);
    BOOST_TEST(call.tell(Queued{}).kind == Kind::await_place);
    BOOST_TEST(call.tell(NotLent{Stage::pool, nullptr}).kind == Kind::end_attempt);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::back_off);
}

BOOST_AUTO_TEST_CASE(a_refusal_that_there_is_no_memory_to_tell_of_is_thrown_at_the_next_event)
{
    Call call;
    call.start_queueing();
    const Failure failure = cannot_connect();
    memory_fails = true;
    const CallAction action = call.tell(Refused{failure});
    memory_fails = false;
    BOOST_TEST(action.kind == Kind::break_off);
    BOOST_CHECK_THROW(call.tell(NotLent{Stage::pool, nullptr}), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(statuses_are_repeated_as_the_table_says)
{
    struct Case
    {
        int status;
        bool idempotent; ///< Repeated if it is.
        bool other;
        Effect effect;
        bool keeps_connection = true;
    };
    const Case cases[]{{301, false, false, Effect::none},    {400, false, false, Effect::none},
                       {401, false, false, Effect::none},    {404, false, false, Effect::none},
                       {408, true, false, Effect::none},     {409, false, false, Effect::none},
                       {429, true, true, Effect::none},      {500, true, false, Effect::unknown, false},
                       {501, false, false, Effect::unknown}, {502, true, false, Effect::unknown, false},
                       {503, true, false, Effect::unknown},  {504, true, false, Effect::unknown, false}};
    for (const Case& test : cases) {
        BOOST_TEST_CONTEXT(test.status)
        for (const bool idempotent : {true, false}) {
            const bool repeats = idempotent ? test.idempotent : test.other;
            Call call{idempotent ? idempotent_one : other_one};
            call.start_sending();
            for (unsigned attempt = 1;; ++attempt) {
                const CallAction end = call.take({test.status});
                BOOST_TEST(end.keep_connection == test.keeps_connection);
                // After a response that names no user the next one may be doubtful; 429 changes nothing.
                BOOST_TEST((end.in_step == (test.status == 429 ? std::nullopt : std::optional{false})));
                const CallAction next = call.tell(AttemptEnded{});
                BOOST_TEST(next.kind == (repeats && attempt < 3 ? Kind::back_off : Kind::complete));
                if (next.kind == Kind::complete) {
                    BOOST_TEST(attempt == (repeats ? 3u : 1u));
                    break;
                }
                BOOST_TEST((next.until == deadline));
                BOOST_TEST((next.wait < (test.status == 429 ? 1s : 50ms) * (1 << (attempt - 1))));
                BOOST_TEST(call.repeat().kind == Kind::send);
            }
            const Error& error = call.error();
            BOOST_TEST(error.code == Errc::api);
            BOOST_TEST(error.http_status == test.status);
            BOOST_TEST(error.effect == test.effect);
            BOOST_TEST(error.retryable == repeats);
            BOOST_TEST(error.earlier_attempts.size() == call.fsm.attempts() - 1);
            for (const FailedAttempt& earlier : error.earlier_attempts)
                BOOST_TEST(earlier.http_status == test.status);
        }
    }
}

BOOST_AUTO_TEST_CASE(lost_connections_are_repeated_if_that_is_harmless)
{
    struct Case
    {
        Errc code;
        bool transient;
        Progress progress;
        bool idempotent; ///< Repeated if it is.
        bool other;
        Effect effect;
    };
    const Case cases[]{{Errc::truncated, true, unsent, true, true, Effect::none},
                       {Errc::truncated, true, partly_sent, true, false, Effect::unknown},
                       {Errc::truncated, true, sent, true, false, Effect::unknown},
                       {Errc::truncated, true, answered, true, false, Effect::unknown},
                       {Errc::protocol, false, unsent, false, false, Effect::none},
                       {Errc::protocol, false, answered, false, false, Effect::unknown},
                       {Errc::too_large, false, answered, false, false, Effect::unknown}};
    for (const Case& test : cases)
        for (const bool idempotent : {true, false}) {
            const bool repeats = idempotent ? test.idempotent : test.other;
            Call call{idempotent ? idempotent_one : other_one};
            call.start_sending();
            while (call.fail(test.code, test.transient, test.progress).kind == Kind::back_off)
                BOOST_TEST(call.repeat().kind == Kind::send);
            BOOST_TEST(call.fsm.attempts() == (repeats ? 3u : 1u));
            BOOST_TEST(call.error().code == test.code);
            BOOST_TEST(call.error().effect == test.effect);
            BOOST_TEST(call.error().retryable == repeats);
        }
}

BOOST_AUTO_TEST_CASE(without_retries_there_is_one_attempt)
{
    for (const int status : {421, 429, 503}) {
        Call call{api::get_user, false};
        call.start_sending();
        BOOST_TEST(call.answer({status}).kind == Kind::complete);
        BOOST_TEST(call.fsm.attempts() == 1u);
        BOOST_TEST(call.error().retryable == (status != 421));
    }
    Call lost{api::get_user, false};
    lost.start_sending(true);
    BOOST_TEST(lost.lose(sent).kind == Kind::complete);
    Call dead{api::get_user, false};
    dead.start_sending(true);
    BOOST_TEST(dead.lose(unsent).kind == Kind::replay);
}

BOOST_AUTO_TEST_CASE(a_wait_beyond_the_deadline_is_not_begun)
{
    Call throttled;
    throttled.start_sending();
    BOOST_TEST(throttled.answer({429, 31s}).kind == Kind::complete);
    BOOST_TEST(throttled.error().code == Errc::rate_limited);
    BOOST_TEST(throttled.error().http_status == 429);
    BOOST_TEST((throttled.error().retry_after == 31s));
    BOOST_TEST(throttled.error().retryable);

    Call short_of_time; // it is the library's own wait that takes too long
    short_of_time.now = deadline - 1ms;
    short_of_time.start_sending();
    BOOST_TEST(short_of_time.answer({429, 0s}).kind == Kind::complete);
    BOOST_TEST(short_of_time.error().code == Errc::api);

    Call down;
    down.start_sending();
    BOOST_TEST(down.answer({503, 31s}).kind == Kind::complete);
    BOOST_TEST(down.error().code == Errc::api);
    BOOST_TEST((down.error().retry_after == 31s));

    Call in_time;
    in_time.start_sending();
    const CallAction wait = in_time.answer({429, 29s});
    BOOST_TEST(wait.kind == Kind::back_off);
    BOOST_TEST((wait.wait == 29s));
    BOOST_TEST((in_time.fsm.reason().retry_after == 29s));
}

BOOST_AUTO_TEST_CASE(a_dead_connection_costs_no_attempt)
{
    Call call;
    call.start_sending(true);
    for (int replay = 1; replay <= 3; ++replay) {
        const CallAction action = call.lose(sent);
        BOOST_TEST(action.kind == Kind::replay);
        BOOST_TEST(action.new_connection);
        BOOST_TEST((action.until == deadline));
        BOOST_TEST(call.fsm.reason().code == Errc::truncated);
        // The queue may provide the new connection, or one that was used.
        BOOST_TEST(call.tell(Queued{}).begins_attempt);
        BOOST_TEST(call.send(true).kind == Kind::send);
        BOOST_TEST(call.fsm.attempts() == 1u);
    }
    // A server that does this each time can't keep a call for ever.
    BOOST_TEST(call.lose(sent).kind == Kind::back_off);
    const CallAction next = call.tell(BackoffOver{true});
    BOOST_TEST(next.kind == Kind::take_place);
    BOOST_TEST(next.new_connection);
    BOOST_TEST(call.send(true).kind == Kind::send);
    BOOST_TEST(call.lose(sent).kind == Kind::back_off);
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.lose(sent).kind == Kind::complete);
    BOOST_TEST(call.fsm.attempts() == 3u);
    BOOST_TEST(call.error().earlier_attempts.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_creation_is_replayed_only_if_nothing_left)
{
    Call dead{api::create_user};
    dead.start_sending(true);
    BOOST_TEST(dead.lose(unsent).kind == Kind::replay);
    BOOST_TEST(dead.send().kind == Kind::send);
    BOOST_TEST(dead.answer({201}).kind == Kind::complete);
    BOOST_TEST(dead.fsm.attempts() == 1u);

    Call lost{api::create_user};
    lost.start_sending(true);
    BOOST_TEST(lost.lose(partly_sent).kind == Kind::complete);
    BOOST_TEST(lost.error().effect == Effect::unknown);
    BOOST_TEST(!lost.error().retryable);
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_new_or_had_begun_to_answer_was_not_dead)
{
    Call fresh;
    fresh.start_sending(false);
    BOOST_TEST(fresh.lose(sent).kind == Kind::back_off);
    Call begun;
    begun.start_sending(true);
    BOOST_TEST(begun.lose(answered).kind == Kind::back_off);
}

BOOST_AUTO_TEST_CASE(a_misdirected_request_is_made_once_more_on_a_new_connection)
{
    for (const api::Operation* operation : {&idempotent_one, &other_one}) {
        Call call{*operation};
        call.start_sending(true);
        const CallAction end = call.take({421});
        BOOST_TEST(end.keep_connection);
        BOOST_TEST(!end.in_step.has_value());
        const CallAction replay = call.tell(AttemptEnded{});
        BOOST_TEST(replay.kind == Kind::replay);
        BOOST_TEST(replay.new_connection);
        BOOST_TEST(call.fsm.reason().http_status == 421);
        BOOST_TEST(call.send().kind == Kind::send);
        BOOST_TEST(call.answer({421}).kind == Kind::complete);
        BOOST_TEST(call.error().http_status == 421);
        BOOST_TEST(call.error().effect == Effect::none);
        BOOST_TEST(!call.error().retryable);
        BOOST_TEST(call.fsm.attempts() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_replay_may_follow_another_of_a_different_kind)
{
    Call call;
    call.start_sending(true);
    BOOST_TEST(call.answer({421}).kind == Kind::replay);
    BOOST_TEST(call.send(true).kind == Kind::send);
    BOOST_TEST(call.lose(sent).kind == Kind::replay);
    BOOST_TEST(call.send().kind == Kind::send);
    BOOST_TEST(call.answer({421}).kind == Kind::complete);
}

BOOST_AUTO_TEST_CASE(a_creation_is_repeated_only_after_a_refusal_of_its_own)
{
    const Reply refusal{.status = 429, .in_step = false};
    Call shown{api::create_user};
    shown.start_sending(true);
    const CallAction wait = shown.answer(refusal);
    BOOST_TEST(wait.kind == Kind::back_off);
    BOOST_TEST((wait.wait >= 1s)); // time for the missing response to be received
    BOOST_TEST(shown.fsm.effect() == Effect::unknown);
    BOOST_TEST(shown.tell(BackoffOver{false}).kind == Kind::complete);
    BOOST_TEST(shown.error().http_status == 429);
    BOOST_TEST(shown.error().effect == Effect::unknown);
    BOOST_TEST(!shown.error().retryable);
    BOOST_TEST(shown.error().earlier_attempts.empty());
    BOOST_TEST(shown.fsm.attempts() == 1u);

    Call own{api::create_user};
    own.start_sending(true);
    BOOST_TEST(own.answer(refusal).kind == Kind::back_off);
    BOOST_TEST(own.repeat(true).kind == Kind::send);
    BOOST_TEST(own.answer({201}).kind == Kind::complete);
    BOOST_TEST(!own.fsm.error());

    // A response that is in step raises no doubt, even if bytes are received during the wait.
    Call in_step{api::create_user};
    in_step.start_backing_off({429});
    BOOST_TEST(in_step.fsm.effect() == Effect::none);
    BOOST_TEST(in_step.repeat(false).kind == Kind::send);

    Call misdirected{api::create_user};
    misdirected.start_sending(true);
    BOOST_TEST(misdirected.answer({.status = 421, .in_step = false}).kind == Kind::complete);
    BOOST_TEST(misdirected.error().effect == Effect::unknown);

    // A second doubtful response is judged on its own.
    Call again{api::create_user};
    again.start_sending(true);
    BOOST_TEST(again.answer(refusal).kind == Kind::back_off);
    BOOST_TEST(again.repeat(true).kind == Kind::send);
    BOOST_TEST(again.answer({429}).kind == Kind::back_off);
    BOOST_TEST(again.repeat(false).kind == Kind::send);
}

BOOST_AUTO_TEST_CASE(a_deletion_that_finds_nothing_after_it_may_have_been_done_has_succeeded)
{
    const Reply gone{.status = 404, .body = no_such_user};
    Call lost{api::delete_user};
    lost.start_sending();
    BOOST_TEST(lost.lose(sent).kind == Kind::back_off);
    BOOST_TEST(lost.repeat().kind == Kind::send);
    const CallAction end = lost.take(gone);
    BOOST_TEST(end.keep_connection);
    BOOST_TEST(!end.in_step.value());
    BOOST_TEST(!lost.fsm.error());
    BOOST_TEST(lost.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(!lost.fsm.error());
    BOOST_TEST(lost.fsm.attempts() == 2u);
    BOOST_TEST(throttled_retries_left(lost.shared.retry_budget) == 97); // an error response returns no tokens

    Call repeated{api::delete_user, true, Effect::unknown};
    repeated.start_sending();
    BOOST_TEST(repeated.answer(gone).kind == Kind::complete);
    BOOST_TEST(!repeated.fsm.error());

    Call first{api::delete_user};
    first.start_sending();
    BOOST_TEST(first.answer(gone).kind == Kind::complete);
    BOOST_TEST(is_not_found(first.error()));
    BOOST_TEST(first.error().effect == Effect::none);

    Call refused{api::delete_user};
    refused.start_backing_off({429});
    BOOST_TEST(refused.repeat().kind == Kind::send);
    BOOST_TEST(refused.answer(gone).kind == Kind::complete);
    BOOST_TEST(is_not_found(refused.error()));

    // Something else was not found.
    Call elsewhere{api::delete_user, true, Effect::unknown};
    elsewhere.start_sending();
    BOOST_TEST(elsewhere.answer({404, {}, R"({"error":"No such app.","code":"app_not_found"})"}).kind ==
               Kind::complete);
    BOOST_TEST(elsewhere.error().http_status == 404);
    BOOST_TEST(elsewhere.error().effect == Effect::unknown);
}

BOOST_AUTO_TEST_CASE(an_operation_succeeds_by_its_own_statuses)
{
    struct Case
    {
        const api::Operation* operation;
        int status;
        bool succeeds;
    };
    const Case cases[]{{&api::get_user, 201, false},   {&api::get_user, 204, false},    {&api::create_user, 200, true},
                       {&api::create_user, 201, true}, {&api::create_user, 202, false}, {&api::create_user, 204, false},
                       {&api::delete_user, 200, true}, {&api::delete_user, 204, true},  {&api::delete_user, 206, false},
                       {&api::get_user, 299, true}};
    for (const Case& test : cases) {
        Call call{*test.operation};
        call.start_sending();
        const CallAction end = call.take({test.status});
        BOOST_TEST(end.keep_connection == test.succeeds);
        BOOST_TEST(end.distrust_connection == !test.succeeds);
        BOOST_TEST(
            (end.in_step == (test.succeeds ? std::optional{test.operation->answer_names_subject} : std::nullopt)));
        BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
        BOOST_TEST((call.fsm.error() == nullptr) == test.succeeds);
        if (test.succeeds)
            continue;
        BOOST_TEST(call.error().code == Errc::protocol);
        BOOST_TEST(call.error().http_status == test.status);
        BOOST_TEST(call.error().request_id == "r-1");
        BOOST_TEST(call.error().effect == Effect::unknown);
        BOOST_TEST(!call.error().retryable);
    }
}

BOOST_AUTO_TEST_CASE(the_deadline_ends_a_call_wherever_it_is)
{
    Call late;
    late.now = deadline;
    BOOST_TEST(late.begin().kind == Kind::complete);
    BOOST_TEST(late.error().code == Errc::timeout);
    BOOST_TEST(late.error().stage == Stage::pool);
    BOOST_TEST(late.error().retryable);
    BOOST_TEST(late.fsm.attempts() == 0u);

    Call queued{api::create_user};
    queued.start_queueing();
    queued.now = deadline;
    BOOST_TEST(queued.tell(Expired{}).kind == Kind::break_off);
    BOOST_TEST(queued.tell(NotLent{Stage::pool, nullptr}).kind == Kind::end_attempt);
    BOOST_TEST(queued.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(queued.error().code == Errc::pool_timeout);
    BOOST_TEST(queued.error().effect == Effect::none);
    BOOST_TEST(queued.error().retryable);

    const Failure why = cannot_connect();
    Call unconnected;
    unconnected.start_queueing();
    unconnected.now = deadline;
    BOOST_TEST(unconnected.tell(Expired{}).kind == Kind::break_off);
    unconnected.tell(NotLent{Stage::tls, &why});
    BOOST_TEST(unconnected.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(unconnected.error().code == Errc::timeout);
    BOOST_TEST(unconnected.error().stage == Stage::tls);
    BOOST_TEST((unconnected.error().cause == boost::system::errc::connection_refused));
    BOOST_TEST(unconnected.error().message ==
               "the deadline passed while no connection could be made: no connection could be made");

    Call at_proxy;
    at_proxy.start_queueing();
    at_proxy.now = deadline;
    BOOST_TEST(at_proxy.tell(Expired{}).kind == Kind::break_off);
    at_proxy.tell(NotLent{Stage::connect, nullptr, "the proxy p:1"});
    BOOST_TEST(at_proxy.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(at_proxy.error().code == Errc::timeout);
    BOOST_TEST(at_proxy.error().message == "the proxy p:1: the deadline passed");

    Call exchanging{api::create_user};
    exchanging.start_waiting();
    exchanging.now = deadline;
    BOOST_TEST(exchanging.tell(Expired{}).kind == Kind::break_off);
    const CallAction end = exchanging.tell(Advanced{sent});
    BOOST_TEST(end.kind == Kind::end_attempt);
    BOOST_TEST(!end.keep_connection);
    BOOST_TEST(exchanging.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(exchanging.error().code == Errc::timeout);
    BOOST_TEST(exchanging.error().stage == Stage::response);
    BOOST_TEST(exchanging.error().effect == Effect::unknown);
    BOOST_TEST(!exchanging.error().retryable);

    Call backing_off;
    backing_off.start_backing_off({503, 2s, R"({"error":"Down.","code":"down"})"});
    backing_off.now = deadline;
    BOOST_TEST(backing_off.tell(Expired{}).kind == Kind::break_off);
    BOOST_TEST(backing_off.tell(BackoffOver{true}).kind == Kind::complete);
    BOOST_TEST(backing_off.error().code == Errc::timeout);
    BOOST_TEST(backing_off.error().stage == Stage::backoff);
    BOOST_TEST(backing_off.error().http_status == 503);
    BOOST_TEST(backing_off.error().request_id == "r-1");
    BOOST_TEST(backing_off.error().api_code == "down");
    BOOST_TEST((backing_off.error().retry_after == 2s));
    BOOST_TEST(backing_off.error().retryable);
    BOOST_TEST(backing_off.error().earlier_attempts.size() == 1u);
    BOOST_TEST(backing_off.fsm.attempts() == 1u);
}

BOOST_AUTO_TEST_CASE(a_status_of_the_proxy_is_not_that_of_a_call_that_is_stopped_later)
{
    Call call;
    call.start_queueing();
    Failure refusal = cannot_connect();
    refusal.error.http_status = 503;
    BOOST_TEST(call.tell(Refused{refusal}).kind == Kind::break_off);
    BOOST_TEST(call.tell(NotLent{Stage::pool, nullptr}).kind == Kind::end_attempt);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::back_off);
    call.now = deadline;
    BOOST_TEST(call.tell(Expired{}).kind == Kind::break_off);
    BOOST_TEST(call.tell(BackoffOver{true}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::timeout);
    BOOST_TEST(call.error().http_status == 0);
    BOOST_TEST_REQUIRE(call.error().earlier_attempts.size() == 1u);
    BOOST_TEST(call.error().earlier_attempts[0].http_status == 503);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_after_the_deadline_though_nobody_told_of_it)
{
    Call call{api::create_user};
    call.begin();
    call.now = deadline;
    BOOST_TEST(call.tell(Lent{false}).kind == Kind::prepare_exchange);
    const CallAction end = call.tell(Prepared{});
    BOOST_TEST(end.kind == Kind::end_attempt);
    BOOST_TEST(end.keep_connection); // nothing was sent on it
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::timeout);
    BOOST_TEST(call.error().stage == Stage::write);
    BOOST_TEST(call.error().effect == Effect::none);
}

BOOST_AUTO_TEST_CASE(a_connection_that_comes_too_late_was_waited_for)
{
    for (const bool told : {false, true})
        for (const bool reused : {false, true}) {
            Call call;
            call.begin();
            call.tell(Queued{});
            call.now = deadline;
            if (told)
                call.tell(Expired{});
            BOOST_TEST(call.tell(Lent{reused}).kind == Kind::prepare_exchange);
            const CallAction end = call.tell(Prepared{});
            BOOST_TEST(end.kind == Kind::end_attempt);
            BOOST_TEST(end.keep_connection);
            BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
            BOOST_TEST(call.error().code == (reused ? Errc::pool_timeout : Errc::timeout));
            BOOST_TEST(call.error().stage == (reused ? Stage::none : Stage::connect));
            BOOST_TEST(call.error().effect == Effect::none);
        }
}

BOOST_AUTO_TEST_CASE(a_wait_that_ends_after_the_deadline_keeps_the_cause)
{
    Call call;
    call.start_backing_off({503});
    call.now = deadline;
    BOOST_TEST(call.tell(BackoffOver{true}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::timeout);
    BOOST_TEST(call.error().stage == Stage::backoff);
    BOOST_TEST(call.error().http_status == 503);
    BOOST_TEST(call.error().effect == Effect::unknown);
}

BOOST_AUTO_TEST_CASE(a_request_that_the_server_did_not_process_has_no_effect)
{
    for (const bool unprocessed : {false, true}) {
        Call call;
        call.start_sending(true);
        call.tell(Advanced{sent});
        Failure refused{Error{Errc::tls, "the server refused the client's certificate"}, false};
        refused.unprocessed = unprocessed;
        BOOST_TEST(call.tell(Failed{std::move(refused), sent}).kind == Kind::end_attempt);
        BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
        BOOST_TEST(call.error().effect == (unprocessed ? Effect::none : Effect::unknown));
    }
}

BOOST_AUTO_TEST_CASE(a_replay_is_not_begun_after_the_deadline)
{
    Call call;
    call.start_sending(true);
    call.now = deadline;
    Failure lost{Error{Errc::truncated}, true};
    lost.error.cause = boost::system::errc::make_error_code(boost::system::errc::connection_reset);
    BOOST_TEST(call.tell(Failed{std::move(lost), sent}).kind == Kind::end_attempt);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::timeout);
    BOOST_TEST((call.error().cause == boost::system::errc::connection_reset));
    BOOST_TEST(call.error().effect == Effect::unknown);
    BOOST_TEST(call.fsm.attempts() == 1u);
}

BOOST_AUTO_TEST_CASE(a_replay_ends_with_the_call)
{
    // While it takes a place, and while it waits for one.
    for (const bool queued : {false, true}) {
        Call call;
        call.start_sending(true);
        BOOST_TEST(call.answer({421}).kind == Kind::replay);
        if (queued)
            BOOST_TEST(call.tell(Queued{}).kind == Kind::await_place);
        call.now = deadline;
        BOOST_TEST(call.tell(Expired{}).kind == (queued ? Kind::break_off : Kind::none));
        if (queued) {
            BOOST_TEST(call.tell(NotLent{Stage::pool, nullptr}).kind == Kind::end_attempt);
            BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
            BOOST_TEST(call.error().code == Errc::pool_timeout);
        } else {
            BOOST_TEST(call.tell(Queued{}).kind == Kind::complete);
            BOOST_TEST(call.error().code == Errc::timeout);
            BOOST_TEST(call.error().http_status == 421);
        }
        BOOST_TEST(call.fsm.attempts() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(an_attempt_that_takes_too_long_is_repeated_if_that_is_harmless)
{
    for (const api::Operation* operation : {&idempotent_one, &other_one}) {
        Call call{*operation};
        call.start_waiting();
        call.now += attempt_timeout;
        BOOST_TEST(call.tell(Expired{}).kind == Kind::break_off);
        const CallAction end = call.tell(Advanced{sent});
        BOOST_TEST(end.kind == Kind::end_attempt);
        BOOST_TEST(!end.keep_connection);
        const bool repeats = operation->idempotent;
        BOOST_TEST(call.tell(AttemptEnded{}).kind == (repeats ? Kind::back_off : Kind::complete));
        BOOST_TEST(call.fsm.error()->code == Errc::timeout);
        BOOST_TEST(call.fsm.error()->stage == Stage::response);
        BOOST_TEST(call.fsm.error()->message == "the attempt took too long");
        BOOST_TEST(call.fsm.effect() == Effect::unknown);
        // The next attempt has its own time.
        if (repeats) {
            BOOST_TEST(call.repeat().kind == Kind::send);
            BOOST_TEST(call.answer({200}).kind == Kind::complete);
            BOOST_TEST(!call.fsm.error());
        }
    }
}

BOOST_AUTO_TEST_CASE(an_attempt_whose_time_is_over_before_it_sends_sends_nothing)
{
    Call call{api::create_user};
    call.begin();
    call.tell(Lent{false});
    call.now += attempt_timeout;
    call.tell(Expired{});
    const CallAction end = call.tell(Prepared{});
    BOOST_TEST(end.kind == Kind::end_attempt);
    BOOST_TEST(end.keep_connection);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::back_off);
    BOOST_TEST(call.fsm.error()->stage == Stage::write);
    BOOST_TEST(call.fsm.effect() == Effect::none);
}

BOOST_AUTO_TEST_CASE(how_an_exchange_fails_that_was_broken_off_does_not_matter)
{
    Call call;
    call.start_waiting();
    call.now += attempt_timeout;
    call.tell(Expired{});
    BOOST_TEST(call.fail(Errc::truncated, true, sent).kind == Kind::back_off);
    BOOST_TEST(call.fsm.error()->code == Errc::timeout);
}

BOOST_AUTO_TEST_CASE(what_comes_in_time_is_good_though_the_call_was_to_end)
{
    Call good;
    good.start_waiting();
    good.tell(Cancelled{true});
    BOOST_TEST(good.answer({200}).kind == Kind::complete);
    BOOST_TEST(!good.fsm.error());

    Call bad;
    bad.start_waiting();
    bad.tell(ShutDown{});
    BOOST_TEST(bad.answer({503}).kind == Kind::complete);
    BOOST_TEST(bad.error().http_status == 503);
    BOOST_TEST(bad.error().code == Errc::api);
}

BOOST_AUTO_TEST_CASE(only_an_exchange_is_out_of_time_before_the_deadline)
{
    Call call;
    call.begin();
    BOOST_TEST(call.tell(Expired{}).kind == Kind::none);
    call.tell(Queued{});
    BOOST_TEST(call.tell(Expired{}).kind == Kind::none);
    call.send();
    call.take({503});
    BOOST_TEST(call.tell(Expired{}).kind == Kind::none);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::back_off);
    BOOST_TEST(call.tell(Expired{}).kind == Kind::none);
    BOOST_TEST(call.repeat().kind == Kind::send);
}

BOOST_AUTO_TEST_CASE(a_call_ends_as_it_is_stopped_in_each_state)
{
    const auto cancel = [](Call& call) { return call.tell(Cancelled{true}); };
    const auto shut_down = [](Call& call) { return call.tell(ShutDown{}); };
    const std::pair<CallAction (*)(Call&), Errc> stops[]{{cancel, Errc::cancelled}, {shut_down, Errc::shut_down}};
    for (const auto& [stop, code] : stops) {
        const auto check = [why = code](const Call& call, Effect effect, unsigned attempts) {
            BOOST_TEST(call.error().code == why);
            BOOST_TEST(call.error().effect == effect);
            BOOST_TEST(!call.error().retryable);
            BOOST_TEST(call.fsm.attempts() == attempts);
        };

        Call initial;
        BOOST_TEST(stop(initial).kind == Kind::none);
        BOOST_TEST(initial.begin().kind == Kind::complete);
        check(initial, Effect::none, 0);

        Call lent;
        lent.begin();
        BOOST_TEST(stop(lent).kind == Kind::none);
        BOOST_TEST(lent.tell(Lent{false}).kind == Kind::prepare_exchange);
        BOOST_TEST(lent.tell(Prepared{}).keep_connection);
        BOOST_TEST(lent.tell(AttemptEnded{}).kind == Kind::complete);
        check(lent, Effect::none, 1);

        Call full;
        full.begin();
        stop(full);
        BOOST_TEST(full.tell(QueueFull{1}).kind == Kind::complete);
        check(full, Effect::none, 0);

        Call just_queued;
        just_queued.begin();
        stop(just_queued);
        BOOST_TEST(just_queued.tell(Queued{}).kind == Kind::complete);
        check(just_queued, Effect::none, 0);

        const Failure why = cannot_connect();
        Call queued;
        queued.start_queueing();
        BOOST_TEST(stop(queued).kind == Kind::break_off);
        BOOST_TEST(queued.tell(NotLent{Stage::connect, &why}).kind == Kind::end_attempt);
        BOOST_TEST(queued.tell(AttemptEnded{}).kind == Kind::complete);
        check(queued, Effect::none, 1);
        BOOST_TEST(!queued.error().cause);

        Call lent_late;
        lent_late.start_queueing();
        BOOST_TEST(stop(lent_late).kind == Kind::break_off);
        BOOST_TEST(lent_late.tell(Lent{true}).kind == Kind::prepare_exchange);
        const CallAction back = lent_late.tell(Prepared{});
        BOOST_TEST(back.kind == Kind::end_attempt);
        BOOST_TEST(back.keep_connection);
        BOOST_TEST(lent_late.tell(AttemptEnded{}).kind == Kind::complete);
        check(lent_late, Effect::none, 1);

        Call preparing;
        preparing.begin();
        preparing.tell(Lent{false});
        BOOST_TEST(stop(preparing).kind == Kind::break_off);
        BOOST_TEST(preparing.tell(Prepared{}).kind == Kind::end_attempt);
        BOOST_TEST(preparing.tell(AttemptEnded{}).kind == Kind::complete);
        check(preparing, Effect::none, 1);

        for (const Progress& progress : {unsent, sent}) {
            Call sending;
            sending.start_sending();
            BOOST_TEST(stop(sending).kind == Kind::break_off);
            BOOST_TEST(!sending.tell(Advanced{progress}).keep_connection);
            BOOST_TEST(sending.tell(AttemptEnded{}).kind == Kind::complete);
            check(sending, progress.request_sent ? Effect::unknown : Effect::none, 1);

            Call waiting;
            waiting.start_waiting(progress);
            BOOST_TEST(stop(waiting).kind == Kind::break_off);
            BOOST_TEST(waiting.lose(progress).kind == Kind::complete);
            check(waiting, progress.request_sent ? Effect::unknown : Effect::none, 1);
        }

        // An attempt that failed before the stop keeps its own error.
        Call ending;
        ending.start_sending();
        ending.take({503});
        BOOST_TEST(stop(ending).kind == Kind::none);
        BOOST_TEST(ending.tell(AttemptEnded{}).kind == Kind::complete);
        BOOST_TEST(ending.error().http_status == 503);

        Call backing_off;
        backing_off.start_backing_off({429, 5s});
        BOOST_TEST(stop(backing_off).kind == Kind::break_off);
        BOOST_TEST(backing_off.tell(BackoffOver{true}).kind == Kind::complete);
        check(backing_off, Effect::none, 1);
        BOOST_TEST(backing_off.error().http_status == 429);
        BOOST_TEST((backing_off.error().retry_after == 5s));
        BOOST_TEST(backing_off.error().earlier_attempts.size() == 1u);

        // It came too late.
        Call done;
        done.start_sending();
        done.answer({200});
        BOOST_TEST(stop(done).kind == Kind::none);
        BOOST_TEST(!done.fsm.error());
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_that_comes_after_a_stop_is_what_the_call_ends_with)
{
    Call call;
    call.start_queueing();
    BOOST_TEST(call.tell(Cancelled{true}).kind == Kind::break_off);
    call.tell(Refused{cannot_connect()});
    BOOST_TEST(call.tell(NotLent{Stage::pool, nullptr}).kind == Kind::end_attempt);
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::connect);
}

BOOST_AUTO_TEST_CASE(the_first_reason_to_stop_counts)
{
    Call call;
    call.start_waiting();
    BOOST_TEST(call.tell(Cancelled{true}).kind == Kind::break_off);
    BOOST_TEST(call.tell(ShutDown{}).kind == Kind::none);
    call.now = deadline;
    BOOST_TEST(call.tell(Expired{}).kind == Kind::none);
    call.tell(Advanced{sent});
    BOOST_TEST(call.tell(AttemptEnded{}).kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::cancelled);
}

BOOST_AUTO_TEST_CASE(total_cancellation_is_for_calls_that_left_no_trace)
{
    const auto cancel = [](Call& call) { return call.tell(Cancelled{false}).kind; };

    Call initial;
    BOOST_TEST(cancel(initial) == Kind::none);
    BOOST_TEST(initial.begin().kind == Kind::complete);
    BOOST_TEST(initial.error().code == Errc::cancelled);

    Call queued;
    queued.start_queueing();
    BOOST_TEST(cancel(queued) == Kind::break_off);

    Call preparing;
    preparing.begin();
    preparing.tell(Lent{false});
    BOOST_TEST(cancel(preparing) == Kind::break_off);

    // Some of the request may have been sent already.
    Call sending;
    sending.start_sending();
    BOOST_TEST(cancel(sending) == Kind::none);
    BOOST_TEST(sending.tell(Advanced{sent}).kind == Kind::await_exchange);

    Call stuck;
    stuck.start_waiting(unsent);
    BOOST_TEST(cancel(stuck) == Kind::break_off);

    Call waiting;
    waiting.start_waiting(sent);
    BOOST_TEST(cancel(waiting) == Kind::none);
    BOOST_TEST(waiting.answer({200}).kind == Kind::complete);
    BOOST_TEST(!waiting.fsm.error());

    Call refused;
    refused.start_backing_off({429});
    BOOST_TEST(cancel(refused) == Kind::break_off);

    Call in_doubt;
    in_doubt.start_backing_off({503});
    BOOST_TEST(cancel(in_doubt) == Kind::none);
    BOOST_TEST(in_doubt.repeat().kind == Kind::send);

    Call made_before{api::delete_user, true, Effect::unknown};
    made_before.start_queueing();
    BOOST_TEST(cancel(made_before) == Kind::none);
}

BOOST_AUTO_TEST_CASE(retries_are_paid_for_and_success_pays_back)
{
    Call call;
    call.start_backing_off({503});
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 97); // 486
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({503}).kind == Kind::back_off);
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 94); // 472
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({200}).kind == Kind::complete);
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 97); // 486

    Call throttled;
    throttled.start_backing_off({429});
    BOOST_TEST(throttled_retries_left(throttled.shared.retry_budget) == 99);
    BOOST_TEST(throttled.repeat().kind == Kind::send);
    BOOST_TEST(throttled.answer({503}).kind == Kind::back_off);
    BOOST_TEST(throttled.repeat().kind == Kind::send);
    BOOST_TEST(throttled.answer({503}).kind == Kind::complete);
    BOOST_TEST(throttled_retries_left(throttled.shared.retry_budget) == 96); // 481
}

BOOST_AUTO_TEST_CASE(without_a_budget_a_failure_is_not_repeated)
{
    Call call;
    while (call.shared.retry_budget.take(true) > 0)
        ;
    call.start_sending();
    BOOST_TEST(call.answer({503}).kind == Kind::complete);
    BOOST_TEST(call.error().retryable);
    // A replay is free, and successes fill the budget.
    call.begin();
    BOOST_TEST(call.send(true).kind == Kind::send);
    BOOST_TEST(call.lose(sent).kind == Kind::replay);
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 0);
        BOOST_TEST(call.send().kind == Kind::send);
        BOOST_TEST(call.answer({200}).kind == Kind::complete);
        BOOST_TEST(call.begin().kind == Kind::take_place);
    }
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 1);
}

BOOST_AUTO_TEST_CASE(what_was_made_before_may_have_been_done)
{
    Call call{api::create_user, true, Effect::unknown};
    call.start_sending();
    BOOST_TEST(call.answer({409}).kind == Kind::complete);
    BOOST_TEST(call.error().effect == Effect::unknown);

    Call full{api::create_user, true, Effect::unknown};
    full.begin();
    full.tell(QueueFull{1});
    BOOST_TEST(full.error().effect == Effect::unknown);
    BOOST_TEST(!full.error().retryable);
}

BOOST_AUTO_TEST_CASE(the_effect_is_that_of_all_attempts)
{
    Call call;
    call.start_backing_off({503});
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({404}).kind == Kind::complete);
    BOOST_TEST(call.error().effect == Effect::unknown);
    BOOST_TEST(call.error().http_status == 404);
    BOOST_TEST(call.error().earlier_attempts.at(0).http_status == 503);
}

BOOST_AUTO_TEST_CASE(an_error_tells_of_its_attempts_in_order)
{
    Call call;
    call.start_sending();
    BOOST_TEST(call.lose(unsent).kind == Kind::back_off);
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({502, 1s}).kind == Kind::back_off);
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({401}).kind == Kind::complete);
    const Error& error = call.error();
    BOOST_REQUIRE(error.earlier_attempts.size() == 2u);
    BOOST_TEST(error.earlier_attempts[0].code == Errc::truncated);
    BOOST_TEST(error.earlier_attempts[0].http_status == 0);
    BOOST_TEST(error.earlier_attempts[1].code == Errc::api);
    BOOST_TEST(error.earlier_attempts[1].http_status == 502);
    BOOST_TEST(!error.retry_after.has_value());
    BOOST_TEST(call.fsm.attempts() == 3u);
}

BOOST_AUTO_TEST_CASE(the_next_request_of_a_call_begins_anew_but_for_its_attempts)
{
    Call call{api::get_user_by_identifier};
    call.start_backing_off({503});
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({421}).kind == Kind::replay);
    BOOST_TEST(call.send().kind == Kind::send);
    BOOST_TEST(call.answer({200}).kind == Kind::complete);
    BOOST_TEST(call.fsm.attempts() == 2u);

    const CallAction next = call.begin();
    BOOST_TEST(next.kind == Kind::take_place);
    BOOST_TEST(!next.new_connection);
    BOOST_TEST(call.fsm.effect() == Effect::none);
    BOOST_TEST(call.fsm.attempts() == 2u);
    BOOST_TEST(call.send().kind == Kind::send);
    BOOST_TEST(call.fsm.attempts() == 3u);
    // It has its own attempts, and its own replay.
    BOOST_TEST(call.answer({421}).kind == Kind::replay);
    BOOST_TEST(call.send().kind == Kind::send);
    BOOST_TEST(call.answer({503}).kind == Kind::back_off);
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({404}).kind == Kind::complete);
    BOOST_TEST(call.fsm.attempts() == 4u);
    BOOST_TEST(call.error().earlier_attempts.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_next_request_of_a_call_has_its_own_replays_and_pays_back_its_own_retries)
{
    Call call{api::get_user_by_identifier};
    call.start_backing_off({503});
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({503}).kind == Kind::back_off);
    BOOST_TEST(call.repeat().kind == Kind::send);
    BOOST_TEST(call.answer({200}).kind == Kind::complete);
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 97); // 486

    for (int request = 2; request <= 3; ++request) {
        BOOST_TEST(call.begin().kind == Kind::take_place);
        BOOST_TEST(call.send(true).kind == Kind::send);
        for (int replay = 1; replay <= 3; ++replay) {
            BOOST_TEST(call.lose(sent).kind == Kind::replay);
            BOOST_TEST(call.tell(Queued{}).kind == Kind::await_place);
            BOOST_TEST(call.send(true).kind == Kind::send);
        }
        BOOST_TEST(call.answer({200}).kind == Kind::complete);
    }
    BOOST_TEST(throttled_retries_left(call.shared.retry_budget) == 97); // 488
    BOOST_TEST(call.fsm.attempts() == 5u);
}

BOOST_AUTO_TEST_CASE(a_call_that_was_stopped_between_requests_makes_no_more)
{
    Call call{api::delete_user, true, Effect::unknown};
    call.start_sending();
    BOOST_TEST(call.answer({.status = 404, .body = no_such_user}).kind == Kind::complete);
    BOOST_TEST(!call.fsm.error());
    call.tell(Cancelled{true});
    BOOST_TEST(call.begin().kind == Kind::complete);
    BOOST_TEST(call.error().code == Errc::cancelled);
    BOOST_TEST(call.error().http_status == 0); // that was the request before
}

BOOST_AUTO_TEST_SUITE_END()
