#pragma once

#include "api/operations.hpp"
#include "api/responses.hpp"
#include "policy/call_fsm.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace passage::policy::test {

using namespace std::chrono_literals;

inline constexpr RetryRules rules{3, 50ms, 1s, 20s};
inline constexpr std::string_view user_not_found = R"({"error":"User not found.","code":"user_not_found"})";

/// A possible response of the service.
struct Reply
{
    http::Response response;
    std::optional<milliseconds> retry_after;
};

inline Reply reply(int status, std::optional<milliseconds> retry_after = {}, std::string_view body = {})
{
    Reply made;
    made.response.status = status;
    made.response.body = body;
    made.retry_after = retry_after;
    return made;
}

/// One response of each kind that calls distinguish.
inline const std::vector<Reply>& replies()
{
    static const std::vector<Reply> all{
        reply(200),
        reply(201),
        reply(202),
        reply(204),
        reply(301),
        reply(404, {}, user_not_found),
        reply(404, {}, R"({"error":"No such app.","code":"app_not_found"})"),
        reply(408),
        reply(421),
        reply(429),
        reply(429, 1s),
        reply(429, 24h),
        reply(500),
        reply(503),
        reply(503, 24h),
    };
    return all;
}

/// How far an exchange got.
enum class Reach {
    nothing,
    sent,  ///< Some of the request was sent.
    begun, ///< Some of a response was received, too.
    early, ///< Some of a response was received before anything was sent.
};

struct Event
{
    enum class Kind {
        deadline_passes, ///< Without an event to the machine.
        expired,         ///< Flag: the call, and not the attempt.
        cancelled,       ///< Flag: even if sent.
        shut_down,
        refused, ///< Flag: transient.
        started,
        queued,
        queue_full,
        lent,     ///< Flag: reused.
        not_lent, ///< Flag: no connection can be made.
        prepared,
        advanced,
        answered, ///< Flag: in step.
        failed,   ///< Flag: the connection was lost, and not the response malformed.
        attempt_ended,
        backoff_over, ///< Flag: in step.
    };
    Kind kind;
    bool flag = false;
    Reach reach = Reach::nothing;
    std::size_t reply = 0; ///< Of `replies`.
};

inline std::string to_string(const Event& event)
{
    static constexpr const char* names[]{"deadline_passes", "expired",  "cancelled",  "shut_down", "refused",
                                         "started",         "queued",   "queue_full", "lent",      "not_lent",
                                         "prepared",        "advanced", "answered",   "failed",    "attempt_ended",
                                         "backoff_over"};
    static constexpr const char* reaches[]{"nothing", "sent", "begun", "early"};
    std::string text = names[static_cast<int>(event.kind)];
    if (event.kind == Event::Kind::answered)
        text += " " + std::to_string(replies()[event.reply].response.status) + "#" + std::to_string(event.reply);
    if (event.kind >= Event::Kind::advanced && event.kind <= Event::Kind::failed)
        text += std::string{" "} + reaches[static_cast<int>(event.reach)];
    return text + (event.flag ? " (true)" : "");
}

/// A kind of call.
struct Settings
{
    const api::Operation* operation;
    bool retries = true;
    Effect before = Effect::none;
    bool drained = false;  ///< The retry budget is empty.
    unsigned requests = 1; ///< Made one after the other.
};

/// A machine and a model of its call. Checks each action against the model and throws std::logic_error if they
/// disagree. Copies are independent.
class World
{
public:
    using Kind = CallAction::Kind;

    World(const Settings& settings, ClientPolicy& shared)
        : settings_{&settings},
          shared_{&shared},
          budget_{settings.drained ? drained() : RetryBudget{}},
          fsm_{*settings.operation, settings.retries, settings.before, shared},
          effect_{settings.before}
    {}

