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

/// What the calls of a client share.
struct ClientPolicy
{
    RetryRules retry_rules;
    milliseconds attempt_timeout;
    std::string_view api_key; ///< Masked in errors.
    RetryBudget retry_budget;
    std::minstd_rand random;
};

/// What happens to a call.
namespace call_event {

/// The call begins, or its next request does.
struct Started
{
    Clock::time_point deadline; ///< Of the whole call.
};

/// No connection is idle: the call was queued for one.
struct Queued
{};

/// No connection is idle, and the queue is full.
struct QueueFull
{
    std::size_t limit;
};

/// A connection was lent to the call.
struct Lent
{
    bool reused; ///< It carried a request before.
};

/// The call gets no connection: it is queued no longer. May come while it is being queued, too.
struct Refused
{
    const Failure& failure;
};

/// The wait for a connection is over, and none was lent.
struct NotLent
{
    Stage stage;          ///< Of the connection that is being made; `pool` if others use them all.
    const Failure* cause; ///< Why no connection can be made; null if one can be made.
};

/// `CallAction::Kind::prepare_exchange` was performed.
struct Prepared
{};

/// Some of the request was sent, or a wait of the exchange is over, and it goes on.
struct Advanced
{
    Progress progress;
};

/// A whole response came.
struct Answered
{
    const http::Response& response;
    Progress progress;
    std::optional<milliseconds> retry_after; ///< How long the service asked to wait.
    bool in_step;                            ///< The answer before this one, if any, was its request's own.
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

/// The wait before the next attempt is over, or was broken off.
struct BackoffOver
{
    bool in_step; ///< Nothing that came since shows that the last answer was not this request's.
};

/// The time came that the last action named.
struct Expired
{};

/// The caller wants the call to end.
struct Cancelled
{
    bool even_if_sent; ///< Also if the service may have acted.
};

/// The client was closed.
struct ShutDown
{};

} // namespace call_event

/// What is to be done next for a call.
struct CallAction
{
    enum class Kind {
        none,             ///< Nothing. What is under way goes on.
        take_place,       ///< Take an idle connection, else queue. Then `Lent`, `Queued` or `QueueFull` is due.
        replay,           ///< As `take_place`: the attempt that ended is made anew, and is not counted.
        await_place,      ///< Wait in the queue. Then `Lent` or `NotLent` is due.
        prepare_exchange, ///< Get ready to send the request. Then `Prepared` is due.
        send,             ///< Send the request. Then `Advanced`, `Answered` or `Failed` is due.
        await_exchange,   ///< Wait until the exchange can go on. Then as after `send`.
        break_off,        ///< End the wait that is under way. Its event is due as if it had ended by itself.
        end_attempt,      ///< Give the connection back, if there is one. Then `AttemptEnded` is due.
        back_off,         ///< Wait for a while. Then `BackoffOver` is due.
        complete,         ///< Tell the caller.
    };

    explicit CallAction(Kind what = Kind::none) : kind{what} {}

    Kind kind;
    /// `take_place`, `replay`, `prepare_exchange`, `back_off`: `Expired` is due then.
    Clock::time_point until{};
    /// `back_off`: how long to wait.
    milliseconds wait{0};
    /// `take_place`, `replay`: no idle connection will do.
    bool new_connection = false;
    /// An attempt begins with this action.
    bool begins_attempt = false;
    /// `end_attempt`: whether the connection may carry other requests.
    bool keep_connection = false;
    /// `end_attempt`: whether the next answer on the connection can only be the next request's; as before if absent.
    std::optional<bool> in_step;
};

/// A call: attempts, each of which takes a connection and has an exchange on it, with waits between them.
///
/// Decides all that is to be decided of a call, and does nothing: it is told what happened, and says what is to be done
/// next. `Expired`, `Cancelled` and `ShutDown` may come at any time, while an action is performed too; and so may
/// `Refused` until a connection is lent. Any other event answers the action before it.
class CallFsm
{
public:
    enum class State { initial, taking_place, queued, exchanging, ending_attempt, backing_off, done };

    /// `before` is what earlier calls, which this one repeats, may have done. `shared` must outlive the machine.
    CallFsm(const api::Operation& operation, bool retries, Effect before, ClientPolicy& shared);

    // What happened, and what is to be done next.

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
    /// Attempts made, replays not counted, for all requests of the call.
    unsigned attempts() const noexcept { return earlier_requests_attempts_ + attempts_; }
    /// Why the last attempt failed; when the call is complete, why the call did. Null after a success.
    const Error* error() const noexcept { return failed_ ? error_.get() : nullptr; }
    /// Why the attempt failed that is made anew.
    const Error& reason() const noexcept { return *error_; }
    /// What the service may have done.
    Effect effect() const noexcept { return effect_; }

private:
    using Kind = CallAction::Kind;

    CallAction begin_attempt(Kind kind, Clock::time_point now);
    /// The call is stopped in no attempt; what the last one came to is kept.
    CallAction stop_between_attempts();
    CallAction fail_without_attempt(Failure failure);
    CallAction end_attempt(Failure failure, bool keep_connection);
    /// Whether nothing more is to be done for the exchange, though it has no end.
    bool is_exchange_over() const noexcept { return stopped_ || attempt_expired_; }
    /// Why the exchange is over.
    Failure interruption() const;
    /// `Expired` comes late at times.
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
    /// Why the call is to end, if it is.
    std::optional<Errc> stopped_;
    /// The attempt took too long; the call may go on with another.
    bool attempt_expired_ = false;
    bool refused_ = false;            ///< No connection will be lent.
    bool charged_ = true;             ///< The attempt that begins is counted.
    bool misdirected_ = false;        ///< The service answered 421 before.
    bool repeats_if_in_step_ = false; ///< The next attempt is made only if the last answer was this request's.
    bool new_connection_ = false;
    unsigned replays_ = 0;
    unsigned attempts_ = 0;
    unsigned earlier_requests_attempts_ = 0;
    int taken_from_budget_ = 0;
    /// Of all attempts together, those of earlier calls included.
    Effect effect_;
    Progress progress_;
    Attempt attempt_;
    Boxed<Error> error_; ///< Of the last attempt that failed; in the end, of the call.
    std::vector<FailedAttempt> earlier_attempts_;
};

} // namespace passage::policy
