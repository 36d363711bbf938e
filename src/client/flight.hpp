#pragma once

#include "net/completion.hpp"

#include <passage/error.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
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

/// Something that is under way once, for all who wait for it. Any thread.
class Flight
{
public:
    /// It is carried out on `carrier`.
    explicit Flight(const asio::any_io_executor& carrier) : home_{&asio::query(carrier, asio::execution::context)} {}
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;

    /// What ended a wait.
    enum class End { landed, cancelled, expired };

    using Clock = std::chrono::steady_clock;

    /// Waits for the landing: until then, until the coroutine is cancelled, by whatever type, or until a deadline.
    /// Cancellation is a result, whatever the coroutine's settings, which stay what they were.
    static asio::awaitable<End> landing(std::shared_ptr<Flight> flight,
                                        Clock::time_point deadline = Clock::time_point::max())
    {
        const Seat seat{*flight, flight};
        // The flight owns the coroutines that wait for it, so they don't own the flight.
        flight.reset();
        std::optional<asio::steady_timer> alarm;
        if (deadline != Clock::time_point::max()) {
            alarm.emplace(co_await asio::this_coro::executor, deadline);
            alarm->async_wait([place = seat.place](const boost::system::error_code& ec) {
                if (!ec)
                    place.end(End::expired);
            });
        }
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        // Another thread may resume the coroutine, and destroy its frame, as soon as the flight has the handler. So all
        // that refers to the frame is done before, and the arguments are copies.
        auto initiate = [](auto handler, Place place) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected())
                slot.assign([place](asio::cancellation_type) { place.end(End::cancelled); });
            place.wait(std::make_unique<WaiterFor<decltype(handler)>>(std::move(handler)));
        };
        const End end = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(End)>(
            std::move(initiate), asio::use_awaitable, seat.place);
        co_await asio::this_coro::throw_if_cancelled(throws);
        co_return end;
    }

    /// Wakes all who wait, and lets later ones pass. Throws `std::bad_alloc` if somebody could not be woken.
    void land()
    {
        Waiting woken;
        {
            const std::lock_guard lock{mutex_};
            landed_ = true;
            woken.swap(waiting_);
        }
        std::exception_ptr no_memory;
        for (const auto& [id, entry] : woken) {
            try {
                if (entry.waiter)
                    entry.waiter->complete(End::landed);
            } catch (const std::bad_alloc&) {
                no_memory = std::current_exception();
            }
        }
        if (no_memory)
            std::rethrow_exception(no_memory);
    }

private:
    struct Waiter
    {
        virtual ~Waiter() = default;
        /// To be called before the flight has the waiter.
        virtual void guard(const asio::execution_context& home) = 0;
        /// Called at most once.
        virtual void complete(End end) = 0;
    };

    template <class Handler>
    struct WaiterFor final : Waiter
    {
        explicit WaiterFor(Handler&& handler) : completion{std::move(handler)} {}
        void guard(const asio::execution_context& home) override
        {
            completion.guard(home, [] {}); // the coroutine leaves its seat when it is destroyed
        }
        void complete(End end) override { completion.complete(end); }

        net::Completion<Handler> completion;
    };

    /// One who waits. What ends the wait may come before the handler.
    struct Entry
    {
        std::unique_ptr<Waiter> waiter;
        std::optional<End> ended;
    };
    using Waiting = std::map<std::uint64_t, Entry>;

    /// A place among those who wait.
    struct Place
    {
        /// Ends the wait, if it has not ended.
        void end(End why) const
        {
            if (const auto alive = flight.lock())
                alive->end(id, why);
        }

        void wait(std::unique_ptr<Waiter> waiter) const
        {
            if (const auto alive = flight.lock())
                alive->wait(id, std::move(waiter));
            else
                waiter->complete(End::landed);
        }

        std::weak_ptr<Flight> flight;
        std::uint64_t id;
    };

    /// A place for as long as the coroutine is there.
    struct Seat
    {
        Seat(Flight& of, const std::weak_ptr<Flight>& flight) : place{flight, of.enter()} {}
        Seat(const Seat&) = delete;
        Seat& operator=(const Seat&) = delete;
        ~Seat()
        {
            if (const auto alive = place.flight.lock())
                alive->leave(place.id);
        }

        const Place place;
    };

    std::uint64_t enter()
    {
        const std::lock_guard lock{mutex_};
        if (!landed_)
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
        waiter->guard(*home_);
        End why = End::landed;
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
        waiter->complete(why);
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
            ended->complete(why);
    }

    const asio::execution_context* const home_; ///< To be compared, as it may be gone.
    std::mutex mutex_;
    bool landed_ = false;
    std::uint64_t last_id_ = 0;
    Waiting waiting_;
};

/// The completion handler of the coroutine that carries a flight out: has `end` called with what came of it, exactly
/// once. That is an error if there was no memory for the coroutine, or if it was destroyed before it ended.
template <class T, class EndFunction>
class Landing
{
public:
    Landing(Errc if_destroyed, EndFunction end) : if_destroyed_{if_destroyed}, end_{std::move(end)} {}
    Landing(Landing&& other) noexcept
        : if_destroyed_{other.if_destroyed_}, end_{std::exchange(other.end_, std::nullopt)}
    {}
    Landing& operator=(Landing&&) = delete;
    ~Landing()
    {
        if (!end_)
            return;
        try {
            (*end_)(unexpected{Error{if_destroyed_, "it was given up"}});
        } catch (const std::bad_alloc&) { // to wake somebody: that coroutine is destroyed
        }
    }

    void operator()(std::exception_ptr error, expected<T> result)
    {
        auto end = std::exchange(end_, std::nullopt);
        if (error) // there is but one: no memory
            result = unexpected{Error{Errc::connect, "no memory"}};
        (*end)(std::move(result));
    }

private:
    Errc if_destroyed_;
    std::optional<EndFunction> end_;
};

template <class T, class EndFunction>
Landing<T, EndFunction> make_landing(Errc if_destroyed, EndFunction end) noexcept
{
    return {if_destroyed, std::move(end)};
}

/// Bounds how many wait. Any thread.
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

    /// Null if as many wait as may.
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
