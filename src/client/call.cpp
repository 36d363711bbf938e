#include "client/call.hpp"

#include "client/client_state.hpp"
#include "policy/retry_after.hpp"

#include <new>
#include <utility>

namespace passage::client {

using net::Clock;
using policy::CallAction;
namespace call_event = policy::call_event;

namespace {

/// Loads memory into the cache that is about to be used.
void prefetch(const void* begin, std::size_t size) noexcept
{
    constexpr std::size_t cache_line = 64;
    for (std::size_t at = 0; at < size; at += cache_line)
        __builtin_prefetch(static_cast<const char*>(begin) + at);
}

} // namespace

Call::Call(std::shared_ptr<ClientState> client_state, const api::Operation& operation, http::Request&& request,
           bool retries, Effect before)
    : client_state_{std::move(client_state)},
      request_{std::move(request)},
      fsm_{operation, retries, before, client_state_->policy()}
{}

Call::~Call()
{
    leave_queue();
    if (slot) // lent, but there was no memory to resume the call
        Connections::Lease{client_state_->connections(), *slot};
}

void Call::start()
{
    ended_ = false;
    client_state_->connections().begin_call();
    resume({});
}

Effect Call::effect() const noexcept
{
    return progress_.request_sent ? Effect::unknown : fsm_.effect();
}

void Call::resume(const boost::system::error_code& ec)
{
    try {
        const auto now = Clock::now();
        switch (std::exchange(waits_for_, Wait::nothing)) {
        case Wait::nothing:
            return perform(fsm_.resume(call_event::Started{deadline}, now), now);
        case Wait::connection:
            return perform(look_for_place(now), now);
        case Wait::exchange:
            return perform(advance_exchange(ec, now), now);
        case Wait::backoff:
            return perform(end_backoff(now), now);
        }
    } catch (const std::bad_alloc&) {
        if (ended_)
            throw; // there is no memory to call the handler either
        out_of_memory_ = true;
        end();
    }
}

/// Performs actions until the call must wait or is complete.
void Call::perform(CallAction action, Clock::time_point now)
{
    using Kind = CallAction::Kind;
    for (;;) {
        if (action.begins_attempt)
            observation->begin_attempt(request_, now, fsm_.attempts());
        switch (action.kind) {
        case Kind::none:
            return;
        case Kind::replay:
            observation->retry(fsm_.reason(), {}, true);
            [[fallthrough]];
        case Kind::take_place:
            action = take_place(action, now);
            break;
        case Kind::await_place:
            if (Pending::is_linked()) {
                waits_for_ = Wait::connection;
                return client_state_->connections().parked_calls().park(shared_from_this());
            }
            action = look_for_place(now);
            break;
        case Kind::prepare_exchange:
            action = prepare_exchange(action, now);
            break;
        case Kind::send:
            action = send(now);
            break;
        case Kind::await_exchange:
            waits_for_ = Wait::exchange;
            return (*lease_)->wait(lease_->exchange, shared_from_this());
        case Kind::break_off:
            return break_off();
        case Kind::end_attempt:
            action = end_attempt(action, now);
            break;
        case Kind::back_off:
            return back_off(action);
        case Kind::complete:
            return end();
        }
    }
}

CallAction Call::take_place(const CallAction& action, Clock::time_point now)
{
    Connections& connections = client_state_->connections();
    connections.deadlines().watch(*this, action.until);
    wants_new = action.new_connection;
    if (!wants_new)
        if (auto lease = connections.take_idle(now))
            return use(std::move(*lease), now);
    if (!connections.enqueue(*this))
        return fsm_.resume(call_event::QueueFull{client_state_->config().pool.max_waiting}, now);
    return fsm_.resume(call_event::Queued{}, now);
}

void Call::lent()
{
    break_off();
}

void Call::is_next() const noexcept
{
    // Of thousands of waiting calls most are not in the cache.
    prefetch(this, sizeof *this);
    prefetch(request_.target.data(), request_.target.size());
}

void Call::refused(const Failure& failure)
{
    const auto now = Clock::now();
    perform(fsm_.resume(call_event::Refused{failure}, now), now);
}

CallAction Call::look_for_place(Clock::time_point now)
{
    Connections& connections = client_state_->connections();
    while (slot) // in place of a dead connection it may be lent another at once
        if (auto lease = connections.claim(*this))
            return use(std::move(*lease), now);
    const Stage stage = connections.waits_for(*this);
    return fsm_.resume(
        call_event::NotLent{stage, connections.failure_to_connect(), connections.proxy_dialled_at(stage)}, now);
}

CallAction Call::use(Connections::Lease&& lease, Clock::time_point now)
{
    lease_.emplace(std::move(lease));
    return fsm_.resume(call_event::Lent{(*lease_)->was_answered()}, now);
}

CallAction Call::prepare_exchange(const CallAction& action, Clock::time_point now)
{
    observation->begin_exchange(**lease_, now);
    client_state_->connections().deadlines().watch(*this, action.until);
    return fsm_.resume(call_event::Prepared{}, now);
}

CallAction Call::send(Clock::time_point now)
{
    lease_->exchange.request = &request_;
    lease_->exchange.trace_parent = observation->trace_parent();
    lease_->exchange.progress = &progress_;
    lease_->exchange.call = this;
    const bool has_to_wait = (*lease_)->begin(lease_->exchange);
    observation->advance(progress_);
    if (!has_to_wait)
        return advance_exchange({}, now);
    return fsm_.resume(call_event::Advanced{progress_}, now);
}

CallAction Call::advance_exchange(const boost::system::error_code& ec, Clock::time_point now)
{
    auto result = (*lease_)->advance(lease_->exchange);
    observation->advance(progress_);
    if (!result && ec)
        result.emplace(unexpected{net::connection_lost(ec)});
    if (!result)
        return fsm_.resume(call_event::Advanced{progress_}, now);
    if (!*result)
        return fsm_.resume(call_event::Failed{std::move(result->error()), progress_}, now);
    return take(std::move(**result), now);
}

CallAction Call::take(http::Response&& response, Clock::time_point now)
{
    Connections::Lease& lease = *lease_;
    connection_ = lease.id();
    exchange_ = lease->exchanges();
    if (response.keep_alive_timeout)
        lease.idle_limit = *response.keep_alive_timeout - std::chrono::seconds{1};
    std::optional<std::chrono::milliseconds> retry_after;
    if (!response.retry_after.empty() || !response.retry_after_ms.empty())
        retry_after = policy::retry_after(response.retry_after_ms, response.retry_after, response.date,
                                          std::chrono::system_clock::now());
    response_ = std::move(response);
    return fsm_.resume(call_event::Answered{*response_, progress_, retry_after, lease->is_in_step()}, now);
}

CallAction Call::end_attempt(const CallAction& action, Clock::time_point now)
{
    if (lease_) {
        if (action.in_step)
            (*lease_)->set_in_step(*action.in_step);
        if (action.distrust_connection)
            (*lease_)->distrust();
        lease_->can_return = action.keep_connection;
        lease_.reset();
    }
    leave_queue();
    const Error* const error = fsm_.error();
    observation->end_attempt(error ? error->http_status : response_->status, error);
    return fsm_.resume(call_event::AttemptEnded{}, now);
}

void Call::back_off(const CallAction& action)
{
    observation->retry(fsm_.reason(), action.wait, false);
    backoff_ = std::make_unique<net::InnerTimer>(client_state_->strand().inner(), action.wait);
    backoff_->async_wait([strand = client_state_->strand(), self = shared_from_this()](const auto& ec) mutable {
        Resumable::enter(strand, std::move(self), ec);
    });
    waits_for_ = Wait::backoff;
    client_state_->connections().deadlines().watch(*this, action.until);
}

CallAction Call::end_backoff(Clock::time_point now)
{
    return fsm_.resume(call_event::BackoffOver{client_state_->connections().was_in_step(connection_, exchange_)}, now);
}

void Call::break_off()
{
    switch (waits_for_) {
    case Wait::nothing:
        break;
    case Wait::connection:
        client_state_->connections().parked_calls().resume(*this);
        break;
    case Wait::exchange:
        (*lease_)->cancel(lease_->exchange);
        break;
    case Wait::backoff:
        backoff_->cancel();
        break;
    }
}

void Call::leave_queue()
{
    if (Pending::is_linked())
        client_state_->connections().cancel(*this);
}

void Call::end()
{
    ended_ = true;
    lease_.reset();
    leave_queue();
    Watched::unlink();
    client_state_->connections().end_call();
    complete();
}

void Call::cancel(asio::cancellation_type type)
{
    using asio::cancellation_type;
    if (out_of_memory_) // it has ended, of which the machine does not know
        return;
    constexpr auto even_if_sent = cancellation_type::terminal | cancellation_type::partial;
    const auto now = Clock::now();
    perform(fsm_.resume(call_event::Cancelled{(type & even_if_sent) != cancellation_type::none}, now), now);
}

void Call::interrupt(net::Interrupt why)
{
    const auto now = Clock::now();
    if (why == net::Interrupt::shut_down)
        perform(fsm_.resume(call_event::ShutDown{}, now), now);
    else
        perform(fsm_.resume(call_event::Expired{}, now), now);
}

} // namespace passage::client
