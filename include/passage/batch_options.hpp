#pragma once

#include <passage/call_options.hpp>
#include <passage/error.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace passage {

/// The progress of a batch.
struct BatchProgress
{
    BatchProgress() = default;

    std::size_t done = 0;   ///< The number of items that have a result.
    std::size_t failed = 0; ///< The number of items whose result is an error; included in `done`.
};

/// The outcome of a batch.
struct BatchSummary : BatchProgress
{
    BatchSummary() = default;

    /// The error that stopped the batch before all items were done; absent if it did not stop.
    std::optional<Error> stopped;
};

/// Settings of a batch.
class BatchOptions
{
public:
    BatchOptions() = default;

    /// Sets the maximum number of items at a time. The default is 64; 0 is taken as 1. Over HTTP/1.1 a window that
    /// exceeds `PoolOptions::max_connections` of the client gains nothing. Over HTTP/2 a connection carries many calls.
    BatchOptions& window(std::size_t items)
    {
        window_ = items > 0 ? items : 1;
        return *this;
    }
    /// Sets whether `for_each` delivers results in the order of the items. By default it delivers them as they arrive.
    ///
    /// In order, the window holds all items whose results are not delivered yet, so one slow item may hold up others. A
    /// larger window reduces this effect.
    BatchOptions& in_order(bool ordered)
    {
        in_order_ = ordered;
        return *this;
    }
    /// Sets the time by which the whole batch ends. Items that are not done by then end with `Errc::timeout`. If the
    /// time has already passed, nothing is sent.
    BatchOptions& deadline(std::chrono::steady_clock::time_point time)
    {
        deadline_ = time;
        return *this;
    }
    /// Sets the options of the call for each item. The deadline of the batch applies to each call if it is earlier than
    /// the call's own (`CallOptions::no_later_than`).
    BatchOptions& each(CallOptions options)
    {
        each_ = std::move(options);
        return *this;
    }
    /// Sets a function that is called after each item, on the executor on which `for_each` calls its functions. It must
    /// not block.
    BatchOptions& on_progress(std::function<void(const BatchProgress&)> callback)
    {
        on_progress_ = std::move(callback);
        return *this;
    }
    /// Sets a function that returns whether an error of an item stops the batch. By default these are the errors that
    /// every other item would get too: a refused API key (401), an operation that is not allowed (403), and a closed
    /// client (`Errc::shut_down`).
    BatchOptions& stop_when(std::function<bool(const Error&)> rule)
    {
        stop_when_ = std::move(rule);
        return *this;
    }

    /// Returns the maximum number of items at a time.
    std::size_t window() const noexcept { return window_; }
    /// Returns whether results are delivered in the order of the items.
    bool in_order() const noexcept { return in_order_; }
    /// Returns the time by which the batch ends, if set.
    std::optional<std::chrono::steady_clock::time_point> deadline() const noexcept { return deadline_; }
    /// Returns the options of the call for each item.
    const CallOptions& each() const noexcept { return each_; }
    /// Returns the function that is called after each item; may be empty.
    const std::function<void(const BatchProgress&)>& on_progress() const noexcept { return on_progress_; }
    /// Returns whether an error of an item stops the batch.
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
