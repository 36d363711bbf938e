#pragma once

#include <passage/error.hpp>
#include <passage/trace_parent.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage {

/// Settings of one call.
class CallOptions
{
public:
    CallOptions() = default;

    /// The call ends by then, with `Errc::timeout` or its result.
    CallOptions& deadline(std::chrono::steady_clock::time_point time)
    {
        deadline_ = time;
        timeout_.reset();
        return *this;
    }
    /// The call ends within this time from its start; in place of `TimeoutOptions::total`.
    CallOptions& timeout(std::chrono::milliseconds duration)
    {
        timeout_ = duration;
        deadline_.reset();
        return *this;
    }
    /// The call ends by then in any case, also if its `deadline`, its `timeout` or `TimeoutOptions::total` is later. Of
    /// several such times the earliest counts.
    CallOptions& no_later_than(std::chrono::steady_clock::time_point time)
    {
        latest_end_ = std::min(latest_end_, time);
        return *this;
    }
    /// The call repeats an earlier one, of the same operation with the same arguments, that failed with this error.
    ///
    /// If that one may have acted (`Error::effect` is not `none`), it counts as an attempt of this call does: the
    /// effect of this call is `unknown` if its attempts fail, and a delete that finds nothing succeeds. An error of
    /// another operation has no influence.
    CallOptions& repeats(const Error& earlier)
    {
        may_have_acted_ = earlier.effect == Effect::none ? std::string_view{} : earlier.operation;
        return *this;
    }
    /// Whether failed attempts may be repeated; true without this.
    CallOptions& retries(bool allowed)
    {
        retries_ = allowed;
        return *this;
    }
    /// The place in a distributed trace that the call belongs to, sent as `traceparent` with each attempt (W3C Trace
    /// Context); `Config::observer` may have a span of its own sent in its place. Goes well with
    /// `header("tracestate", ...)`.
    CallOptions& trace_parent(const TraceParent& place)
    {
        trace_parent_ = place;
        return *this;
    }
    /// Adds a header field to the request. Those that the library sets itself are refused, and so
    /// are names and values that RFC 9110, section 5, does not allow.
    CallOptions& header(std::string name, std::string value)
    {
        headers_.emplace_back(std::move(name), std::move(value));
        return *this;
    }

    /// The time by which the call ends, if set.
    std::optional<std::chrono::steady_clock::time_point> deadline() const noexcept { return deadline_; }
    /// The time that the call may take, if set.
    std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    /// The time by which the call ends in any case; the clock's last one if none was set.
    std::chrono::steady_clock::time_point no_later_than() const noexcept { return latest_end_; }
    /// The operation of the earlier call that this one repeats, if that one may have acted; else empty.
    std::string_view may_have_acted() const noexcept { return may_have_acted_; }
    /// Whether failed attempts may be repeated.
    bool retries() const noexcept { return retries_; }
    /// The place in a trace, if given.
    const std::optional<TraceParent>& trace_parent() const noexcept { return trace_parent_; }
    /// The further header fields: names and values.
    const std::vector<std::pair<std::string, std::string>>& headers() const noexcept { return headers_; }

    /// Whether all settings are equal.
    friend bool operator==(const CallOptions&, const CallOptions&) = default;

private:
    std::optional<std::chrono::steady_clock::time_point> deadline_;
    std::optional<std::chrono::milliseconds> timeout_;
    std::chrono::steady_clock::time_point latest_end_ = std::chrono::steady_clock::time_point::max();
    std::string_view may_have_acted_;
    bool retries_ = true;
    std::optional<TraceParent> trace_parent_;
    std::vector<std::pair<std::string, std::string>> headers_;
};

} // namespace passage
