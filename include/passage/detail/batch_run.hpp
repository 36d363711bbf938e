#pragma once

#include <passage/batch_options.hpp>
#include <passage/call_options.hpp>
#include <passage/detail/in_turn.hpp>
#include <passage/detail/strand.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

// How `passage::for_each` does its work; not for use.

namespace passage::detail {

namespace asio = boost::asio;

template <class Awaitable>
struct AwaitedResult;
template <class T>
struct AwaitedResult<asio::awaitable<expected<T>>>
{
    using Type = expected<T>;
};

/// What an operation on an item yields.
template <class Operation, class Item>
using OperationResult = typename AwaitedResult<std::invoke_result_t<Operation&, Item&, const CallOptions&>>::Type;

/// Has the error of an item that was asked for again tell of the earlier calls too; `before` tells of those.
inline void add_earlier(Error& error, const Error& before)
{
    std::vector<FailedAttempt> earlier = before.earlier_attempts;
    if (before.attempts > 0) {
        FailedAttempt& last = earlier.emplace_back();
        last.code = before.code;
        last.stage = before.stage;
        last.http_status = before.http_status;
        last.cause = before.cause;
    }
    error.earlier_attempts.insert(error.earlier_attempts.begin(), earlier.begin(), earlier.end());
    error.attempts += before.attempts;
    if (before.effect == Effect::done || error.effect == Effect::none)
        error.effect = before.effect;
}

/// What does not depend on the items: when something is begun, and when all ends. Used on its strand only.
///
/// It is owned by its workers, and owns the coroutine that waits for it: an execution context that is destroyed takes
/// all of them along.
class BatchCore : public std::enable_shared_from_this<BatchCore>
{
public:
    using Clock = std::chrono::steady_clock;

    BatchCore(const asio::any_io_executor& executor, BatchOptions options)
        : options_{std::move(options)},
          call_options_{options_.each()},
          strand_{Strand{executor}},
          work_{executor},
          deadline_timer_{strand_},
          room_{strand_, Clock::time_point::max()}
    {
        if (options_.deadline())
            call_options_.no_later_than(*options_.deadline());
    }
    virtual ~BatchCore() = default;
    BatchCore(const BatchCore&) = delete;
    BatchCore& operator=(const BatchCore&) = delete;

    template <class Handler>
    void start(Handler handler)
    {
        const auto self = shared_from_this();
        auto slot = asio::get_associated_cancellation_slot(handler);
        complete_ = [waiting = std::make_shared<Handler>(std::move(handler))](std::exception_ptr error,
                                                                              BatchSummary summary) {
            auto executor = asio::get_associated_executor(*waiting);
            asio::post(executor, [waiting, error = std::move(error), summary = std::move(summary)]() mutable {
                std::move (*waiting)(std::move(error), std::move(summary));
            });
        };
        if (slot.is_connected()) {
            slot.assign([weak = weak_from_this(), strand = strand_](asio::cancellation_type) {
                asio::post(strand, [weak] {
                    if (const auto alive = weak.lock())
                        alive->cancel(Error{Errc::cancelled});
                });
            });
        }
        asio::post(strand_, [self] { self->begin(); });
    }

protected:
    /// Begins items until there is none, or the batch stopped.
    virtual asio::awaitable<void> work() = 0;
    /// Whether an item is left to be begun.
    virtual bool has_next() = 0;

    bool is_stopped() const noexcept { return summary_.stopped.has_value(); }

    /// Whether nothing more may be begun. The deadline holds from its time on, not from when its timer is heard.
    bool is_over()
    {
        if (!is_stopped() && options_.deadline() && Clock::now() >= *options_.deadline())
            cancel(out_of_time());
        return is_stopped();
    }

    /// The settings of each item's call.
    const CallOptions& call_options() const noexcept { return call_options_; }

