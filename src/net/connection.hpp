#pragma once

#include "http/request.hpp"
#include "http/response.hpp"
#include "model/failure.hpp"
#include "model/progress.hpp"
#include "net/parked_calls.hpp"

#include <passage/expected.hpp>
#include <passage/http_version.hpp>
#include <passage/observer.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace passage::net {

/// The failure of a wait on a connection.
Failure connection_lost(error_code cause);

/// What a connection keeps of an exchange.
struct ExchangeState
{
    virtual ~ExchangeState() = default;
};

/// A request and its response on a connection. What it refers to is the call's, and outlives it.
struct Exchange
{
    const http::Request* request = nullptr;
    std::string_view trace_parent; ///< Empty for none.
    Progress* progress = nullptr;  ///< Kept current by the connection's functions.
    ParkedCall* call = nullptr;    ///< Is resumed when `Connection::advance` has something to do.
    std::unique_ptr<ExchangeState> state;
};

/// A connection to the server, of either version of HTTP. Used on the strand only.
class Connection
{
public:
    using Result = expected<http::Response, Failure>;

    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virtual ~Connection() = default;

    /// Begins an exchange. Then `advance` is due: after a wait, unless this returns false.
    virtual bool begin(Exchange& exchange) = 0;

    /// Goes as far as it can without waiting, and in a bounded time. Nullopt if there is more to wait for.
    virtual std::optional<Result> advance(Exchange& exchange) = 0;

    /// Resumes the call when `advance` has something to do. The wait owns the call.
    virtual void wait(Exchange& exchange, std::shared_ptr<ParkedCall> call) = 0;

    /// Ends a wait early.
    virtual void cancel(Exchange& exchange) = 0;

    /// The call wants no more of the exchange. Returns whether the connection may carry others; `keep` says whether the
    /// call leaves it fit for them.
    virtual bool end(Exchange& exchange, bool keep) = 0;

    /// An answer on it was another request's: there will be no other exchange.
    virtual void distrust() = 0;

    /// Looks whether the connection may be used now: it was not closed, and nothing came that nobody asked for.
    virtual bool check_alive() = 0;

    /// Ends all that waits on the socket.
    virtual void close() noexcept = 0;

    /// `changed` is called when an event on the socket has changed `places` or `is_draining`, until `close`.
    virtual void on_change(std::function<void()> changed) = 0;
    /// Whether `places` or `is_draining` have changed since this was asked before.
    virtual bool take_change() noexcept = 0;

    /// Says whether calls wait for a place: a connection without any reads then, to hear when the server allows some.
    virtual void want_places(bool wanted) = 0;

    /// How many exchanges may go on at a time.
    virtual std::size_t places() const noexcept = 0;
    /// How many exchanges the server allows at a time.
    virtual std::size_t max_places() const noexcept = 0;
    /// Whether it takes no further exchange, though those that go on may end well.
    virtual bool is_draining() const noexcept = 0;

    virtual HttpVersion version() const noexcept = 0;

    /// Whether the next answer can only be the next request's. Not so after an answer that named nobody: it may have
    /// come out of turn, and then all that follow do.
    virtual bool is_in_step() const noexcept = 0;
    virtual void set_in_step(bool in_step) noexcept = 0;
    /// Whether the answer to the exchange of this number was its own, as far as can be told: none came after it, or one
    /// that names whom it is for.
    virtual bool was_in_step(unsigned exchange) = 0;

    /// Whether a request was sent on it before.
    bool was_used() const noexcept { return exchanges_ > 0; }
    /// How many exchanges began on it.
    unsigned exchanges() const noexcept { return exchanges_; }

    /// How it was made.
    ConnectionTimings timings;
    /// The server's end.
    Endpoint peer;

protected:
    void count_exchange() noexcept { ++exchanges_; }

private:
    unsigned exchanges_ = 0;
};

} // namespace passage::net
