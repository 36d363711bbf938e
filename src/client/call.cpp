#include "client/call.hpp"

#include "api/redact.hpp"
#include "api/responses.hpp"
#include "client/core.hpp"
#include "client/failures.hpp"
#include "policy/retry_after.hpp"

#include <algorithm>
#include <utility>

namespace passage::client {

using net::Clock;
using net::Failure;
using Result = expected<http::Response, Failure>;

namespace {

/// A server that failed inside may have left the connection in any state.
constexpr bool spoils_connection(int status) noexcept
{
    return status == 500 || status == 502 || status == 504;
}

/// Has memory fetched that will be used soon.
void prefetch(const void* begin, std::size_t size) noexcept
{
    constexpr std::size_t cache_line = 64;
    for (std::size_t at = 0; at < size; at += cache_line)
        __builtin_prefetch(static_cast<const char*>(begin) + at);
}

} // namespace

Call::Call(std::shared_ptr<Core> core, const api::Operation& operation, Secret request, bool retries,
           Clock::time_point deadline, std::shared_ptr<Observation> observation, Effect before)
    : core_{std::move(core)},
      operation_{operation},
      request_{std::move(request)},
      retries_{retries},
      deadline_{deadline},
      observation_{std::move(observation)},
      effect_{before}
{}

Call::~Call()
{
    leave_queue();
    if (slot) // there was no memory to tell this call of it
        Connections::Lease{core_->connections(), *slot};
}

void Call::start()
{
    core_->connections().begin_call();
    resume({});
}

/// Each step runs here, and goes as far as it can without waiting.
void Call::resume(const boost::system::error_code& ec)
{
    try {
        switch (std::exchange(waits_for_, Wait::nothing)) {
        case Wait::nothing:
            begin_attempt();
            break;
        case Wait::connection:
            take_connection();
            break;
        case Wait::exchange:
            go_on_with_exchange(ec);
            break;
        case Wait::backoff:
            end_backoff();
            break;
        }
    } catch (...) {
        if (ended_)
            throw; // there is not even memory to tell the caller
        end(std::current_exception());
    }
}

void Call::break_off_wait()
{
    switch (waits_for_) {
    case Wait::nothing:
        break;
    case Wait::connection:
        core_->connections().waiting_room().wake(*this);
        break;
    case Wait::exchange:
        (*lease_)->cancel();
        break;
    case Wait::backoff:
        backoff_->cancel();
        break;
    }
}

void Call::begin_attempt()
{
    attempt_expired_ = false;
    progress_ = {Stage::pool};
    facts_ = {};
    const auto now = Clock::now();
    if (now >= deadline_)
        stop(Errc::timeout);
    core_->connections().deadlines().watch(*this, deadline_);
    if (stopped_)
        return fail_without_attempt(stopped_failure(*stopped_, Stage::pool));

    Connections& connections = core_->connections();
    std::optional<Connections::Lease> lease = wants_new ? std::nullopt : connections.take_idle(now);
    if (!lease && !connections.enqueue(*this)) {
        const std::string limit = std::to_string(core_->config().pool.max_waiting);
        return fail_without_attempt({Error{Errc::pool_timeout, limit + " calls wait for a connection already"}, false});
    }
    ++outcome.attempts;
    if (observation_)
        observation_->begin_attempt(now, outcome.attempts);
    if (lease)
        return begin_exchange(std::move(*lease), now);
    wait_for_connection();
}

void Call::fail_without_attempt(Failure failure)
{
    facts_.failure = failure.error.code;
    facts_.transient = failure.transient;
    fail(std::move(failure.error));
}

void Call::wait_for_connection()
{
    if (!Pending::is_linked() || stopped_)
        return take_connection();
    waits_for_ = Wait::connection;
    core_->connections().waiting_room().enter(*this, shared_from_this());
}

void Call::lent()
{
    break_off_wait();
}

void Call::is_next() const noexcept
{
    // Thousands of calls that wait are in no cache any more.
    prefetch(this, sizeof *this);
    prefetch(request_.reveal().data(), request_.reveal().size());
}

void Call::refused(const Failure& failure)
{
    outcome.result = unexpected{failure.error};
    facts_.transient = failure.transient;
    break_off_wait();
}

void Call::take_connection()
{
    Connections& connections = core_->connections();
    if (slot) {
        if (auto lease = connections.claim(*this))
            return begin_exchange(std::move(*lease), Clock::now());
        return wait_for_connection();
    }
    if (!Pending::is_linked())
        return end_attempt(unexpected{Failure{std::move(outcome.result.error()), facts_.transient}});

    // Nothing came before the call was stopped. Whose fault that is depends on what it waited for.
    const Errc reason = stopped_.value_or(Errc::cancelled);
    const Stage stage = connections.waits_for(*this);
    Failure failure =
        stopped_failure(reason == Errc::timeout && stage == Stage::pool ? Errc::pool_timeout : reason, stage);
    if (const Failure* cause = connections.failure_to_connect(); cause && reason == Errc::timeout) {
        failure.error.message = "the deadline passed while no connection could be made: " + cause->error.message;
        failure.error.cause = cause->error.cause;
    }
    leave_queue();
    end_attempt(unexpected{std::move(failure)});
}

void Call::leave_queue()
{
    if (Pending::is_linked())
        core_->connections().cancel(*this);
}

void Call::begin_exchange(Connections::Lease lease, Clock::time_point now)
{
    lease_.emplace(std::move(lease));
    net::Connection& connection = **lease_;
    facts_.connection_reused = connection.was_used();
    std::string_view request = request_.reveal();
    if (observation_)
        request = observation_->begin_exchange(connection, now, request);
    core_->connections().deadlines().watch(*this, std::min(deadline_, now + core_->config().timeouts.attempt));
    if (stopped_)
        return end_exchange(unexpected{stopped_failure(*stopped_, Stage::write)});
    const bool waits = connection.begin(request, progress_);
    if (observation_)
        observation_->advance(progress_);
    if (!waits)
        return go_on_with_exchange({});
    waits_for_ = Wait::exchange;
    connection.wait(shared_from_this());
}

void Call::go_on_with_exchange(const boost::system::error_code& ec)
{
    net::Connection& connection = **lease_;
    std::optional<Result> result = connection.advance(progress_);
    if (observation_)
        observation_->advance(progress_);
    if (!result && ec && !stopped_ && !attempt_expired_)
        result.emplace(unexpected{net::connection_lost(ec)});
    if (!result && !stopped_ && !attempt_expired_) {
        waits_for_ = Wait::exchange;
        return connection.wait(shared_from_this());
    }

    // What came in time is good, though the call was to end just then.
    if (stopped_ && (!result || !*result))
        result.emplace(unexpected{stopped_failure(*stopped_, progress_.stage)});
    else if (attempt_expired_ && (!result || !*result))
        result.emplace(unexpected{attempt_timeout(progress_.stage)});
    end_exchange(std::move(*result));
}

void Call::end_exchange(Result&& result)
{
    facts_.request_sent = progress_.request_sent;
    facts_.response_begun = progress_.response_begun;
    if (result && api::is_success(result->status) && !api::is_success_of(operation_, result->status)) {
        Failure failure{Error{Errc::protocol, "the answer is not one to this request"}, false};
        failure.error.http_status = result->status;
        result = unexpected{std::move(failure)};
        lease_->can_return = false;
    }
    if (result) {
        outcome.connection = lease_->id();
        outcome.exchange = (*lease_)->exchanges();
        facts_.in_step = operation_.idempotent || (*lease_)->is_in_step();
        if (!policy::refuses_to_process(result->status))
            (*lease_)->set_in_step(api::is_success(result->status) && operation_.answer_names_subject);
        facts_.status = result->status;
        if (!result->retry_after.empty() || !result->retry_after_ms.empty())
            facts_.retry_after = policy::retry_after(result->retry_after_ms, result->retry_after, result->date,
                                                     std::chrono::system_clock::now());
        if (result->keep_alive_timeout)
            lease_->idle_limit = *result->keep_alive_timeout - std::chrono::seconds{1};
        lease_->can_return = !spoils_connection(result->status);
    }
    lease_.reset();
    end_attempt(std::move(result));
}

void Call::end_attempt(Result&& result)
{
    if (result && api::is_success(result->status)) {
        core_->retry_budget().give_back(taken_from_budget_);
        return succeed(std::move(*result));
    }
    if (!result) {
        facts_.failure = result.error().error.code;
        facts_.transient = result.error().transient;
    }
    Error error = result ? api::read_error(*result, core_->config().api_key.reveal()) : std::move(result.error().error);
    if (effect_ == Effect::unknown && api::is_gone(operation_, error))
        return succeed(std::move(*result)); // an earlier attempt did it
    if (policy::effect_of(facts_) == Effect::unknown)
        effect_ = Effect::unknown;
    if (observation_)
        observation_->end_attempt(error.http_status, failed_attempt(error));

    using Next = policy::Decision::Next;
    policy::Decision decision;
    if (!stopped_) {
        const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline_ - Clock::now());
        decision = policy::decide(
            facts_, {operation_.idempotent, retries_, outcome.attempts, replays_, misdirected_, left, core_->random()},
            core_->retry_rules(), core_->retry_budget());
    }
    switch (decision.next) {
    case Next::replay:
        ++replays_;
        misdirected_ = misdirected_ || facts_.status != 0;
        --outcome.attempts;
        wants_new = true;
        if (observation_)
            observation_->retry(error, {}, true);
        return begin_attempt();
    case Next::repeat:
        taken_from_budget_ = decision.taken;
        earlier_attempts_.push_back(failed_attempt(error));
        error.retry_after = facts_.retry_after;
        if (observation_)
            observation_->retry(error, decision.wait, false);
        outcome.result = unexpected{std::move(error)};
        repeats_if_in_step_ = decision.if_in_step;
        return begin_backoff(decision.wait);
    case Next::out_of_time:
        error.code = Errc::rate_limited;
        break;
    case Next::stop:
        break;
    }
    fail(std::move(error));
}