    /// Whether an item that the service throttles is to be asked for again, after `pace`.
    bool asks_again(const Error& error, unsigned times)
    {
        if (!is_rate_limited(error) || times >= max_throttled || is_stopped() || options_.stops(error))
            return false;
        const auto now = Clock::now();
        if (now >= resume_at_) { // else the others were answered the same
            resume_at_ = now + std::clamp(error.retry_after.value_or(throttled_), milliseconds{0}, longest_pause);
            throttled_ = std::min<std::chrono::milliseconds>(2 * throttled_, std::chrono::seconds{20});
        }
        return true;
    }

    /// Takes an item's result in.
    void settle(Error* error)
    {
        ++summary_.done;
        if (!error) {
            throttled_ = first_pause;
            return;
        }
        ++summary_.failed;
        if (is_stopped() && is_cancelled(*error)) {
            error->code = summary_.stopped->code;
            error->message = summary_.stopped->message;
        } else if (!is_stopped() && options_.stops(*error)) {
            summary_.stopped = *error;
        }
    }

    void report() const
    {
        if (options_.on_progress())
            options_.on_progress()(summary_);
    }

    /// Whether the service throttles, so that nothing may be begun yet.
    bool is_paused() const { return !is_stopped() && Clock::now() < resume_at_; }

    /// Returns when the pause is over.
    asio::awaitable<void> pace()
    {
        while (is_paused()) {
            asio::steady_timer timer{strand_, resume_at_};
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }

    bool is_in_order() const noexcept { return options_.in_order(); }

    /// Whether no item may be begun before the results of those before it are handed over.
    bool is_full(std::size_t not_handed_over) const
    {
        return is_in_order() && !is_stopped() && not_handed_over >= options_.window();
    }

    /// Returns when a result was handed over, for one of those who wait.
    asio::awaitable<void> wait_for_room() { co_await room_.async_wait(asio::as_tuple(asio::use_awaitable)); }

    void make_room() { room_.cancel_one(); }

private:
    void begin()
    {
        if (options_.deadline()) {
            deadline_timer_.expires_at(*options_.deadline());
            deadline_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
                if (const auto alive = weak.lock(); alive && !ec)
                    alive->cancel(out_of_time());
            });
        }
        ++workers_; // this function
        while (workers_ <= options_.window() && !is_over() && next_or_fail())
            spawn();
        end_worker();
    }

    bool next_or_fail()
    {
        try {
            return has_next();
        } catch (...) {
            fail(std::current_exception());
            return false;
        }
    }

    void spawn()
    {
        ++workers_;
        signals_.emplace_back();
        asio::co_spawn(
            strand_, work(),
            asio::bind_cancellation_slot(signals_.back().slot(), [self = shared_from_this()](std::exception_ptr error) {
                if (error)
                    self->fail(std::move(error));
                self->end_worker();
            }));
    }

    void fail(std::exception_ptr error)
    {
        if (!failure_)
            failure_ = std::move(error);
        cancel(Error{Errc::cancelled});
    }

    void cancel(Error why)
    {
        if (!is_stopped())
            summary_.stopped = std::move(why);
        for (auto& signal : signals_)
            signal.emit(asio::cancellation_type::terminal);
    }

    static Error out_of_time() { return Error{Errc::timeout, "the batch's deadline passed"}; }

    void end_worker()
    {
        if (--workers_ > 0)
            return;
        deadline_timer_.cancel();
        std::exchange(complete_, nullptr)(failure_, std::move(summary_));
    }

    using milliseconds = std::chrono::milliseconds;
    static constexpr milliseconds first_pause = std::chrono::seconds{1};
    static constexpr milliseconds longest_pause = std::chrono::hours{24};
    /// How often one item is asked for again, beyond what its calls do by themselves.
    static constexpr unsigned max_throttled = 8;