    /// The possible events: those that answer the last action, and those that may occur at any time.
    std::vector<Event> possible() const
    {
        using enum Event::Kind;
        std::vector<Event> events{{shut_down}, {cancelled, false}, {cancelled, true}};
        if (!late_)
            events.push_back({deadline_passes});
        if (pending_ != Kind::none) {
            events.push_back({expired, true});
            if (!late_)
                events.push_back({expired, false});
        }
        const bool gets_place =
            pending_ == Kind::take_place || pending_ == Kind::replay || pending_ == Kind::await_place;
        if (gets_place && !refused_) {
            for (const bool flag : {false, true}) {
                events.push_back({refused, flag});
                if (pending_ == Kind::await_place || !new_connection_)
                    events.push_back({lent, flag});
            }
        }
        switch (pending_) {
        case Kind::none:
            events.push_back({started});
            break;
        case Kind::complete:
            if (!is_over())
                events.push_back({started});
            break;
        case Kind::take_place:
        case Kind::replay:
            events.push_back({queued});
            if (!refused_)
                events.push_back({queue_full});
            break;
        case Kind::await_place:
            events.push_back({not_lent, false});
            events.push_back({not_lent, true});
            break;
        case Kind::prepare_exchange:
            events.push_back({prepared});
            break;
        case Kind::send:
        case Kind::await_exchange:
            for (const Reach reach : {Reach::nothing, Reach::sent, Reach::begun, Reach::early}) {
                if ((sent_ && !is_sent(reach)) || (begun_ && !is_begun(reach)))
                    continue;
                events.push_back({advanced, false, reach});
                for (const bool flag : {false, true}) {
                    events.push_back({failed, flag, reach});
                    if (is_begun(reach))
                        for (std::size_t i = 0; i < replies().size(); ++i)
                            events.push_back({answered, flag, reach, i});
                }
            }
            break;
        case Kind::end_attempt:
            events.push_back({attempt_ended});
            break;
        case Kind::back_off:
            events.push_back({backoff_over, false});
            events.push_back({backoff_over, true});
            break;
        case Kind::break_off:
            break;
        }
        return events;
    }

    void apply(const Event& event)
    {
        const bool was_stopped = stopped_.has_value();
        foresee(event);
        shared_->retry_budget = budget_;
        shared_->random.seed(1);
        if (event.kind == Event::Kind::deadline_passes)
            return;
        const CallAction action = tell(event);
        budget_ = shared_->retry_budget;
        if (event.kind <= Event::Kind::refused)
            check_interruption(event, action, was_stopped);
        else
            check_step(event, action);
        require(fsm_.attempts() == attempts_of_before_ + attempts_, "attempts are miscounted");
        require(pending_ == Kind::end_attempt || fsm_.effect() == effect_, "the effect is wrong");
    }

    bool is_complete() const { return pending_ == Kind::complete; }
    bool has_succeeded() const { return succeeded_; }
    /// The call is complete, and no other request follows.
    bool is_over() const { return is_complete() && !(succeeded_ && requests_ < settings_->requests); }

    /// Equal for worlds with the same possible futures.
    std::string key() const
    {
        std::string key;
        const auto add = [&](auto value) { key.push_back(static_cast<char>('0' + static_cast<int>(value))); };
        add(pending_);
        add(stopped_ ? 1 + static_cast<int>(*stopped_) : 0);
        add(succeeded_);
        add(late_);
        add(requests_);
        add(attempts_of_before_);
        if (is_over())
            return key;
        const bool idempotent = settings_->operation->idempotent;
        add(fsm_.state());
        add(noted_);
        add(effect_);
        add(fsm_.effect());
        for (const bool flag :
             {attempt_expired_, refused_, holds_, open_, begun_exchange_, sent_, begun_, doubtful_ && !idempotent,
              left_once_ && !settings_->retries, lent_too_late_ && pending_ == Kind::prepare_exchange})
            add(flag);
        if (!stopped_) { // what is tried next
            add(attempts_);
            add(replays_);
            for (const bool flag : {new_connection_, misdirected_, reused_ && holds_, may_have_acted_ && !idempotent})
                add(flag);
        }
        add(expected_.value_or(Errc::api));
        if (pending_ == Kind::end_attempt || pending_ == Kind::back_off || pending_ == Kind::complete) {
            add(last_);
            add(last_ == Last::answer && !succeeded_ ? last_reply_ : 0);
            add(last_ == Last::refusal && transient_);
            add(in_step_ && !idempotent);
        }
        return key;
    }

private:
    static constexpr Clock::time_point start_{1h};
    static constexpr Clock::time_point deadline_ = start_ + 30s;

