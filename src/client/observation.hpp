#pragma once

#include "api/operation.hpp"
#include "http/request.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"

#include <passage/call_options.hpp>
#include <passage/observer.hpp>

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace passage::client {

/// The progress of a call, for callers that share it and may stop waiting. Thread-safe.
class CallReport
{
public:
    void begin_attempt(unsigned number);
    void stage(Stage stage);
    void retry(const Error& reason);

    /// Adds the progress to the error of a caller that stopped waiting.
    void add_to(Error& error) const;

private:
    mutable std::mutex mutex_;
    unsigned attempts_ = 0;
    Stage stage_ = Stage::none;
    Error last_; ///< Of the last attempt that failed.
    std::vector<FailedAttempt> failed_;
};

/// Reports the progress of a call: to `Config::observer`, in a `CallReport` to callers that share it, and by
/// `traceparent` to the server.
///
/// The base class reports nothing. The functions are called by one thread at a time.
class Observation
{
public:
    virtual ~Observation() = default;

    /// `charged` is the number of attempts without replays, including this one.
    virtual void begin_attempt(const http::Request& /*request*/, net::Clock::time_point /*now*/, unsigned /*charged*/)
    {}

    /// The attempt got a connection.
    virtual void begin_exchange(const net::Connection& /*connection*/, net::Clock::time_point /*now*/) {}

    /// The attempt's `traceparent` field; empty if there is no trace. Valid during the attempt.
    virtual std::string_view trace_parent() { return {}; }

    /// The exchange made progress.
    virtual void advance(const Progress& /*progress*/) {}

    virtual void end_attempt(int /*http_status*/, const Error* /*error*/) {}
    virtual void retry(const Error& /*reason*/, std::chrono::milliseconds /*wait*/, bool /*is_replay*/) {}

    /// `error` is null after a success.
    virtual void end(unsigned /*attempts*/, std::chrono::microseconds /*elapsed*/, const Error* /*error*/) {}
};

/// Reports the start of a call, and returns the object to report the rest to; never null. `report` may be null.
std::shared_ptr<Observation> observe(Observer* observer, const api::Operation& operation, const http::BaseUrl& url,
                                     std::string_view app_url, const CallOptions& options,
                                     std::shared_ptr<CallReport> report);

} // namespace passage::client
