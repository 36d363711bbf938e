#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

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

    /// Returns when the flight has landed, or is no more; or false as soon as the coroutine is cancelled, by whatever
    /// type. Completes on the awaiting coroutine's executor.
    static asio::awaitable<bool> landing(std::weak_ptr<Flight> flight)
    {
        auto initiate = [](auto handler, const std::weak_ptr<Flight>& weak) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            auto waiter = std::make_unique<WaiterFor<decltype(handler)>>(std::move(handler));
            const auto self = weak.lock();
            const std::uint64_t id = self ? self->add(waiter) : 0;
            if (waiter)
                waiter->complete(true);
            else if (slot.is_connected())
                slot.assign([weak, id](asio::cancellation_type) {
                    if (const auto alive = weak.lock())
                        alive->cancel(id);
                });
        };
        return asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(std::move(initiate), asio::use_awaitable,
                                                                               std::move(flight));
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
            waiter->complete(true);
    }

private:
    struct Waiter
    {
        virtual ~Waiter() = default;
        /// Called once.
        virtual void complete(bool landed) = 0;
    };

    template <class Handler>
    struct WaiterFor final : Waiter
    {
        explicit WaiterFor(Handler&& handler)
            : handler_{std::move(handler)}, work_{asio::make_work_guard(asio::get_associated_executor(handler_))}
        {}

        void complete(bool landed) override
        {
            asio::post(work_.get_executor(),
                       [handler = std::move(handler_), landed]() mutable { std::move(handler)(landed); });
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

    void cancel(std::uint64_t id)
    {
        Waiters::node_type cancelled;
        {
            const std::lock_guard lock{mutex_};
            cancelled = waiters_.extract(id);
        }
        if (cancelled)
            cancelled.mapped()->complete(false);
    }

    std::mutex mutex_;
    bool landed_ = false;
    std::uint64_t last_id_ = 0;
    Waiters waiters_;
};

} // namespace passage::client
