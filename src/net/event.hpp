#pragma once

#include "net/executor.hpp"

namespace passage::net {

/// Something that one coroutine waits for. Used on the strand only.
///
/// Built on a timer, so that the execution context owns the waiting coroutine: one that is destroyed takes it along.
class Event
{
public:
    explicit Event(const Strand& executor) : timer_{executor, Clock::time_point::max()} {}

    /// Returns when `set` was called since the last wait; earlier if the coroutine is cancelled.
    Task<void> wait()
    {
        const bool cancelled = is_cancelled(co_await asio::this_coro::cancellation_state);
        if (!set_ && !cancelled)
            co_await timer_.async_wait(as_tuple);
        set_ = false;
    }

    /// Wakes the waiting coroutine, or the next one to wait.
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
