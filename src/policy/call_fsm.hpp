#pragma once

#include "api/operation.hpp"
#include "http/response.hpp"
#include "model/boxed.hpp"
#include "model/failure.hpp"
#include "model/progress.hpp"
#include "policy/attempt.hpp"
#include "policy/retry.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace passage::policy {

using Clock = std::chrono::steady_clock;

/// State that all calls of a client share.
struct ClientPolicy
{
    RetryRules retry_rules;
    milliseconds attempt_timeout;
    std::string_view api_key; ///< Masked in errors.
    RetryBudget retry_budget;
    std::minstd_rand random;
};

/// The events of a call.
namespace call_event {

/// The call, or its next request, starts.
struct Started
{
    Clock::time_point deadline; ///< Of the whole call.
};

/// No connection is idle, and the call was queued.
struct Queued
{};

/// No connection is idle, and the queue of waiting calls is full.
struct QueueFull
{
    std::size_t limit;
};

/// The call got a connection.
struct Lent
{
    bool reused; ///< The server answered a request on it before.
};

/// The pool refuses a connection and has removed the call from its queue. Possible while the call is being queued, too.
struct Refused
{
    const Failure& failure;
};

/// The wait for a connection ended without one.
struct NotLent
{
    Stage stage;          ///< Stage of the dial in progress; `pool` if other calls use all connections.
    const Failure* cause; ///< Why dials fail; null if they do not.
    /// The name of the proxy that does not respond to the dial in progress; empty if there is none.
    std::string_view proxy = {};
};

/// `CallAction::Kind::prepare_exchange` was performed.
struct Prepared
{};

/// The exchange made progress and has to wait again.
struct Advanced
{
    Progress progress;
};

/// A complete response was received.
struct Answered
{
    const http::Response& response;
    Progress progress;
    std::optional<milliseconds> retry_after; ///< The wait that the service asked for.
    bool in_step;                            ///< See `Attempt::in_step`.
};

/// The exchange failed.
struct Failed
{
    Failure failure;
    Progress progress;
};

/// `CallAction::Kind::end_attempt` was performed.
struct AttemptEnded
{};

/// The wait before the next attempt ended or was interrupted.
struct BackoffOver
{
    bool in_step; ///< False if bytes received during the wait prove that the last response belonged to another request.
};

/// The last action's `until` passed.
struct Expired
{};

/// The caller cancelled the call.
struct Cancelled
{
    bool even_if_sent; ///< Cancel even if the service may have acted.
};

/// The client was closed.
struct ShutDown
{};

} // namespace call_event

/// What the driver of a call must do next.
struct CallAction
{
    enum class Kind {
        none,             ///< Nothing: the pending wait goes on.
        take_place,       ///< Take an idle connection, or else queue. Answer with `Lent`, `Queued` or `QueueFull`.
        replay,           ///< As `take_place`, for a retry that is not counted as an attempt.
        await_place,      ///< Wait in the queue. Answer with `Lent` or `NotLent`.
        prepare_exchange, ///< Prepare to send the request. Answer with `Prepared`.
        send,             ///< Send the request. Answer with `Advanced`, `Answered` or `Failed`.
        await_exchange,   ///< Wait until the exchange can continue. Answer as to `send`.
        break_off,        ///< Interrupt the pending wait. Answer as if it had ended by itself.
        end_attempt,      ///< Return the connection, if there is one. Answer with `AttemptEnded`.
        back_off,         ///< Wait. Answer with `BackoffOver`.
        complete,         ///< Complete the call.
    };

    explicit CallAction(Kind what = Kind::none) : kind{what} {}

    Kind kind;
    /// For `take_place`, `replay`, `prepare_exchange` and `back_off`: send `Expired` at this time.
    Clock::time_point until{};
    /// For `back_off`: the time to wait.
    milliseconds wait{0};
    /// For `take_place` and `replay`: do not use an idle connection.
    bool new_connection = false;
    /// This action begins an attempt.
    bool begins_attempt = false;
    /// For `end_attempt`: whether the connection may be used again.
    bool keep_connection = false;
    /// For `end_attempt`: no response on this connection can be trusted any more.
    bool distrust_connection = false;
    /// For `end_attempt`: `Attempt::in_step` of the next response on the connection; unchanged if null.
    std::optional<bool> in_step;
};

