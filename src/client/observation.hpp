#pragma once

#include "api/operation.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"

#include <passage/call_options.hpp>
#include <passage/observer.hpp>
#include <passage/secret.hpp>

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
/// There is none for a call that nobody observes or shares and that is part of no trace. Its functions are called as
/// the call goes on, so by one thread at a time.
class Observation
{
public:
    Observation(std::shared_ptr<CallObserver> observer, std::shared_ptr<CallReport> report,
                std::optional<TraceParent> trace_parent);

    /// `charged` is the number of attempts, this one included and replays not.
    void begin_attempt(net::Clock::time_point now, unsigned charged);

    /// The attempt has a connection now. Returns what to send on it: the request, with the place in the trace.
    std::string_view begin_exchange(const net::Connection& connection, net::Clock::time_point now,
                                    std::string_view request);

    /// Some of the response may have come.
    void advance(const net::Progress& progress);

    void end_attempt(int http_status, std::optional<FailedAttempt> failure);
    void retry(const Error& reason, std::chrono::milliseconds wait, bool is_replay);

    /// `error` is none after a success.
    void end(unsigned attempts, std::chrono::microseconds elapsed, const Error* error);

private:
    const std::shared_ptr<CallObserver> observer_; ///< May be none.
    const std::shared_ptr<CallReport> report_;     ///< May be none.
    const std::optional<TraceParent> given_;
    std::optional<TraceParent> sent_; ///< In this attempt.
    Secret request_;                  ///< With what is sent; as long as it is needed.
    AttemptEnded attempt_;
    net::Clock::time_point attempt_begin_;
    std::optional<net::Clock::time_point> exchange_begin_;
    std::optional<net::Clock::time_point> first_byte_;
};

/// Tells that a call begins. None if nobody is to be told of it. `report` may be null.
std::shared_ptr<Observation> observe(Observer* observer, const api::Operation& operation, const http::BaseUrl& url,
                                     const CallOptions& options, std::shared_ptr<CallReport> report);

} // namespace passage::client
