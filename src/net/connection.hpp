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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace passage::net {

/// The failure of an exchange whose connection was lost.
Failure connection_lost(error_code cause);

/// Data of a connection about an exchange.
struct ExchangeState
{
    virtual ~ExchangeState() = default;
};

/// A request and its response on a connection. The call owns what it points to.
struct Exchange
{
    const http::Request* request = nullptr;
    std::string_view trace_parent; ///< Empty if there is no trace.
    Progress* progress = nullptr;  ///< Updated by the connection's functions.
    ParkedCall* call = nullptr;    ///< Resumed when `Connection::advance` can make progress.
    std::unique_ptr<ExchangeState> state;
};

/// The remote end of a socket.
struct Peer
{
    std::string address; ///< The IP address, or the path of a Unix domain socket.
    std::uint16_t port = 0;
};

/// A connection to the server, over HTTP/1.1 or HTTP/2. Used on the strand only.
class Connection
{
public:
    using Result = expected<http::Response, Failure>;

    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virtual ~Connection() = default;

    /// Begins an exchange. The caller must call `wait` next, or `advance` if this returns false.
    virtual bool begin(Exchange& exchange) = 0;

    /// Continues the exchange as far as possible without waiting, for a bounded time. Returns nullopt if it must wait.
    virtual std::optional<Result> advance(Exchange& exchange) = 0;

    /// Resumes the call when `advance` can make progress. The wait owns the call.
    virtual void wait(Exchange& exchange, std::shared_ptr<ParkedCall> call) = 0;

    /// Ends a wait early.
    virtual void cancel(Exchange& exchange) = 0;

    /// Ends the exchange, complete or not. `keep` is whether the call permits other exchanges on the connection.
    /// Returns whether other exchanges are possible.
    virtual bool end(Exchange& exchange, bool keep) = 0;

    /// A response on the connection belonged to another request. Prevents further exchanges.
    virtual void distrust() = 0;

    /// Whether the connection can be used now: the server has neither closed it nor sent bytes outside of an exchange.
    virtual bool check_alive() = 0;

    /// Ends all waits for the socket.
    virtual void close() noexcept = 0;

    /// Calls `changed` when an event on the socket has changed `places` or `is_draining`. `close` ends this.
    virtual void on_change(std::function<void()> changed) = 0;
    /// Whether `places` or `is_draining` has changed since the last call.
    virtual bool take_change() noexcept = 0;

    /// Sets whether calls wait for a place. If so, a connection without places reads until the server permits some.
    virtual void want_places(bool wanted) = 0;

    /// How many concurrent exchanges are possible now.
    virtual std::size_t places() const noexcept = 0;
    /// How many concurrent exchanges the server permits.
    virtual std::size_t max_places() const noexcept = 0;
    /// Whether no exchange can begin. Those in flight may still succeed.
    virtual bool is_draining() const noexcept = 0;

    virtual HttpVersion version() const noexcept = 0;

    /// Whether the next response must belong to the next request. False after a response that names no user, app or
    /// identifier: it may have belonged to another request, and then all later ones do.
    virtual bool is_in_step() const noexcept = 0;
    virtual void set_in_step(bool in_step) noexcept = 0;
    /// Whether the response of the exchange with this number belonged to its request, as far as is known: nothing came
    /// after it, or a response that names its user, app or identifier.
    virtual bool was_in_step(unsigned exchange) = 0;

    /// Whether an exchange began on it before.
    bool was_used() const noexcept { return exchanges_ > 0; }
    /// Whether the server answered a request on it before.
    virtual bool was_answered() const noexcept = 0;
    /// How many exchanges began on it.
    unsigned exchanges() const noexcept { return exchanges_; }

    /// How long it took to establish.
    ConnectionTimings timings;
    /// The server, or the proxy.
    Peer peer;

protected:
    void count_exchange() noexcept { ++exchanges_; }

private:
    unsigned exchanges_ = 0;
};

} // namespace passage::net
