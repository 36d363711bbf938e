#pragma once

#include "net/executor.hpp"

namespace passage::net {

/// An event that one coroutine waits for. Used on the strand only.
///
/// Uses a timer, so that the execution context destroys the waiting coroutine when it is destroyed.
class Event
{
public:
    explicit Event(const Strand& executor) : timer_{executor, Clock::time_point::max()} {}

    /// Waits for `set`. Returns at once if it was called since the last wait, and early if the coroutine is cancelled.
    Task<void> wait()
    {
        const bool cancelled = is_cancelled(co_await asio::this_coro::cancellation_state);
        if (!set_ && !cancelled)
            co_await timer_.async_wait(as_tuple);
        set_ = false;
    }

    /// Makes `wait` return at this time even without `set`. Must be called before it.
    void give_up_at(Clock::time_point time) { timer_.expires_at(time); }

    /// Resumes the waiting coroutine; if there is none, the next `wait` returns at once.
    void set()
    {
        set_ = true;
        timer_.cancel();
    }

private:
    Timer timer_;
    bool set_ = false;
};

} // namespace passage::net