    /// What ended the last attempt.
    enum class Last { nothing, answer, wrong_answer, loss, malformed, refusal, interruption };

    static RetryBudget drained()
    {
        RetryBudget budget;
        while (budget.take(true) > 0)
            ;
        return budget;
    }

    static bool is_sent(Reach reach) { return reach == Reach::sent || reach == Reach::begun; }
    static bool is_begun(Reach reach) { return reach == Reach::begun || reach == Reach::early; }

    static void require(bool holds, const char* what)
    {
        if (!holds)
            throw std::logic_error{what};
    }

    Clock::time_point now() const { return late_ ? deadline_ + 1ms : start_ + 1s; }
    Progress progress(const Event& event) const
    {
        return {is_sent(event.reach) ? Stage::response : Stage::write, is_sent(event.reach), is_begun(event.reach)};
    }

    CallAction tell(const Event& event)
    {
        using enum Event::Kind;
        const Failure down{Error{Errc::connect, "refused"}, event.flag};
        switch (event.kind) {
        case deadline_passes:
            return CallAction{};
        case expired:
            return fsm_.resume(call_event::Expired{}, now());
        case cancelled:
            return fsm_.resume(call_event::Cancelled{event.flag}, now());
        case shut_down:
            return fsm_.resume(call_event::ShutDown{}, now());
        case refused:
            return fsm_.resume(call_event::Refused{down}, now());
        case started:
            return fsm_.resume(call_event::Started{deadline_}, now());
        case queued:
            return fsm_.resume(call_event::Queued{}, now());
        case queue_full:
            return fsm_.resume(call_event::QueueFull{10}, now());
        case lent:
            return fsm_.resume(call_event::Lent{event.flag}, now());
        case not_lent:
            return fsm_.resume(
                call_event::NotLent{event.flag ? Stage::connect : Stage::pool, event.flag ? &down : nullptr}, now());
        case prepared:
            return fsm_.resume(call_event::Prepared{}, now());
        case advanced:
            return fsm_.resume(call_event::Advanced{progress(event)}, now());
        case answered: {
            const Reply& which = replies()[event.reply];
            return fsm_.resume(call_event::Answered{which.response, progress(event), which.retry_after, event.flag},
                               now());
        }
        case failed:
            return fsm_.resume(
                call_event::Failed{{Error{event.flag ? Errc::truncated : Errc::protocol}, event.flag}, progress(event)},
                now());
        case attempt_ended:
            return fsm_.resume(call_event::AttemptEnded{}, now());
        case backoff_over:
            return fsm_.resume(call_event::BackoffOver{event.flag}, now());
        }
        throw std::logic_error{"no such event"};
    }

    void stop(Errc why)
    {
        if (!stopped_)
            stopped_ = why;
    }

    /// The call is to end as it was stopped, if it was.
    void expect_stop()
    {
        if (stopped_)
            expected_ = stopped_;
    }

    /// What an event changes in the model.
    void foresee(const Event& event)
    {
        using enum Event::Kind;
        if (event.kind > refused && stopped_)
            ++since_stopped_;
        switch (event.kind) {
        case deadline_passes:
            late_ = true;
            break;
        case expired:
            late_ |= event.flag;
            if (late_)
                stop(Errc::timeout);
            else if (begun_exchange_)
                attempt_expired_ = true;
            break;
        case cancelled:
            if (event.flag || (!sent_ && pending_ != Kind::send && effect_ == Effect::none))
                stop(Errc::cancelled);
            break;
        case shut_down:
            stop(Errc::shut_down);
            break;
        case refused:
            refused_ = true;
            transient_ = event.flag;
            break;
        case started:
            ++requests_;
            attempts_of_before_ += std::exchange(attempts_, 0);
            replays_ = 0;
            noted_ = 0;
            effect_ = settings_->before;
            misdirected_ = new_connection_ = left_once_ = succeeded_ = may_have_acted_ = false;
            expect_stop();
            break;
        case queued:
        case queue_full:
            if (event.kind == queue_full)
                expected_ = Errc::pool_timeout;
            expect_stop();
            break;
        case lent:
            holds_ = begun_exchange_ = true;
            reused_ = event.flag;
            lent_too_late_ = pending_ == Kind::await_place && (stopped_ || late_);
            break;
        case not_lent:
            if (refused_) {
                last_ = Last::refusal;
                break;
            }
            expect_stop();
            if (stopped_)
                last_ = Last::interruption;
            if (stopped_ == Errc::timeout && !event.flag)
                expected_ = Errc::pool_timeout;
            break;
        case prepared:
            if (late_)
                stop(Errc::timeout);
            last_ = Last::interruption;
            expect_stop();
            if (stopped_ == Errc::timeout && lent_too_late_ && reused_)
                expected_ = Errc::pool_timeout;
            break;
        case advanced:
        case answered:
        case failed:
            exchange(event);
            break;
        case attempt_ended:
            end_attempt();
            break;
        case backoff_over:
            if (late_)
                stop(Errc::timeout);
            expect_stop();
            if (!stopped_ && doubtful_) {
                if (event.flag)
                    may_have_acted_ = false;
                else
                    --noted_;
            }
            in_step_ = event.flag;
            break;
        }
    }