void Call::begin_backoff(std::chrono::milliseconds time)
{
    progress_ = {Stage::backoff};
    core_->connections().deadlines().watch(*this, deadline_);
    if (stopped_)
        return end_backoff();
    backoff_ = std::make_unique<net::InnerTimer>(core_->strand().inner(), time);
    waits_for_ = Wait::backoff;
    backoff_->async_wait([strand = core_->strand(), self = shared_from_this()](const auto& ec) mutable {
        Resumable::enter(strand, std::move(self), ec);
    });
}

void Call::end_backoff()
{
    if (!stopped_ && repeats_if_in_step_ && !core_->connections().was_in_step(outcome.connection, outcome.exchange)) {
        earlier_attempts_.pop_back();
        return fail(std::move(outcome.result.error()));
    }
    if (!stopped_)
        return begin_attempt();
    const Error cause = std::move(outcome.result.error());
    Error error = stopped_failure(*stopped_, Stage::backoff).error;
    error.http_status = cause.http_status;
    error.api_code = cause.api_code;
    error.cause = cause.cause;
    fail(std::move(error));
}

void Call::succeed(http::Response&& response)
{
    if (observation_)
        observation_->end_attempt(response.status, std::nullopt);
    outcome.result = std::move(response);
    end();
}

void Call::fail(Error error)
{
    error.effect = effect_;
    error.earlier_attempts = std::move(earlier_attempts_);
    error.retryable = (error.code == Errc::pool_timeout || policy::is_retryable(facts_, operation_.idempotent)) &&
                      (operation_.idempotent || effect_ != Effect::unknown);
    error.retry_after = facts_.retry_after;
    outcome.result = unexpected{std::move(error)};
    end();
}

void Call::end(std::exception_ptr error)
{
    ended_ = true;
    lease_.reset();
    leave_queue();
    Watched::unlink();
    core_->connections().end_call();
    complete(std::move(error));
}

void Call::cancel(asio::cancellation_type type)
{
    using asio::cancellation_type;
    const bool at_any_time =
        (type & (cancellation_type::terminal | cancellation_type::partial)) != cancellation_type::none;
    if (at_any_time || (!progress_.request_sent && effect_ == Effect::none))
        stop(Errc::cancelled);
}

void Call::stop(Errc reason)
{
    if (stopped_)
        return;
    stopped_ = reason;
    break_off_wait();
}

void Call::interrupt(net::Interrupt why)
{
    if (why == net::Interrupt::shut_down) {
        stop(Errc::shut_down);
    } else if (Clock::now() >= deadline_) {
        stop(Errc::timeout);
    } else {
        attempt_expired_ = true;
        break_off_wait();
    }
}

} // namespace passage::client
