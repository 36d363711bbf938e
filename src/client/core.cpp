#include "client/core.hpp"

#include "api/redact.hpp"
#include "api/responses.hpp"
#include "client/config_check.hpp"
#include "policy/retry_after.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace passage::client {
namespace {

using net::Clock;
using net::Failure;
using net::Task;

/// A call whose caller is an Asio completion handler.
template <class Handler>
class CallFor final : public Call
{
public:
    template <class... Args>
    explicit CallFor(Handler handler, Args&&... args)
        : Call{std::forward<Args>(args)...},
          handler_{std::move(handler)},
          work_{asio::make_work_guard(asio::get_associated_executor(handler_))}
    {}

    void complete(std::exception_ptr error, Outcome outcome) override
    {
        // Posted, so that what the caller does next neither runs on the strand nor nests.
        asio::post(work_.get_executor(),
                   [handler = std::move(handler_), error = std::move(error), outcome = std::move(outcome)]() mutable {
                       std::move(handler)(std::move(error), std::move(outcome));
                   });
        work_.reset();
    }

private:
    Handler handler_;
    asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
};

Failure stopped_failure(Errc reason, Stage stage)
{
    // Being out of time passes; being cancelled or shut down does not.
    Failure failure{Error{reason}, reason == Errc::timeout || reason == Errc::pool_timeout};
    switch (reason) {
    case Errc::timeout:
        failure.error.message = "the deadline passed";
        failure.error.stage = stage;
        break;
    case Errc::pool_timeout:
        failure.error.message = "the deadline passed while all connections were in use";
        break;
    case Errc::shut_down:
        failure.error.message = "the client was closed";
        break;
    default:
        break;
    }
    return failure;
}

/// Its text fits a string that allocates nothing.
Failure no_memory()
{
    return {Error{Errc::connect, "no memory"}, true};
}

} // namespace

/// A connection being made.
struct Core::Dial final : net::Deadlines::Watched
{
    void interrupt(net::Interrupt why) override
    {
        stopped = why == net::Interrupt::expired ? Errc::timeout : Errc::shut_down;
        signal.emit(asio::cancellation_type::terminal);
    }

    std::optional<Errc> stopped;
    asio::cancellation_signal signal;
};

/// A call in the pool's queue.
struct Core::PendingCall final : pool::Waiter
{
    explicit PendingCall(Core& owner) : core{owner}, woken{owner.strand_} {}
    ~PendingCall()
    {
        if (is_linked())
            core.pool_.cancel(*this);
    }

    Core& core;
    net::Event woken;
    Failure failure;
};

/// A connection lent to a call; it goes back to the pool when this goes.
class Core::Lease
{
public:
    Lease(Core& core, pool::Slot slot) : core_{&core}, slot_{slot} {}
    Lease(Lease&& other) noexcept : core_{std::exchange(other.core_, nullptr)}, slot_{other.slot_} {}
    Lease& operator=(Lease&&) = delete;
    ~Lease()
    {
        if (!core_)
            return;
        if (connection().is_reusable())
            core_->pool_.released(slot_, Clock::now(), idle_limit);
        else
            core_->pool_.dropped(slot_);
        core_->run_pool_actions();
    }

    net::Connection& connection() const { return *core_->connections_[slot_]; }

    /// How long the server keeps the connection, if it said so.
    std::optional<std::chrono::milliseconds> idle_limit;

private:
    Core* core_;
    pool::Slot slot_;
};

expected<std::shared_ptr<Core>> Core::create(asio::any_io_executor executor, const Config& config, net::Lookup lookup)
{
    auto url = check_config(config);
    if (!url)
        return unexpected{std::move(url.error())};
    std::unique_ptr<net::TlsContext> tls;
    if (url->tls) {
        auto made = net::TlsContext::create(config.tls, url->host, url->host_is_address);
        if (!made)
            return unexpected{std::move(made.error())};
        tls = std::move(*made);
    }
    std::shared_ptr<Core> core{
        new Core{std::move(executor), config, std::move(*url), std::move(tls), std::move(lookup)}};
    core->deadlines_ = std::make_shared<net::Deadlines>(core->strand_, [self = core.get()] { self->sweep(); });
    return core;
}