/// The state machine of one call: attempts, each with a connection and an exchange on it, and waits between them.
///
/// Makes all decisions for a call but performs nothing: the driver passes events and performs the returned actions.
/// `Expired`, `Cancelled` and `ShutDown` are allowed at any time, even while an action is performed; `Refused` is
/// allowed until the call has a connection. Every other event answers the previous action.
class CallFsm
{
public:
    enum class State { initial, taking_place, queued, exchanging, ending_attempt, backing_off, done };

    /// `before` is the effect of earlier calls that this one repeats. `shared` must outlive the machine.
    CallFsm(const api::Operation& operation, bool retries, Effect before, ClientPolicy& shared);

    CallAction resume(call_event::Started event, Clock::time_point now);
    CallAction resume(call_event::Queued event, Clock::time_point now);
    CallAction resume(call_event::QueueFull event, Clock::time_point now);
    CallAction resume(call_event::Lent event, Clock::time_point now);
    CallAction resume(call_event::Refused event, Clock::time_point now);
    CallAction resume(call_event::NotLent event, Clock::time_point now);
    CallAction resume(call_event::Prepared event, Clock::time_point now);
    CallAction resume(call_event::Advanced event, Clock::time_point now);
    CallAction resume(call_event::Answered event, Clock::time_point now);
    CallAction resume(call_event::Failed event, Clock::time_point now);
    CallAction resume(call_event::AttemptEnded event, Clock::time_point now);
    CallAction resume(call_event::BackoffOver event, Clock::time_point now);
    CallAction resume(call_event::Expired event, Clock::time_point now);
    CallAction resume(call_event::Cancelled event, Clock::time_point now);
    CallAction resume(call_event::ShutDown event, Clock::time_point now);

    State state() const noexcept { return state_; }
    /// Attempts for all requests of the call, without replays.
    unsigned attempts() const noexcept { return earlier_requests_attempts_ + attempts_; }
    /// The error of the last attempt or, once complete, of the call. Null after a success.
    const Error* error() const noexcept { return failed_ ? error_.get() : nullptr; }
    /// Why the last attempt failed. Only while it is being retried.
    const Error& reason() const noexcept { return *error_; }
    /// Whether the service may have acted.
    Effect effect() const noexcept { return effect_; }

private:
    using Kind = CallAction::Kind;

    CallAction begin_attempt(Kind kind, Clock::time_point now);
    /// Ends a stopped call outside of an attempt. Keeps details of the last error.
    CallAction stop_between_attempts();
    CallAction fail_without_attempt(Failure failure);
    CallAction end_attempt(Failure failure, bool keep_connection);
    /// Whether the exchange is to be abandoned.
    bool is_exchange_over() const noexcept { return stopped_ || attempt_expired_; }
    /// The failure of an abandoned exchange.
    Failure interruption() const;
    /// The failure of a call that was stopped at a stage of an attempt.
    Failure stopped_at(Stage stage) const;
    /// Checks the deadline itself, as `Expired` may be late.
    void stop_if_late(Clock::time_point now);
    CallAction stop(Errc reason);
    CallAction break_off() const;
    CallAction complete(Error error);

    const api::Operation& operation_;
    ClientPolicy& shared_;
    Clock::time_point deadline_ = Clock::time_point::max();
    const bool retries_;
    const Effect before_;

    State state_ = State::initial;
    bool failed_ = false;
    /// Why the call is being stopped; null if it is not.
    std::optional<Errc> stopped_;
    /// The attempt took too long. Another may follow.
    bool attempt_expired_ = false;
    bool refused_ = false;            ///< The pool refused a connection.
    bool charged_ = true;             ///< The current attempt is counted: it is not a replay.
    bool misdirected_ = false;        ///< The service responded with 421 before.
    bool repeats_if_in_step_ = false; ///< See `Decision::if_in_step`.
    bool new_connection_ = false;
    unsigned replays_ = 0;
    unsigned attempts_ = 0;
    unsigned earlier_requests_attempts_ = 0;
    int taken_from_budget_ = 0;
    /// Of all attempts, including those of earlier calls.
    Effect effect_;
    Progress progress_;
    Attempt attempt_;
    Boxed<Error> error_; ///< Of the last failed attempt or, once complete, of the call.
    std::vector<FailedAttempt> earlier_attempts_;
};

} // namespace passage::policy