    void exchange(const Event& event)
    {
        using enum Event::Kind;
        sent_ = is_sent(event.reach);
        begun_ = is_begun(event.reach);
        left_once_ |= sent_;
        if (event.kind != answered) {
            if (event.kind == failed)
                last_ = event.flag ? Last::loss : Last::malformed;
            if (stopped_ || attempt_expired_)
                last_ = Last::interruption;
            expect_stop();
            return;
        }
        const int status = replies()[event.reply].response.status;
        const bool succeeded = api::is_success(status);
        last_ = succeeded && !is_right(status) ? Last::wrong_answer : Last::answer;
        last_reply_ = event.reply;
        in_step_ = event.flag;
        // A retry that ends with "not found" is a success.
        const bool is_gone = settings_->operation == &api::delete_user && effect_ == Effect::unknown && status == 404 &&
                             replies()[event.reply].response.body == user_not_found;
        succeeded_ = last_ == Last::answer && (succeeded || is_gone);
    }

    bool is_right(int status) const
    {
        const api::Success success = settings_->operation->success;
        return status == 200 || (status == 201 && success == api::Success::created) ||
               (status == 204 && success == api::Success::empty);
    }

    int last_status() const { return last_ == Last::answer ? replies()[last_reply_].response.status : 0; }
    bool is_refusal() const { return last_status() == 429 || last_status() == 421; }

    /// What the ended attempt says about the service.
    void end_attempt()
    {
        const bool in_doubt = is_refusal() && !in_step_ && !settings_->operation->idempotent;
        doubtful_ = in_doubt && last_status() == 429;
        if (!succeeded_) {
            const int status = last_status();
            if (status == 0 ? sent_ : status >= 500 || in_doubt)
                effect_ = Effect::unknown;
            may_have_acted_ |= sent_ && (!is_refusal() || in_doubt);
        }
        holds_ = open_ = false;
        begun_exchange_ = false;
    }

    void check_interruption(const Event& event, const CallAction& action, bool was_stopped)
    {
        const bool waits =
            pending_ == Kind::await_place || pending_ == Kind::await_exchange || pending_ == Kind::back_off;
        require(action.kind == Kind::none || action.kind == Kind::break_off, "an interruption is answered by more");
        const bool breaks = action.kind == Kind::break_off;
        const bool newly = stopped_.has_value() && !was_stopped;
        const bool late_attempt = event.kind == Event::Kind::expired && !late_ && pending_ == Kind::await_exchange;
        const bool refusal = event.kind == Event::Kind::refused && pending_ == Kind::await_place;
        if (waits)
            require(breaks || !(newly || late_attempt || refusal), "the wait goes on");
        if (breaks && pending_ == Kind::back_off)
            require(stopped_.has_value(), "the wait before a repetition is cut short");
        if (breaks && pending_ == Kind::await_exchange)
            require(stopped_ || attempt_expired_, "an exchange is broken off");
        if (breaks && pending_ == Kind::await_place)
            require(stopped_ || refused_, "a waiting call loses its turn");
        if (breaks && !waits)
            require((pending_ == Kind::prepare_exchange || pending_ == Kind::send) && (stopped_ || attempt_expired_),
                    "nothing is there to break off");
    }