Core::Core(asio::any_io_executor executor, const Config& config, http::BaseUrl url,
           std::unique_ptr<net::TlsContext> tls, net::Lookup lookup)
    : config_{config},
      url_{std::move(url)},
      requests_{url_.path, config.app_id, config.limits.request_bytes},
      writer_{url_.host_field(), config.api_key, config.user_agent},
      retry_rules_{config.retry.max_attempts, config.retry.base, config.retry.throttled_base, config.retry.cap},
      response_limits_{config.limits.header_bytes, config.limits.header_fields, config.limits.body_bytes,
                       config.limits.interim_responses},
      strand_{asio::make_strand(std::move(executor))},
      tls_{std::move(tls)},
      resolver_{strand_, url_.host, std::move(lookup)},
      pool_{{config.pool.max_connections, config.pool.max_waiting, config.pool.idle_timeout}},
      connections_{config.pool.max_connections},
      random_{std::random_device{}()}
{}

expected<Secret> Core::write(expected<http::Request> request, const CallOptions& options) const
{
    if (!request)
        return unexpected{std::move(request.error())};
    if (auto good = http::check_extra_fields(options.headers()); !good)
        return unexpected{std::move(good.error())};
    return writer_.write(*request, options.headers());
}

void Core::redact(Error& error) const
{
    api::redact(error, config_.api_key.reveal());
}

Clock::time_point Core::deadline(const CallOptions& options) const
{
    // Both are bounded before they are used: callers' values reach further than the clock counts.
    using std::chrono::milliseconds;
    const auto now = Clock::now();
    if (options.deadline())
        return std::max(*options.deadline(), now);
    const auto longest = std::chrono::floor<milliseconds>(Clock::time_point::max() - now);
    const milliseconds timeout = options.timeout().value_or(config_.timeouts.total);
    return now + std::clamp(timeout, milliseconds{0}, longest);
}

