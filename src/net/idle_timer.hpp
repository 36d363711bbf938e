#pragma once

#include "net/executor.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <utility>

namespace passage::net {

/// A timer that does not keep an execution context from running out of work. Used on the strand only.
///
/// It takes its own wait out of the context's count of work, which `io_context` alone lets others do. On an executor
/// of another context it never expires.
class IdleTimer
{
public:
    explicit IdleTimer(const Strand& strand);

    /// Whether it will call a handler.
    bool is_set() const noexcept { return is_set_; }

    /// Calls a handler on the strand at a time, unless this object is gone by then; no-op if it is set.
    template <class Handler>
    void set(Clock::time_point time, Handler handler)
    {
        if (!timer_ || is_set_)
            return;
        timer_->expires_at(time);
        timer_->async_wait([context = timer_->get_executor(), strand = strand_,
                            handler = std::move(handler)](const error_code& ec) mutable {
            context.on_work_started();
            if (!ec)
                asio::dispatch(strand, std::move(handler));
        });
        timer_->get_executor().on_work_finished();
        is_set_ = true;
    }

    /// To be called by the handler.
    void expired() noexcept { is_set_ = false; }

private:
    using Context = asio::io_context::executor_type;

    Strand strand_;
    std::optional<asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Context>> timer_;
    bool is_set_ = false;
};

} // namespace passage::net
