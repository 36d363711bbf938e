#pragma once

#include "api/operation.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"

#include <passage/call_options.hpp>
#include <passage/observer.hpp>
#include <passage/secret.hpp>

#include <memory>

namespace passage::client {

/// What is told of a call while it goes on: to its observer, and of its trace to the server.
///
/// There is none for a call that nobody observes and that is part of no trace. Its functions are called as the call
/// goes on, so by one thread at a time.
class Observation
{
public:
    Observation(std::shared_ptr<CallObserver> observer, std::optional<TraceParent> trace_parent);

    void begin_attempt(net::Clock::time_point now);

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
    const std::shared_ptr<CallObserver> observer_; ///< None if there is only a trace.
    const std::optional<TraceParent> given_;
    std::optional<TraceParent> sent_; ///< In this attempt.
    Secret request_;                  ///< With what is sent; as long as it is needed.
    AttemptEnded attempt_;
    net::Clock::time_point attempt_begin_;
    std::optional<net::Clock::time_point> exchange_begin_;
    std::optional<net::Clock::time_point> first_byte_;
};

/// Tells that a call begins. None if nobody is to be told of it.
std::shared_ptr<Observation> observe(Observer* observer, const api::Operation& operation, const http::BaseUrl& url,
                                     const CallOptions& options);

} // namespace passage::client
