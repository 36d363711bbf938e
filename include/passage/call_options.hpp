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

/// Options of one call.
class CallOptions
{
public:
    CallOptions() = default;

    /// Sets the time by which the call completes, with its result or with `Errc::timeout`.
    ///
    /// Replaces `TimeoutOptions::total` and an earlier `timeout`. If the time has passed already, nothing is sent.
    CallOptions& deadline(std::chrono::steady_clock::time_point time)
    {
        deadline_ = time;
        timeout_.reset();
        return *this;
    }
    /// Sets the maximum time from the start of the call to its completion.
    ///
    /// Replaces `TimeoutOptions::total` and an earlier `deadline`. If it is not longer than 0, nothing is sent.
    CallOptions& timeout(std::chrono::milliseconds duration)
    {
        timeout_ = duration;
        deadline_.reset();
        return *this;
    }
    /// Sets a time by which the call completes even if its `deadline`, its `timeout` or `TimeoutOptions::total` is
    /// later.
    ///
    /// If it is called several times, the earliest time applies.
    CallOptions& no_later_than(std::chrono::steady_clock::time_point time)
    {
        latest_end_ = std::min(latest_end_, time);
        return *this;
    }
    /// States that the call repeats an earlier call, of the same operation with the same arguments, that failed with
    /// this error.
    ///
    /// If the earlier call may have acted (`Error::effect` is not `Effect::none`), it counts like an attempt of this
    /// call: the effect of this call is `Effect::unknown` if its attempts fail, and a delete that finds nothing
    /// succeeds. An error of another operation has no effect on the call.
    CallOptions& repeats(const Error& earlier)
    {
        may_have_acted_ = earlier.effect == Effect::none ? std::string_view{} : earlier.operation;
        return *this;
    }
    /// Sets whether failed attempts may be retried. The default is true.
    CallOptions& retries(bool allowed)
    {
        retries_ = allowed;
        return *this;
    }
    /// Sets the position in a distributed trace that the call belongs to (W3C Trace Context).
    ///
    /// Each attempt sends it as the header field `traceparent`, unless `Config::observer` supplies a span of its own.
    /// May be combined with `header("tracestate", ...)`.
    CallOptions& trace_parent(const TraceParent& place)
    {
        trace_parent_ = place;
        return *this;
    }
    /// Adds a header field to the request.
    ///
    /// The call completes with `Errc::invalid_argument` if the name is not a token (RFC 9110, section 5.6.2), if the
    /// value contains anything but printable ASCII or begins or ends with a space, or if the field is reserved:
    /// `Accept`, `Accept-Encoding`, `Authorization`, `Connection`, `Content-Encoding`, `Content-Length`,
    /// `Content-Type`, `Expect`, `Host`, `Keep-Alive`, `Passage-Version`, `Proxy-Authorization`, `Proxy-Connection`,
    /// `TE`, `traceparent`, `Trailer`, `Transfer-Encoding`, `Upgrade` or `User-Agent`. It completes with
    /// `Errc::too_large` if all added fields exceed 64 KiB.
    CallOptions& header(std::string name, std::string value)
    {
        headers_.emplace_back(std::move(name), std::move(value));
        return *this;
    }

    /// Returns the time by which the call completes, if set.
    std::optional<std::chrono::steady_clock::time_point> deadline() const noexcept { return deadline_; }
    /// Returns the maximum time that the call takes, if set.
    std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    /// Returns the time by which the call completes in any case; the maximum of the clock if none is set.
    std::chrono::steady_clock::time_point no_later_than() const noexcept { return latest_end_; }
    /// Returns the operation of the earlier call that this call repeats, if that call may have acted; otherwise empty.
    std::string_view may_have_acted() const noexcept { return may_have_acted_; }
    /// Returns whether failed attempts may be retried.
    bool retries() const noexcept { return retries_; }
    /// Returns the position in a trace, if set.
    const std::optional<TraceParent>& trace_parent() const noexcept { return trace_parent_; }
    /// Returns the names and values of the added header fields.
    const std::vector<std::pair<std::string, std::string>>& headers() const noexcept { return headers_; }

    /// Returns whether all options are equal.
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
