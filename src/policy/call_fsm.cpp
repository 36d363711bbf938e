#include "policy/call_fsm.hpp"

#include "api/responses.hpp"
#include "policy/stop_reasons.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace passage::policy {

using namespace call_event;

namespace {

/// Whether a server may have left the connection in an undefined state.
constexpr bool spoils_connection(int status) noexcept
{
    return status == 500 || status == 502 || status == 504;
}

} // namespace

CallFsm::CallFsm(const api::Operation& operation, bool retries, Effect before, ClientPolicy& shared)
    : operation_{operation}, shared_{shared}, retries_{retries}, before_{before}, effect_{before}
{}

CallAction CallFsm::resume(Started event, Clock::time_point now)
{
    deadline_ = event.deadline;
    earlier_requests_attempts_ += std::exchange(attempts_, 0);
    replays_ = 0;
    misdirected_ = false;
    new_connection_ = false;
    taken_from_budget_ = 0;
    effect_ = before_;
    error_.reset();
    earlier_attempts_.clear();
    return begin_attempt(Kind::take_place, now);
}

CallAction CallFsm::begin_attempt(Kind kind, Clock::time_point now)
{
    stop_if_late(now);
    if (stopped_)
        return stop_between_attempts();
    charged_ = kind != Kind::replay;
    refused_ = false;
    attempt_expired_ = false;
    failed_ = false;
    progress_ = {Stage::pool};
    attempt_ = {};
    state_ = State::taking_place;
    CallAction action{kind};
    action.until = deadline_;
    action.new_connection = new_connection_;
    return action;
}

CallAction CallFsm::stop_between_attempts()
{
    Failure failure = stopped_failure(*stopped_, state_ == State::backing_off ? Stage::backoff : Stage::pool);
    if (error_) {
        if (error_->code != Errc::connect) // which has the proxy's status
            failure.error.http_status = error_->http_status;
        failure.error.api_code = error_->api_code;
        failure.error.request_id = error_->request_id;
        failure.error.cause = error_->cause;
        failure.error.retry_after = error_->retry_after;
    }
    return fail_without_attempt(std::move(failure));
}

CallAction CallFsm::fail_without_attempt(Failure failure)
{
    attempt_ = {};
    attempt_.failure = failure.error.code;
    attempt_.transient = failure.transient;
    return complete(std::move(failure.error));
}

CallAction CallFsm::resume(Queued, Clock::time_point)
{
    if (stopped_)
        return stop_between_attempts();
    attempts_ += charged_ ? 1 : 0;
    state_ = State::queued;
    CallAction action{Kind::await_place};
    action.begins_attempt = true;
    return action;
}

CallAction CallFsm::resume(QueueFull event, Clock::time_point)
{
    if (stopped_)
        return stop_between_attempts();
    const std::string limit = std::to_string(event.limit);
    return fail_without_attempt(
        {Error{Errc::pool_timeout, limit + " calls are already waiting for a connection"}, false});
}

CallAction CallFsm::resume(Lent event, Clock::time_point now)
{
    CallAction action{Kind::prepare_exchange};
    if (state_ == State::taking_place) {
        attempts_ += charged_ ? 1 : 0;
        action.begins_attempt = true;
    }
    attempt_.connection_reused = event.reused;
    const bool too_late = state_ == State::queued && (stopped_ || now >= deadline_);
    if (!too_late)
        progress_.stage = Stage::write;
    else if (!event.reused)
        progress_.stage = Stage::connect; // it waited for this connection
    state_ = State::exchanging;
    action.until = std::min(deadline_, now + shared_.attempt_timeout);
    return action;
}

CallAction CallFsm::resume(Prepared, Clock::time_point now)
{
    stop_if_late(now);
    if (is_exchange_over())
        return end_attempt(interruption(), true);
    progress_.request_sent = true; // assumed until the exchange reports
    return CallAction{Kind::send};
}

CallAction CallFsm::resume(Refused event, Clock::time_point)
{
    refused_ = true;
    attempt_.transient = event.failure.transient;
    try {
        error_.emplace(event.failure.error);
    } catch (const std::bad_alloc&) { // thrown at `NotLent`: the pool can't handle it
        error_.reset();
    }
    return break_off();
}

CallAction CallFsm::resume(NotLent event, Clock::time_point)
{
    if (refused_ && !error_)
        throw std::bad_alloc{};
    if (refused_)
        return end_attempt({std::move(*error_), attempt_.transient}, false);
    if (!stopped_)
        return CallAction{Kind::await_place};
    Failure failure = stopped_at(event.stage);
    if (event.cause && *stopped_ == Errc::timeout) {
        failure.error.message = "the deadline passed while no connection could be made: " + event.cause->error.message;
        failure.error.cause = event.cause->error.cause;
    } else if (!event.proxy.empty() && *stopped_ == Errc::timeout) {
        failure.error.message.insert(0, ": ").insert(0, event.proxy);
    }
    return end_attempt(std::move(failure), false);
}

CallAction CallFsm::resume(Advanced event, Clock::time_point)
{
    progress_ = event.progress;
    if (is_exchange_over())
        return end_attempt(interruption(), false);
    return CallAction{Kind::await_exchange};
}

CallAction CallFsm::resume(Failed event, Clock::time_point)
{
    progress_ = event.progress;
    if (is_exchange_over())
        return end_attempt(interruption(), false);
    return end_attempt(std::move(event.failure), false);
}