asio::awaitable<Outcome> Core::call(const api::Operation& operation, Secret request, bool retries,
                                    Clock::time_point deadline)
{
    auto initiate = [this](auto handler, const api::Operation* what, Secret bytes, bool repeat,
                           Clock::time_point until) {
        using Handler = decltype(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        const std::shared_ptr<Call> call =
            std::make_shared<CallFor<Handler>>(std::move(handler), *what, std::move(bytes), repeat, until);
        if (slot.is_connected()) {
            // The slot belongs to the caller's executor, the call to the strand; each keeps to its own.
            slot.assign([weak = std::weak_ptr{call}, strand = strand_](asio::cancellation_type type) {
                asio::post(strand, [weak, type] {
                    if (const auto alive = weak.lock())
                        alive->cancel(type);
                });
            });
        }
        asio::co_spawn(
            strand_, perform(call),
            asio::bind_cancellation_slot(call->signal.slot(), [call](std::exception_ptr error, Outcome outcome) {
                call->complete(std::move(error), std::move(outcome));
            }));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Outcome)>(
        std::move(initiate), asio::use_awaitable, &operation, std::move(request), retries, deadline);
}

Task<Outcome> Core::perform(std::shared_ptr<Call> call)
{
    const auto self = shared_from_this();
    co_await asio::this_coro::throw_if_cancelled(false);

    Outcome outcome;
    Effect effect = Effect::none; // of all attempts together
    unsigned replays = 0;
    int taken = 0;
    for (;;) {
        ++outcome.attempts;
        call->attempt_expired = false;
        call->progress = {};
        policy::Attempt facts;
        if (Clock::now() >= call->deadline)
            call->stop(Errc::timeout);
        auto result = co_await attempt(*call, facts);
        if (result && api::is_success(result->status)) {
            budget_.give_back(taken);
            outcome.response = std::move(*result);
            co_return outcome;
        }

        Error error = result ? api::read_error(*result, config_.api_key.reveal()) : std::move(result.error().error);
        if (result && effect == Effect::unknown && result->status == 404 &&
            call->operation.repeated_not_found_is_success) {
            outcome.response = std::move(*result);
            co_return outcome;
        }
        if (policy::effect_of(facts) == Effect::unknown)
            effect = Effect::unknown;

        policy::Decision decision;
        if (!call->stopped) {
            const auto left = std::chrono::floor<std::chrono::milliseconds>(call->deadline - Clock::now());
            const double random = std::uniform_real_distribution{}(random_);
            decision = policy::decide(
                facts, {call->operation.idempotent, call->retries, outcome.attempts, replays, left, random},
                retry_rules_, budget_);
        }
        using Next = policy::Decision::Next;
        if (decision.next == Next::replay) {
            ++replays;
            --outcome.attempts;
            continue;
        }
        if (decision.next == Next::repeat) {
            taken = decision.taken;
            call->progress = {Stage::backoff};
            // An expired attempt leaves the coroutine cancelled.
            co_await asio::this_coro::reset_cancellation_state();
            deadlines_->watch(*call, call->deadline);
            net::Timer timer{strand_, decision.wait};
            if (!call->stopped)
                co_await timer.async_wait(net::as_tuple);
            if (!call->stopped)
                continue;
            const Error cause = std::move(error);
            error = stopped_failure(*call->stopped, Stage::backoff).error;
            error.http_status = cause.http_status;
            error.api_code = cause.api_code;
            error.cause = cause.cause;
        }
        if (decision.next == Next::out_of_time)
            error.code = Errc::rate_limited;
        error.effect = effect;
        error.retryable = error.code == Errc::pool_timeout || policy::is_retryable(facts, call->operation.idempotent);
        error.retry_after = facts.retry_after;
        outcome.error = std::move(error);
        co_return outcome;
    }
}

Task<expected<http::Response, Failure>> Core::attempt(Call& call, policy::Attempt& facts)
{
    const auto failed = [&](Failure failure) {
        facts.failure = failure.error.code;
        facts.transient = failure.transient;
        return unexpected{std::move(failure)};
    };

    call.progress.stage = Stage::pool;
    deadlines_->watch(call, call.deadline);
    expected<Lease, Failure> lease = co_await acquire(call);
    if (!lease)
        co_return failed(std::move(lease.error()));

    facts.connection_reused = lease->connection().was_used();
    deadlines_->watch(call, std::min(call.deadline, Clock::now() + config_.timeouts.attempt));
    if (call.stopped)
        co_return failed(stopped_failure(*call.stopped, Stage::write));
    expected<http::Response, Failure> result =
        co_await lease->connection().exchange(call.request.reveal(), call.progress);
    facts.request_sent = call.progress.request_sent;
    facts.response_begun = call.progress.response_begun;
    if (result) {
        facts.status = result->status;
        facts.retry_after = policy::retry_after(result->retry_after_ms, result->retry_after, result->date,
                                                std::chrono::system_clock::now());
        if (result->keep_alive_timeout)
            lease->idle_limit = *result->keep_alive_timeout - std::chrono::seconds{1};
        co_return result;
    }
    if (call.stopped)
        co_return failed(stopped_failure(*call.stopped, call.progress.stage));
    if (call.attempt_expired) {
        Failure failure{Error{Errc::timeout, "the attempt took too long"}, true};
        failure.error.stage = call.progress.stage;
        co_return failed(std::move(failure));
    }
    co_return failed(std::move(result.error()));
}

Task<expected<Core::Lease, Failure>> Core::acquire(Call& call)
{
    while (!call.stopped) {
        const std::optional<pool::Slot> slot = pool_.take_idle(Clock::now());
        run_pool_actions();
        if (!slot)
            break;
        if (connections_[*slot]->is_alive())
            co_return Lease{*this, *slot};
        pool_.dropped(*slot);
        run_pool_actions();
    }
    if (call.stopped)
        co_return unexpected{stopped_failure(*call.stopped, Stage::pool)};

    PendingCall pending{*this};
    if (!pool_.enqueue(pending)) {
        const std::string limit = std::to_string(config_.pool.max_waiting);
        co_return unexpected{Failure{Error{Errc::pool_timeout, limit + " calls wait for a connection already"}, false}};
    }
    run_pool_actions();
    co_await pending.woken.wait();
    if (pending.slot)
        co_return Lease{*this, *pending.slot};
    if (!pending.is_linked())
        co_return unexpected{std::move(pending.failure)};

    // Nothing came before the call was stopped. Whose fault that is depends on what it waited for.
    if (call.stopped != Errc::timeout)
        co_return unexpected{stopped_failure(call.stopped.value_or(Errc::cancelled), Stage::pool)};
    if (pool_.is_dialled_for(pending))
        co_return unexpected{stopped_failure(Errc::timeout, dial_stage_)};
    co_return unexpected{stopped_failure(Errc::pool_timeout, Stage::pool)};
}

void Core::start_dial(pool::Slot slot)
try {
    const auto dial = std::make_shared<Dial>();
    deadlines_->watch(*dial, Clock::now() + config_.timeouts.connect);
    asio::co_spawn(strand_, connect(dial),
                   asio::bind_cancellation_slot(dial->signal.slot(),
                                                [this, self = shared_from_this(), dial, slot](
                                                    std::exception_ptr error, expected<ConnectionPtr, Failure> result) {
                                                    if (error) // there is but one: no memory
                                                        result = unexpected{no_memory()};
                                                    end_dial(slot, std::move(result));
                                                }));
} catch (const std::bad_alloc&) {
    // The pool must hear of it: it counts on a dial that it asked for to come to an end.
    dial_failure_ = no_memory();
    pool_.dial_failed(slot);
}

void Core::end_dial(pool::Slot slot, expected<ConnectionPtr, Failure> result)
{
    if (result) {
        stats_.made.fetch_add(1, std::memory_order_relaxed);
        connections_[slot] = std::move(*result);
        // Not all at the same time: connections made together would be renewed together.
        std::uniform_real_distribution<> spread{0.9, 1.1};
        const auto lifetime = std::chrono::duration<double, std::milli>{config_.pool.max_lifetime} * spread(random_);
        const auto now = Clock::now();
        pool_.dialled(slot, now, now + std::chrono::duration_cast<Clock::duration>(lifetime));
    } else {
        dial_failure_ = std::move(result.error());
        pool_.dial_failed(slot);
    }
    run_pool_actions();
}

Task<expected<Core::ConnectionPtr, Failure>> Core::connect(std::shared_ptr<Dial> dial)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto failed = [&](Failure failure) {
        if (dial->stopped) {
            failure = stopped_failure(*dial->stopped, dial_stage_);
            failure.error.message = "the connection took too long to be made";
            failure.transient = dial->stopped == Errc::timeout;
        }
        return unexpected{std::move(failure)};
    };

    dial_stage_ = Stage::dns;
    expected<net::Addresses, Failure> addresses = co_await resolver_.resolve();
    if (dial->stopped || !addresses)
        co_return failed(addresses ? Failure{} : std::move(addresses.error()));

    dial_stage_ = Stage::connect;
    expected<net::Socket, Failure> socket = co_await net::connect(std::move(*addresses), url_.port);
    if (dial->stopped || !socket)
        co_return failed(socket ? Failure{} : std::move(socket.error()));

    dial_stage_ = Stage::tls;
    auto connection =
        std::make_unique<net::Connection>(std::move(*socket), tls_ ? tls_->make_ssl() : nullptr, response_limits_);
    std::optional<Failure> failure = co_await connection->handshake();
    if (dial->stopped || failure)
        co_return failed(std::move(failure).value_or(Failure{}));
    co_return connection;
}

