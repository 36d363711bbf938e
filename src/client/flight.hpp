#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// Something that is under way once, for all who wait for it. Any thread.
///
/// It belongs to whoever carries it out, and owns the coroutines that wait: if an execution context is destroyed with
/// the carrier in it, they go along. Those who wait have but a weak pointer.
class Flight : public std::enable_shared_from_this<Flight>
{
public:
    Flight() = default;
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;

    /// What ended a wait: the flight has landed, or is no more; or what befell the one who waited.
    enum class End { landed, cancelled, expired };

    using Clock = std::chrono::steady_clock;

    /// Waits for the landing: until then, until the coroutine is cancelled, by whatever type, or until a deadline, of
    /// which `executor` takes care. Completes on the awaiting coroutine's executor.
    static asio::awaitable<End> landing(std::weak_ptr<Flight> flight, const asio::any_io_executor& executor = {},
                                        Clock::time_point deadline = Clock::time_point::max())
    {
        auto initiate = [](auto handler, const std::weak_ptr<Flight>& weak, const asio::any_io_executor& watch,
                           Clock::time_point until) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            auto waiter = std::make_unique<WaiterFor<decltype(handler)>>(std::move(handler));
            const auto self = weak.lock();
            const std::uint64_t id = self ? self->add(waiter) : 0;
            if (waiter)
                return waiter->complete(End::landed);
            if (slot.is_connected())
                slot.assign([weak, id](asio::cancellation_type) {
                    if (const auto alive = weak.lock())
                        alive->end(id, End::cancelled);
                });
            if (until != Clock::time_point::max())
                self->expire(id, watch, until);
        };
        return asio::async_initiate<const asio::use_awaitable_t<>, void(End)>(std::move(initiate), asio::use_awaitable,
                                                                              std::move(flight), executor, deadline);
    }

    /// Wakes all who wait, and lets later ones pass.
    void land()
    {
        Waiters woken;
        {
            const std::lock_guard lock{mutex_};
            landed_ = true;
            woken.swap(waiters_);
        }
        for (const auto& [id, waiter] : woken)
            waiter->complete(End::landed);
    }

private:
    /// A timer on a strand of its own: those who set it off and those who stop it are on any thread.
    struct Alarm : std::enable_shared_from_this<Alarm>
    {
        explicit Alarm(const asio::any_io_executor& executor)
            : strand{asio::make_strand(executor)}, timer{strand, Clock::time_point::max()}
        {}

        template <class Handler>
        void set(Clock::time_point time, Handler handler)
        {
            asio::post(strand, [self = shared_from_this(), time, handler = std::move(handler)]() mutable {
                if (self->stopped)
                    return;
                self->timer.expires_at(time);
                self->timer.async_wait(std::move(handler));
            });
        }

        void stop()
        {
            asio::post(strand, [self = shared_from_this()] {
                self->stopped = true;
                self->timer.cancel();
            });
        }

        asio::strand<asio::any_io_executor> strand;
        asio::steady_timer timer;
        bool stopped = false;
    };

    struct Waiter
    {
        virtual ~Waiter()
        {
            if (alarm)
                alarm->stop();
        }
        /// Called once.
        virtual void complete(End end) = 0;

        std::shared_ptr<Alarm> alarm; ///< If there is a deadline.
    };

    template <class Handler>
    struct WaiterFor final : Waiter
    {
        explicit WaiterFor(Handler&& handler)
            : handler_{std::move(handler)}, work_{asio::make_work_guard(asio::get_associated_executor(handler_))}
        {}

        void complete(End end) override
        {
            asio::post(work_.get_executor(),
                       [handler = std::move(handler_), end]() mutable { std::move(handler)(end); });
            work_.reset();
        }

    private:
        Handler handler_;
        asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
    };

    using Waiters = std::map<std::uint64_t, std::unique_ptr<Waiter>>;

    /// Takes a waiter over, unless the flight has landed.
    template <class WaiterPtr>
    std::uint64_t add(WaiterPtr& waiter)
    {
        const std::lock_guard lock{mutex_};
        if (landed_)
            return 0;
        waiters_.emplace(++last_id_, std::move(waiter));
        return last_id_;
    }

    void end(std::uint64_t id, End why)
    {
        Waiters::node_type ended;
        {
            const std::lock_guard lock{mutex_};
            ended = waiters_.extract(id);
        }
        if (ended)
            ended.mapped()->complete(why);
    }

    void expire(std::uint64_t id, const asio::any_io_executor& executor, Clock::time_point deadline)
    {
        const auto alarm = std::make_shared<Alarm>(executor);
        alarm->set(deadline, [weak = weak_from_this(), id](const boost::system::error_code& ec) {
            if (const auto alive = weak.lock(); alive && !ec)
                alive->end(id, End::expired);
        });
        const std::lock_guard lock{mutex_};
        if (const auto at = waiters_.find(id); at != waiters_.end())
            at->second->alarm = alarm;
        else
            alarm->stop();
    }

    std::mutex mutex_;
    bool landed_ = false;
    std::uint64_t last_id_ = 0;
    Waiters waiters_;
};

} // namespace passage::client
