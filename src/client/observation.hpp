#pragma once

#include "api/operation.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"

#include <passage/call_options.hpp>
#include <passage/observer.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace passage::client {

/// What others than its caller know of a call that goes on. Any thread.
class CallReport
{
public:
    void begin_attempt(unsigned number);
    void stage(Stage stage);
    void retry(const Error& reason);

    /// Adds what is known to an error of somebody who waited for the call in vain.
    void add_to(Error& error) const;

private:
    mutable std::mutex mutex_;
    unsigned attempts_ = 0;
    Stage stage_ = Stage::none;
    Error last_; ///< Of the last attempt that failed.
    std::vector<FailedAttempt> failed_;
};

/// What is told of a call while it goes on: to its observer, to those who share it, and of its trace to the server.
///
/// This one tells nobody. Its functions are called as the call goes on, so by one thread at a time.
class Observation
{
public:
    virtual ~Observation() = default;

    /// `charged` is the number of attempts, this one included and replays not.
    virtual void begin_attempt(net::Clock::time_point /*now*/, unsigned /*charged*/) {}

    /// The attempt has a connection now.
    virtual void begin_exchange(const net::Connection& /*connection*/, net::Clock::time_point /*now*/) {}

    /// The attempt's place in the trace, as `traceparent` has it; empty if there is none. Valid during the attempt.
    virtual std::string_view trace_parent() { return {}; }

    /// Some of the response may have come.
    virtual void advance(const Progress& /*progress*/) {}

    virtual void end_attempt(int /*http_status*/, const Error* /*error*/) {}
    virtual void retry(const Error& /*reason*/, std::chrono::milliseconds /*wait*/, bool /*is_replay*/) {}

    /// `error` is null after a success.
    virtual void end(unsigned /*attempts*/, std::chrono::microseconds /*elapsed*/, const Error* /*error*/) {}
};

/// Tells that a call begins, and returns what the rest is told to; never null. `report` may be null.
std::shared_ptr<Observation> observe(Observer* observer, const api::Operation& operation, const http::BaseUrl& url,
                                     const CallOptions& options, std::shared_ptr<CallReport> report);

} // namespace passage::client
