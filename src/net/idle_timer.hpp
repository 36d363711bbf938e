#pragma once

#include "net/executor.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <utility>

namespace passage::net {

/// A timer that does not keep an execution context from running out of work. Used on the strand only.
///
/// Subtracts its wait from the context's count of outstanding work. Only `io_context` allows that: on an executor of
/// another context the timer never expires.
class IdleTimer
{
public:
    explicit IdleTimer(const Strand& strand);

    /// Whether a handler will be called by this time. Not if its own time has passed: it may be lost for lack of
    /// memory.
    bool is_set_by(Clock::time_point time) const noexcept
    {
        return is_set_ && timer_->expiry() <= time && Clock::now() < timer_->expiry();
    }

    /// Calls a handler on the strand at a time, unless this object is destroyed before. A no-op if one will be called
    /// by that time. Replaces one that would be called later.
    template <class Handler>
    void set(Clock::time_point time, Handler handler)
    {
        if (!timer_ || is_set_by(time))
            return;
        is_set_ = false;
        timer_->expires_at(time); // cancels the wait for a later time
        timer_->async_wait([context = timer_->get_executor(), strand = strand_,
                            handler = std::move(handler)](const error_code& ec) mutable {
            context.on_work_started();
            if (!ec)
                asio::dispatch(strand, std::move(handler));
        });
        timer_->get_executor().on_work_finished();
        is_set_ = true;
    }

    /// The handler must call this.
    void expired() noexcept { is_set_ = false; }

private:
    using Context = asio::io_context::executor_type;

    Strand strand_;
    std::optional<asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Context>> timer_;
    bool is_set_ = false;
};

} // namespace passage::net