void Core::run_pool_actions()
{
    using Kind = pool::PoolAction::Kind;
    // What is under way ends with the client; nothing new begins, least of all while its context is being destroyed.
    const bool closed = closed_.load(std::memory_order_relaxed);
    while (const auto action = pool_.next_action()) {
        switch (action->kind) {
        case Kind::dial:
            if (closed)
                pool_.dial_failed(action->slot);
            else
                start_dial(action->slot);
            break;
        case Kind::close:
            connections_[action->slot].reset();
            break;
        case Kind::fail: {
            auto& pending = static_cast<PendingCall&>(*action->waiter);
            pending.failure = closed ? stopped_failure(Errc::shut_down, Stage::pool) : dial_failure_;
            pending.woken.set();
            break;
        }
        case Kind::lend:
            static_cast<PendingCall&>(*action->waiter).woken.set();
            break;
        }
    }

    constexpr auto relaxed = std::memory_order_relaxed;
    stats_.connections.store(pool_.connections(), relaxed);
    stats_.idle.store(pool_.idle(), relaxed);
    stats_.waiting.store(pool_.waiting(), relaxed);
    stats_.peak.store(std::max(stats_.peak.load(relaxed), pool_.connections()), relaxed);
}

void Core::sweep()
{
    pool_.expire(Clock::now());
    run_pool_actions();
}

void Core::close() noexcept
{
    closed_.store(true);
    asio::dispatch(strand_, [self = shared_from_this()] {
        self->pool_.close();
        self->run_pool_actions();
        self->deadlines_->shut_down();
    });
}

ClientStats Core::stats() const noexcept
{
    constexpr auto relaxed = std::memory_order_relaxed;
    ClientStats stats;
    stats.connections = stats_.connections.load(relaxed);
    stats.idle_connections = stats_.idle.load(relaxed);
    stats.peak_connections = stats_.peak.load(relaxed);
    stats.connections_made = stats_.made.load(relaxed);
    stats.waiting_calls = stats_.waiting.load(relaxed);
    return stats;
}

} // namespace passage::client