    void check_step(const Event& event, const CallAction& action)
    {
        using enum Event::Kind;
        const Kind before = std::exchange(pending_, action.kind);
        require(before != Kind::complete || event.kind == started, "it goes on after its end");
        require(since_stopped_ <= 4, "it goes on after it was stopped");
        if (action.begins_attempt) {
            require(!open_, "an attempt begins in another");
            open_ = true;
            attempts_ += before == Kind::take_place ? 1 : 0;
            require(attempts_ <= (settings_->retries ? rules.max_attempts : 1), "too many attempts");
        }
        const Kind next = action.kind;
        if (next == Kind::take_place || next == Kind::replay || next == Kind::send || next == Kind::back_off) {
            require(!stopped_, "a call that was stopped begins something");
            require(!late_, "something begins after the deadline");
        }
        if (next == Kind::await_place || next == Kind::await_exchange)
            require(!stopped_, "a call that was stopped waits");
        if (next == Kind::send || next == Kind::await_exchange)
            require(!attempt_expired_, "an attempt goes on after its time");
        switch (event.kind) {
        case started:
            require(next == Kind::take_place || next == Kind::complete, "started");
            break;
        case queued:
            require(next == Kind::await_place || next == Kind::complete, "queued");
            break;
        case queue_full:
            require(next == Kind::complete, "queue_full");
            break;
        case lent:
            require(next == Kind::prepare_exchange, "lent");
            require(action.until <= deadline_ && action.until <= now() + 10s, "an exchange may take too long");
            break;
        case not_lent:
            require(next == Kind::end_attempt || (next == Kind::await_place && !refused_), "not_lent");
            break;
        case prepared:
            require(next == Kind::send || next == Kind::end_attempt, "prepared");
            break;
        case advanced:
            require(next == Kind::await_exchange || next == Kind::end_attempt, "advanced");
            break;
        case answered:
        case failed:
            require(next == Kind::end_attempt, "answered or failed");
            break;
        case attempt_ended:
            require(next == Kind::complete || next == Kind::replay || next == Kind::back_off, "attempt_ended");
            break;
        case backoff_over:
            require(next == Kind::take_place || next == Kind::complete, "backoff_over");
            break;
        default:
            throw std::logic_error{"no such step"};
        }
        begin(action, event, before);
    }

    void begin(const CallAction& action, const Event& event, Kind before)
    {
        using enum Event::Kind;
        switch (action.kind) {
        case Kind::replay:
            require(last_status() == 421 ? !std::exchange(misdirected_, true)
                                         : last_ == Last::loss && reused_ && !begun_,
                    "a replay of what may not be replayed");
            require(++replays_ <= 4 && replays_ - (misdirected_ ? 1 : 0) <= 3, "too many replays");
            require(action.new_connection, "a replay on any connection");
            [[fallthrough]];
        case Kind::take_place:
            require(!holds_ && !open_, "a place is taken beside another");
            require(action.until == deadline_, "nobody watches the deadline");
            new_connection_ = action.new_connection;
            sent_ = begun_ = attempt_expired_ = refused_ = false;
            break;
        case Kind::await_place:
            require(open_ && !holds_, "a wait for nothing");
            break;
        case Kind::prepare_exchange:
            require(open_ && holds_, "an exchange without a connection");
            break;
        case Kind::send:
            require(open_ && holds_ && before == Kind::prepare_exchange, "sent without a connection");
            require(settings_->operation->idempotent || !may_have_acted_,
                    "what the service may have done is sent again");
            require(settings_->retries || !left_once_, "what left is sent again");
            break;
        case Kind::await_exchange:
            require(open_ && holds_, "a wait for an exchange without a connection");
            break;
        case Kind::end_attempt:
            require(open_, "an attempt ends twice");
            check_end_of_attempt(action, before);
            break;
        case Kind::back_off:
            require(!holds_ && !open_ && action.until == deadline_, "a wait within an attempt");
            require(action.wait < deadline_ - now(), "a wait beyond the deadline");
            require(!(doubtful_ && action.wait < 1s), "a doubtful answer has no time to show itself");
            ++noted_;
            sent_ = begun_ = false;
            break;
        case Kind::complete:
            require(!open_ && !holds_, "complete in an attempt");
            check_end(event);
            break;
        case Kind::none:
        case Kind::break_off:
            throw std::logic_error{"it stands still"};
        }
    }

