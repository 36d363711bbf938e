#pragma once

#include "client/coroutine.hpp"
#include "net/completion.hpp"

#include <passage/detail/operation.hpp>
#include <passage/error.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// Lets several coroutines wait for one event. Thread-safe.
class SharedWait
{
public:
    /// The event occurs on `executor`.
    explicit SharedWait(const asio::any_io_executor& executor) : home_{&asio::query(executor, asio::execution::context)}
    {}
    SharedWait(const SharedWait&) = delete;
    SharedWait& operator=(const SharedWait&) = delete;

    /// What ended a wait.
    enum class End { finished, cancelled, expired };

    using Clock = std::chrono::steady_clock;

    /// Waits for `finish`, for a deadline, or for cancellation of any type of the current coroutine, which is a result.
    static asio::awaitable<End> wait(std::shared_ptr<SharedWait> shared,
                                     Clock::time_point deadline = Clock::time_point::max())
    {
        if (co_await accept_cancellation())
            co_return End::cancelled;
        const Seat seat{*shared, shared};
        // No cycle: the shared object owns the waiting coroutines.
        shared.reset();
        std::optional<asio::steady_timer> alarm;
        if (deadline != Clock::time_point::max()) {
            alarm.emplace(co_await asio::this_coro::executor, deadline);
            alarm->async_wait([place = seat.place](const boost::system::error_code& ec) {
                if (!ec)
                    place.end(End::expired);
            });
        }
        // As soon as the handler is stored, another thread may resume the coroutine and destroy its frame. So the slot
        // is set before, and arguments are copied.
        auto initiate = [](auto handler, Place place) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected())
                slot.assign([place](asio::cancellation_type) { place.end(End::cancelled); });
            asio::any_io_executor executor = asio::get_associated_executor(handler);
            place.wait(std::make_unique<Waiter>(detail::Handler<End>{std::move(handler)}, std::move(executor)));
        };
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(End)>(
            std::move(initiate), asio::use_awaitable, seat.place);
    }

    /// Resumes all waiting coroutines; later waits end at once. Throws `std::bad_alloc` if one could not be resumed.
    void finish()
    {
        Waiting woken;
        {
            const std::lock_guard lock{mutex_};
            finished_ = true;
            woken.swap(waiting_);
        }
        std::exception_ptr no_memory;
        for (const auto& [id, entry] : woken) {
            try {
                if (entry.waiter)
                    complete(*entry.waiter, End::finished);
            } catch (const std::bad_alloc&) {
                no_memory = std::current_exception();
            }
        }
        if (no_memory)
            std::rethrow_exception(no_memory);
    }

