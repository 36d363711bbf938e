#pragma once

#include <passage/call_options.hpp>
#include <passage/error.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace passage {

/// How far a batch is.
struct BatchProgress
{
    BatchProgress() = default;

    std::size_t done = 0;   ///< Items whose result is there.
    std::size_t failed = 0; ///< Of those, the ones whose result is an error.
};

/// What a batch came to.
struct BatchSummary : BatchProgress
{
    BatchSummary() = default;

    /// Why the batch stopped before its end, if it did.
    std::optional<Error> stopped;
};

/// Settings of a batch.
class BatchOptions
{
public:
    BatchOptions() = default;

    /// Most items at a time; at least 1, and 64 without this. More than the client has connections
    /// (`PoolOptions::max_connections`) gains nothing.
    BatchOptions& window(std::size_t items)
    {
        window_ = items > 0 ? items : 1;
        return *this;
    }
    /// Whether `for_each` hands results over in the order of the items; as they come, without this. The window then
    /// holds all items whose results are not handed over yet, so that one that takes long may hold up others: a wider
    /// window evens that out.
    BatchOptions& in_order(bool ordered)
    {
        in_order_ = ordered;
        return *this;
    }
    /// The whole batch ends by then, with `Errc::timeout` for what is not done. If that time is over, nothing is sent.
    BatchOptions& deadline(std::chrono::steady_clock::time_point time)
    {
        deadline_ = time;
        return *this;
    }
    /// Settings of the call for each item. A call's deadline is the batch's if that is earlier
    /// (`CallOptions::no_later_than`).
    BatchOptions& each(CallOptions options)
    {
        each_ = std::move(options);
        return *this;
    }
    /// Called after each item. Must not block.
    BatchOptions& on_progress(std::function<void(const BatchProgress&)> callback)
    {
        on_progress_ = std::move(callback);
        return *this;
    }
    /// Which errors of an item stop the batch. Without this: those that every other item would meet too, which are a
    /// refused key (401), an operation that is not allowed (403), and a client that was closed.
    BatchOptions& stop_when(std::function<bool(const Error&)> rule)
    {
        stop_when_ = std::move(rule);
        return *this;
    }

    /// Most items at a time.
    std::size_t window() const noexcept { return window_; }
    /// Whether results are handed over in the order of the items.
    bool in_order() const noexcept { return in_order_; }
    /// By when the batch ends, if set.
    std::optional<std::chrono::steady_clock::time_point> deadline() const noexcept { return deadline_; }
    /// Settings of the call for each item.
    const CallOptions& each() const noexcept { return each_; }
    /// What is called after each item; may be empty.
    const std::function<void(const BatchProgress&)>& on_progress() const noexcept { return on_progress_; }
    /// Whether an error stops the batch.
    bool stops(const Error& error) const
    {
        if (stop_when_)
            return stop_when_(error);
        return is_unauthorized(error) || is_forbidden(error) || error.code == Errc::shut_down;
    }

private:
    std::size_t window_ = 64;
    bool in_order_ = false;
    std::optional<std::chrono::steady_clock::time_point> deadline_;
    CallOptions each_;
    std::function<void(const BatchProgress&)> on_progress_;
    std::function<bool(const Error&)> stop_when_;
};

} // namespace passage
