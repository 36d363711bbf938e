#pragma once

#include "api/operation.hpp"
#include "http/response.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"

#include <passage/error.hpp>
#include <passage/secret.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <optional>

namespace passage::client {

namespace asio = boost::asio;

/// What a call came to: a response of success, or an error.
struct Outcome
{
    http::Response response;
    std::optional<Error> error;
    unsigned attempts = 0;
};

/// A call under way. All but `deadline` and `request` belong to the strand.
class Call : public net::Deadlines::Watched
{
public:
    Call(const api::Operation& of, Secret bytes, bool repeated, net::Clock::time_point until)
        : operation{of}, request{std::move(bytes)}, retries{repeated}, deadline{until}
    {}
    virtual ~Call() = default;

    /// Hands the outcome to the caller, on the caller's executor. Called once.
    virtual void complete(std::exception_ptr error, Outcome outcome) = 0;

    /// The caller wants no more. Total cancellation is for calls that left no trace: it comes too late once the request
    /// was sent.
    void cancel(asio::cancellation_type type);

    /// Breaks off whatever the call waits for, for a reason that stays.
    void stop(Errc reason);

    const api::Operation& operation;
    const Secret request;
    const bool retries;
    const net::Clock::time_point deadline;

    /// Why the call is to end, if it is.
    std::optional<Errc> stopped;
    /// The attempt took too long; the call may go on with another.
    bool attempt_expired = false;
    net::Progress progress;
    asio::cancellation_signal signal;

private:
    void interrupt(net::Interrupt why) override;
};

} // namespace passage::client
