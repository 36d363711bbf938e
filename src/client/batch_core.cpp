#include "api/operations.hpp"
#include "client/await_batch.hpp"
#include "net/completion.hpp"
#include "net/executor.hpp"

#include <passage/detail/batch_run.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <list>
#include <optional>
#include <utility>
#include <vector>

namespace passage::detail {
namespace {

/// Whether the service may have acted on a call that must not be made twice.
bool may_act_twice(const Error& error)
{
    const auto made_by = [&](const api::Operation& operation) { return error.operation == operation.name; };
    return error.effect != Effect::none && (made_by(api::create_user) || made_by(api::create_magic_link));
}

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_pause = std::chrono::seconds{1};
constexpr milliseconds longest_pause = std::chrono::hours{24};
/// Retries of an item that is throttled, in addition to those of its calls.
constexpr unsigned max_throttled = 8;

Error out_of_time()
{
    return Error{Errc::timeout, "the batch's deadline passed"};
}

} // namespace

/// The state of a running batch. Used only on its strand, except for `start` and `cancel_soon`.
class BatchCore::Running
{
public:
    Running(BatchCore& batch, Handler handler, const asio::any_io_executor& executor)
        : batch_{batch},
          options_{batch.options_},
          strand_{net::Strand{executor}},
          deadline_timer_{strand_},
          pause_{strand_, Clock::time_point::min()},
          room_{strand_, Clock::time_point::max()},
          completion_{std::move(handler), executor}
    {}

    void start(asio::cancellation_slot cancellation)
    {
        if (cancellation.is_connected()) {
            cancellation.assign([weak = batch_.weak_from_this()](asio::cancellation_type) {
                if (const auto alive = weak.lock())
                    alive->running_->cancel_soon();
            });
        }
        asio::post(strand_, [this, owner = batch_.shared_from_this()] { begin(); });
    }

    bool is_stopped() const noexcept { return summary_.stopped.has_value(); }

    bool is_over()
    {
        if (!is_stopped() && options_.deadline() && Clock::now() >= *options_.deadline())
            cancel(out_of_time());
        return is_stopped();
    }

    bool is_paused() const { return !is_stopped() && Clock::now() < resume_at_; }