CallAction CallFsm::resume(Answered event, Clock::time_point)
{
    // A response that was received counts, even if the call was being stopped.
    const http::Response& response = event.response;
    progress_ = event.progress;
    const bool succeeded = api::is_success(response.status);
    if (succeeded && !api::is_success_of(operation_, response.status)) {
        Failure failure{Error{Errc::protocol, "the response has a status that the operation does not have"}, false};
        failure.error.http_status = response.status;
        failure.error.request_id = response.request_id;
        CallAction action = end_attempt(std::move(failure), false);
        action.distrust_connection = true;
        return action;
    }
    attempt_.status = response.status;
    attempt_.request_sent = progress_.request_sent;
    attempt_.response_begun = progress_.response_begun;
    attempt_.retry_after = event.retry_after;
    attempt_.in_step = operation_.idempotent || event.in_step;
    if (!succeeded) {
        Error& error = error_.emplace(api::read_error(response, shared_.api_key));
        error.retry_after = event.retry_after;
        // Not found after an earlier attempt may have deleted it: a success.
        failed_ = effect_ != Effect::unknown || !api::is_gone(operation_, error);
    }
    state_ = State::ending_attempt;
    CallAction action{Kind::end_attempt};
    action.keep_connection = !spoils_connection(response.status);
    if (!refuses_to_process(response.status))
        action.in_step = succeeded && operation_.answer_names_subject;
    return action;
}

CallAction CallFsm::end_attempt(Failure failure, bool keep_connection)
{
    attempt_.request_sent = progress_.request_sent && !failure.unprocessed;
    attempt_.response_begun = progress_.response_begun;
    attempt_.failure = failure.error.code;
    attempt_.transient = failure.transient;
    error_.emplace(std::move(failure.error));
    failed_ = true;
    state_ = State::ending_attempt;
    CallAction action{Kind::end_attempt};
    action.keep_connection = keep_connection;
    return action;
}

CallAction CallFsm::resume(AttemptEnded, Clock::time_point now)
{
    if (!failed_) {
        if (api::is_success(attempt_.status))
            shared_.retry_budget.give_back(taken_from_budget_);
        state_ = State::done;
        return CallAction{Kind::complete};
    }
    if (effect_of(attempt_) == Effect::unknown)
        effect_ = Effect::unknown;
    if (stopped_)
        return complete(std::move(*error_));

    using Next = Decision::Next;
    const auto left = std::chrono::floor<milliseconds>(deadline_ - now);
    const double random = std::uniform_real_distribution{}(shared_.random);
    const Decision decision =
        decide(attempt_, {operation_.idempotent, retries_, attempts_, replays_, misdirected_, left, random},
               shared_.retry_rules, shared_.retry_budget);
    switch (decision.next) {
    case Next::replay:
        ++replays_;
        misdirected_ = misdirected_ || attempt_.status != 0;
        new_connection_ = true;
        return begin_attempt(Kind::replay, now);
    case Next::repeat: {
        taken_from_budget_ = decision.taken;
        repeats_if_in_step_ = decision.if_in_step;
        earlier_attempts_.push_back(failed_attempt(*error_));
        progress_ = {Stage::backoff};
        state_ = State::backing_off;
        CallAction action{Kind::back_off};
        action.until = deadline_;
        action.wait = decision.wait;
        return action;
    }
    case Next::out_of_time:
        error_->code = Errc::rate_limited;
        break;
    case Next::stop:
        break;
    }
    return complete(std::move(*error_));
}

CallAction CallFsm::resume(BackoffOver event, Clock::time_point now)
{
    stop_if_late(now);
    if (!stopped_ && repeats_if_in_step_ && !event.in_step) {
        earlier_attempts_.pop_back();
        return complete(std::move(*error_));
    }
    return begin_attempt(Kind::take_place, now);
}

CallAction CallFsm::complete(Error error)
{
    error.effect = effect_;
    error.earlier_attempts = std::move(earlier_attempts_);
    error.retryable = (error.code == Errc::pool_timeout || is_retryable(attempt_, operation_.idempotent)) &&
                      (operation_.idempotent || effect_ != Effect::unknown);
    error_.emplace(std::move(error));
    failed_ = true;
    state_ = State::done;
    return CallAction{Kind::complete};
}

CallAction CallFsm::resume(Expired, Clock::time_point now)
{
    if (now >= deadline_)
        return stop(Errc::timeout);
    if (state_ != State::exchanging)
        return CallAction{};
    attempt_expired_ = true;
    return break_off();
}

CallAction CallFsm::resume(Cancelled event, Clock::time_point)
{
    const bool left_no_trace = !progress_.request_sent && effect_ == Effect::none;
    return event.even_if_sent || left_no_trace ? stop(Errc::cancelled) : CallAction{};
}

CallAction CallFsm::resume(ShutDown, Clock::time_point)
{
    return stop(Errc::shut_down);
}

void CallFsm::stop_if_late(Clock::time_point now)
{
    if (now >= deadline_ && !stopped_)
        stopped_ = Errc::timeout;
}

Failure CallFsm::interruption() const
{
    return stopped_ ? stopped_at(progress_.stage) : attempt_timeout(progress_.stage);
}

Failure CallFsm::stopped_at(Stage stage) const
{
    // `pool_timeout` if other calls used all connections; `timeout` if a dial was too slow.
    const bool in_use = *stopped_ == Errc::timeout && stage == Stage::pool;
    return stopped_failure(in_use ? Errc::pool_timeout : *stopped_, stage);
}

CallAction CallFsm::stop(Errc reason)
{
    if (stopped_)
        return CallAction{};
    stopped_ = reason;
    return break_off();
}

CallAction CallFsm::break_off() const
{
    const bool waits = state_ == State::queued || state_ == State::exchanging || state_ == State::backing_off;
    return CallAction{waits ? Kind::break_off : Kind::none};
}

} // namespace passage::policy