    void check_end_of_attempt(const CallAction& action, Kind before) const
    {
        const int status = last_status();
        const bool answered = last_ == Last::answer;
        const bool untouched = before == Kind::prepare_exchange;
        const bool may_keep = answered ? status != 500 && status != 502 && status != 504 : untouched;
        require(action.keep_connection == (holds_ && may_keep),
                "a connection is kept that is spoiled, or a good one not");
        require(action.distrust_connection == (last_ == Last::wrong_answer), "the wrong connections are distrusted");
        require(action.in_step.has_value() == (answered && !is_refusal()), "the wrong answers are told apart");
        if (action.in_step)
            require(*action.in_step == (api::is_success(status) && settings_->operation->answer_names_subject),
                    "an answer that names nobody shows whose it is");
        require((fsm_.error() == nullptr) == succeeded_, "an attempt failed that succeeded, or the reverse");
    }

    void check_end(const Event& event) const
    {
        const Error* const error = fsm_.error();
        require((error == nullptr) == succeeded_, "a success is none, or the reverse");
        if (!error)
            return;
        require(error->effect == effect_, "the error tells another effect");
        require(error->earlier_attempts.size() == noted_, "the error does not tell of all attempts");
        require(!error->retryable || settings_->operation->idempotent || effect_ == Effect::none,
                "what may not be repeated is said to be retryable");
        const bool from_outside = error->code == Errc::cancelled || error->code == Errc::shut_down;
        require(!error->retryable || !from_outside, "what was stopped from outside is said to be retryable");
        require(!from_outside || stopped_ == error->code, "it was stopped otherwise");
        require(error->code != Errc::timeout || stopped_ == Errc::timeout || attempt_expired_ || late_,
                "out of time in time");
        require(!expected_ || error->code == *expected_, "the error is another one");
        require(error->code != Errc::rate_limited ||
                    (last_status() == 429 && replies()[last_reply_].retry_after >= deadline_ - now()),
                "rate_limited");
        if (event.kind == Event::Kind::backoff_over)
            require(error->http_status == last_status(), "the last cause is lost");
        if (event.kind == Event::Kind::backoff_over && last_ == Last::answer)
            require(error->retry_after == replies()[last_reply_].retry_after, "the service's wish is lost");
    }

    const Settings* settings_;
    ClientPolicy* shared_;
    RetryBudget budget_;
    CallFsm fsm_;

    Kind pending_ = Kind::none; ///< The action that is being performed.
    bool late_ = false;
    std::optional<Errc> stopped_;
    unsigned since_stopped_ = 0; ///< Steps.
    bool attempt_expired_ = false;
    bool refused_ = false;
    bool transient_ = false; ///< The refusal.

    unsigned requests_ = 0;
    unsigned attempts_ = 0;
    unsigned attempts_of_before_ = 0; ///< Of earlier requests.
    unsigned replays_ = 0;
    bool misdirected_ = false;
    std::size_t noted_ = 0; ///< Attempts that were told as earlier ones.

    bool new_connection_ = false;
    bool holds_ = false;          ///< A connection.
    bool open_ = false;           ///< An attempt.
    bool begun_exchange_ = false; ///< In this attempt.
    bool sent_ = false;           ///< In this attempt.
    bool begun_ = false;          ///< An answer, in this attempt.
    bool left_once_ = false;      ///< Some of the request was sent in any attempt.
    bool reused_ = false;
    bool lent_too_late_ = false;
    bool in_step_ = false;

    Last last_ = Last::nothing;
    std::size_t last_reply_ = 0;
    bool succeeded_ = false;
    Effect effect_;
    bool may_have_acted_ = false; ///< A creation must not be sent again.
    bool doubtful_ = false;       ///< The 429 may belong to another request.
    std::optional<Errc> expected_;
};

} // namespace passage::policy::test