    const BatchOptions options_;
    CallOptions call_options_;
    const asio::any_io_executor strand_;
    const asio::executor_work_guard<asio::any_io_executor> work_;
    asio::steady_timer deadline_timer_;
    asio::steady_timer room_; ///< Never expires.
    std::function<void(std::exception_ptr, BatchSummary)> complete_;

    std::size_t workers_ = 0;
    std::list<asio::cancellation_signal> signals_; ///< One for each worker that there was.
    BatchSummary summary_;
    std::exception_ptr failure_;
    Clock::time_point resume_at_ = Clock::time_point::min();
    std::chrono::milliseconds throttled_ = first_pause; ///< The next pause, if the service names none.
};

template <class Range, class Operation, class Deliver>
class BatchRun final : public BatchCore
{
public:
    BatchRun(const asio::any_io_executor& executor, Range range, Operation operation, Deliver deliver,
             BatchOptions options)
        : BatchCore{executor, std::move(options)},
          range_{std::move(range)},
          operation_{std::move(operation)},
          deliver_{std::move(deliver)},
          next_{std::ranges::begin(range_)}
    {}

    static asio::awaitable<BatchSummary> make(Range range, Operation operation, Deliver deliver, BatchOptions options)
    {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            BatchSummary cancelled;
            cancelled.stopped = Error{Errc::cancelled};
            co_return cancelled;
        }
        // A setting of the caller's coroutine: cancelling must be a result here, and stay what it was there.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        auto run = std::make_shared<BatchRun>(executor, std::move(range), std::move(operation), std::move(deliver),
                                              std::move(options));
        auto initiate = [](auto handler, std::shared_ptr<BatchRun> started) { started->start(std::move(handler)); };
        BatchSummary summary =
            co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, BatchSummary)>(
                std::move(initiate), asio::use_awaitable, std::move(run));
        co_await asio::this_coro::throw_if_cancelled(throws);
        co_return summary;
    }

private:
    using Item = std::ranges::range_value_t<Range>;
    using Result = OperationResult<Operation, Item>;

    bool has_next() override { return next_ != std::ranges::end(range_); }

    asio::awaitable<void> work() override
    {
        co_await asio::this_coro::throw_if_cancelled(false);
        for (;;) {
            while (is_full(begun_ - results_.next()))
                co_await wait_for_room();
            if (is_over() || !has_next())
                co_return;
            Item item = *next_;
            ++next_;
            const std::size_t index = begun_++;
            std::optional<Result> result; // of the last call; an error tells of those before it too
            std::optional<CallOptions> repeating;
            for (unsigned times = 0;; ++times) {
                if (is_paused())
                    co_await pace();
                if (is_over())
                    break;
                Result last = co_await operation_(item, repeating ? *repeating : call_options());
                if (!last && result)
                    add_earlier(last.error(), result->error());
                result.emplace(std::move(last));
                if (*result || !asks_again(result->error(), times))
                    break;
                repeating = call_options();
                repeating->repeats(result->error());
            }
            if (!result) {
                if (is_in_order())
                    hand_over_in_turn(index, std::nullopt);
                co_return;
            }
            settle(*result ? nullptr : &result->error());
            hand_over(index, std::move(*result));
            report();
        }
    }

    void hand_over(std::size_t index, Result&& result)
    {
        if (is_in_order())
            hand_over_in_turn(index, std::move(result));
        else
            deliver_(index, std::move(result));
    }

    /// Takes the result of an item, none if there will be none.
    void hand_over_in_turn(std::size_t index, std::optional<Result> result)
    {
        results_.put(index, std::move(result), [this](std::size_t number, std::optional<Result>&& value) {
            make_room();
            if (value)
                deliver_(number, std::move(*value));
        });
    }

    Range range_;
    Operation operation_;
    Deliver deliver_;
    std::ranges::iterator_t<Range> next_;
    std::size_t begun_ = 0;
    InTurn<std::optional<Result>> results_; ///< Unused unless they are to be in order.
};

} // namespace passage::detail