    asio::awaitable<void> pace()
    {
        while (is_paused()) {
            if (pause_.expiry() <= Clock::now())
                pause_.expires_at(resume_at_);
            co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }

    asio::awaitable<void> wait_for_room() { co_await room_.async_wait(asio::as_tuple(asio::use_awaitable)); }
    void make_room() { room_.cancel_one(); }

    bool asks_again(const Error& error, unsigned times)
    {
        if (!is_rate_limited(error) || may_act_twice(error) || times >= max_throttled || is_stopped() ||
            options_.stops(error))
            return false;
        const auto now = Clock::now();
        const bool begins = now >= resume_at_; // else another item began the pause
        if (begins || error.retry_after) {
            const auto wait = std::clamp(error.retry_after.value_or(throttled_), milliseconds{0}, longest_pause);
            resume_at_ = std::max(resume_at_, now + wait);
        }
        if (begins)
            throttled_ = std::min<milliseconds>(2 * throttled_, std::chrono::seconds{20});
        return true;
    }

    void settle(Error* error)
    {
        ++summary_.done;
        if (!error) {
            throttled_ = first_pause;
            return;
        }
        ++summary_.failed;
        if (cut_off_ && is_cancelled(*error)) {
            error->code = cut_off_->code;
            error->message = cut_off_->message;
        } else if (!is_stopped() && options_.stops(*error)) {
            summary_.stopped = *error;
            pause_.cancel();
        }
    }

    const BatchSummary& summary() const noexcept { return summary_; }

private:
    void begin()
    {
        ++workers_; // counts this function, so that no worker ends the batch meanwhile
        try {
            if (options_.deadline()) {
                deadline_timer_.expires_at(*options_.deadline());
                deadline_timer_.async_wait([weak = batch_.weak_from_this()](const net::error_code& ec) {
                    if (const auto alive = weak.lock(); alive && !ec)
                        alive->running_->cancel(out_of_time());
                });
            }
            while (workers_ <= options_.window() && !is_over() && batch_.has_next())
                spawn();
        } catch (...) {
            fail(std::current_exception());
        }
        end_worker();
    }

    void spawn()
    {
        asio::cancellation_signal& signal = signals_.emplace_back();
        auto end = [this, owner = batch_.shared_from_this()](std::exception_ptr error) {
            if (error)
                fail(std::move(error));
            end_worker();
        };
        ++workers_;
        try {
            asio::co_spawn(strand_, work(), asio::bind_cancellation_slot(signal.slot(), std::move(end)));
        } catch (...) {
            --workers_;
            throw;
        }
    }

    asio::awaitable<void> work()
    {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await batch_.work();
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
            summary_.stopped = why;
        if (!cut_off_)
            cut_off_ = std::move(why);
        for (auto& signal : signals_)
            signal.emit(asio::cancellation_type::terminal);
    }

    /// Thread-safe.
    void cancel_soon()
    {
        asio::post(strand_, [weak = batch_.weak_from_this()] {
            if (const auto alive = weak.lock())
                alive->running_->cancel(Error{Errc::cancelled});
        });
    }

    void end_worker()
    {
        if (--workers_ > 0)
            return;
        deadline_timer_.cancel();
        completion_.complete([error = std::move(failure_), summary = std::move(summary_)](Handler&& handler) mutable {
            std::move(handler)(std::move(error), std::move(summary));
        });
    }

    BatchCore& batch_; ///< Owns this object.
    const BatchOptions& options_;
    const asio::any_io_executor strand_;
    asio::steady_timer deadline_timer_;
    asio::steady_timer pause_; ///< Expires at the end of the pause, or earlier if the pause was lengthened.
    asio::steady_timer room_;  ///< Never expires; cancelled to resume a worker.
    net::Completion<std::exception_ptr, BatchSummary> completion_;

    std::size_t workers_ = 0;
    std::list<asio::cancellation_signal> signals_; ///< One for each worker ever started.
    BatchSummary summary_;
    std::optional<Error> cut_off_; ///< Why calls in flight were cancelled.
    std::exception_ptr failure_;
    Clock::time_point resume_at_ = Clock::time_point::min();
    milliseconds throttled_ = first_pause; ///< The next pause if the service does not ask for one.
};

BatchCore::BatchCore(BatchOptions options) : options_{std::move(options)}, call_options_{options_.each()}
{
    if (options_.deadline())
        call_options_.no_later_than(*options_.deadline());
}

BatchCore::~BatchCore() = default;

void BatchCore::start(Handler handler, asio::any_io_executor executor)
{
    const asio::cancellation_slot cancellation = handler.cancellation_slot();
    running_ = std::make_unique<Running>(*this, std::move(handler), executor);
    running_->start(cancellation);
}

BatchSummary BatchCore::cancelled()
{
    BatchSummary summary;
    summary.stopped = Error{Errc::cancelled};
    return summary;
}

bool BatchCore::is_over()
{
    return running_->is_over();
}

bool BatchCore::is_paused() const
{
    return running_->is_paused();
}

asio::awaitable<void> BatchCore::pace()
{
    return running_->pace();
}

bool BatchCore::is_full(std::size_t undelivered) const
{
    return is_in_order() && !running_->is_stopped() && undelivered >= options_.window();
}

asio::awaitable<void> BatchCore::wait_for_room()
{
    return running_->wait_for_room();
}

void BatchCore::make_room()
{
    running_->make_room();
}

bool BatchCore::asks_again(const Error& error, unsigned times)
{
    return running_->asks_again(error, times);
}

void BatchCore::add_earlier(Error& error, const Error& before)
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

void BatchCore::settle(Error* error)
{
    running_->settle(error);
}

void BatchCore::report() const
{
    if (options_.on_progress())
        options_.on_progress()(running_->summary());
}

asio::awaitable<BatchSummary> await_batch(BatchOperation<BatchSummary>::Ptr batch)
{
    return client::await_batch(std::move(batch));
}

} // namespace passage::detail