private:
    using Waiter = net::Completion<End>;

    /// A waiting coroutine. Its wait may end before its handler is stored.
    struct Entry
    {
        std::unique_ptr<Waiter> waiter;
        std::optional<End> ended;
    };
    using Waiting = std::map<std::uint64_t, Entry>;

    /// Refers to the entry of a waiting coroutine.
    struct Place
    {
        /// Ends the wait, if it has not ended.
        void end(End why) const
        {
            if (const auto alive = shared.lock())
                alive->end(id, why);
        }

        void wait(std::unique_ptr<Waiter> waiter) const
        {
            if (const auto alive = shared.lock())
                alive->wait(id, std::move(waiter));
            else
                complete(*waiter, End::finished);
        }

        std::weak_ptr<SharedWait> shared;
        std::uint64_t id;
    };

    /// Adds an entry for a coroutine, and removes it on destruction.
    struct Seat
    {
        Seat(SharedWait& of, const std::weak_ptr<SharedWait>& shared) : place{shared, of.enter()} {}
        Seat(const Seat&) = delete;
        Seat& operator=(const Seat&) = delete;
        ~Seat()
        {
            if (const auto alive = place.shared.lock())
                alive->leave(place.id);
        }

        const Place place;
    };

    static void complete(Waiter& waiter, End end)
    {
        waiter.complete([end](detail::Handler<End>&& handler) { std::move(handler)(end); });
    }

    std::uint64_t enter()
    {
        const std::lock_guard lock{mutex_};
        if (!finished_)
            waiting_.try_emplace(last_id_ + 1);
        return ++last_id_;
    }

    void leave(std::uint64_t id)
    {
        Waiting::node_type left;
        const std::lock_guard lock{mutex_};
        left = waiting_.extract(id);
    }

    void wait(std::uint64_t id, std::unique_ptr<Waiter> waiter)
    {
        waiter->guard(*home_, [] {}); // the coroutine's `Seat` removes the entry
        End why = End::finished;
        {
            const std::lock_guard lock{mutex_};
            if (const auto at = waiting_.find(id); at != waiting_.end()) {
                Entry& entry = at->second;
                if (!entry.ended) {
                    entry.waiter = std::move(waiter);
                    return;
                }
                why = *entry.ended;
            }
        }
        complete(*waiter, why);
    }

    void end(std::uint64_t id, End why)
    {
        std::unique_ptr<Waiter> ended;
        {
            const std::lock_guard lock{mutex_};
            const auto at = waiting_.find(id);
            if (at == waiting_.end() || at->second.ended)
                return;
            at->second.ended = why;
            ended = std::move(at->second.waiter);
        }
        if (ended)
            complete(*ended, why);
    }

    const asio::execution_context* const home_; ///< Only compared, as it may be destroyed.
    std::mutex mutex_;
    bool finished_ = false;
    std::uint64_t last_id_ = 0;
    Waiting waiting_;
};

/// A completion handler that calls `end` exactly once: with the result, or, if it is destroyed without being called,
/// with an error that has the code `why_destroyed()`.
template <class T, class CodeFunction, class EndFunction>
class ExactlyOnce
{
public:
    ExactlyOnce(CodeFunction why_destroyed, EndFunction end)
        : why_destroyed_{std::move(why_destroyed)}, end_{std::move(end)}
    {}
    ExactlyOnce(ExactlyOnce&& other) noexcept
        : why_destroyed_{std::move(other.why_destroyed_)}, end_{std::exchange(other.end_, std::nullopt)}
    {}
    ExactlyOnce& operator=(ExactlyOnce&&) = delete;
    ~ExactlyOnce()
    {
        if (!end_)
            return;
        try {
            (*end_)(unexpected{Error{why_destroyed_(), "it was given up"}});
        } catch (const std::bad_alloc&) { // the coroutine that could not be resumed is destroyed
        }
    }

    void operator()(const std::shared_ptr<detail::Operation<expected<T>>>& operation)
    {
        auto end = std::exchange(end_, std::nullopt);
        (*end)(operation->take());
    }

private:
    CodeFunction why_destroyed_;
    std::optional<EndFunction> end_;
};

template <class T, class CodeFunction, class EndFunction>
ExactlyOnce<T, CodeFunction, EndFunction> exactly_once(CodeFunction why_destroyed, EndFunction end) noexcept
{
    return {std::move(why_destroyed), std::move(end)};
}

/// Limits the number of waiting callers. Thread-safe.
class WaitingLimit
{
public:
    explicit WaitingLimit(std::size_t most) noexcept : most_{most} {}

    struct Leave
    {
        void operator()(WaitingLimit* from) const noexcept { --from->waiting_; }
    };
    /// Allows one caller to wait, as long as it exists.
    using Permit = std::unique_ptr<WaitingLimit, Leave>;

    /// Null if the limit is reached.
    Permit enter() noexcept
    {
        for (std::size_t now = waiting_; now < most_;)
            if (waiting_.compare_exchange_weak(now, now + 1))
                return Permit{this};
        return nullptr;
    }

    std::size_t most() const noexcept { return most_; }

private:
    const std::size_t most_;
    std::atomic<std::size_t> waiting_{0};
};

} // namespace passage::client
