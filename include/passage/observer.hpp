#pragma once

#include <passage/client_stats.hpp>
#include <passage/error.hpp>
#include <passage/trace_parent.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace passage {

/// How long it took to make a connection; a part that was not reached took no time.
struct ConnectionTimings
{
    ConnectionTimings() = default;

    std::chrono::microseconds dns{0};     ///< Resolving the host's name; next to nothing if it was known.
    std::chrono::microseconds connect{0}; ///< Making the TCP connection.
    std::chrono::microseconds tls{0};     ///< The TLS handshake; 0 for plain HTTP.
};

/// A call that begins.
struct CallStarted
{
    CallStarted() = default;

    /// The operation, as the member function of `Client` is named; "authenticate" for a fetch of token keys. Static
    /// storage.
    std::string_view operation;
    /// The method of its (first) request. Static storage.
    std::string_view method;
    /// Host and port that the client talks to. Valid during the call of the hook.
    std::string_view server_address;
    std::uint16_t server_port = 0; ///< See `server_address`.
    /// What the caller gave with `CallOptions::trace_parent`.
    std::optional<TraceParent> trace_parent;
};

/// What came of an attempt.
struct AttemptEnded
{
    AttemptEnded() = default;

    /// From 1, over all requests of the call.
    unsigned number = 0;
    /// From the attempt's begin until it had a connection; or to its end, if it got none.
    std::chrono::microseconds waited{0};
    /// Whether its connection had carried a request before.
    bool connection_reused = false;
    /// How long the connection took to be made, if it was new. It need not have been made for this attempt alone.
    ConnectionTimings connection;
    /// From the hand-over of the connection to the first byte of the response; or to the attempt's end, if none came.
    std::chrono::microseconds first_byte{0};
    /// From the first byte of the response to its end.
    std::chrono::microseconds body{0};
    /// Status of the response; 0 if there was none.
    int http_status = 0;
    /// Why it failed; none if it succeeded.
    std::optional<FailedAttempt> failure;
};

/// A further attempt that will be made.
struct Retrying
{
    Retrying() = default;

    /// What made the last one fail.
    FailedAttempt reason;
    /// How long is waited before it.
    std::chrono::milliseconds wait{0};
    /// The connection had died while it was idle: the attempt is made over again at once, and does not count.
    bool is_replay = false;
};

/// What came of a call.
struct CallEnded
{
    CallEnded() = default;

    /// From the call's begin to its end, reading the result included.
    std::chrono::microseconds elapsed{0};
    /// As in `Error::attempts`.
    unsigned attempts = 0;
    /// Why it failed; none if it succeeded.
    std::optional<FailedAttempt> failure;
    /// Whether the service acted, if the call failed.
    Effect effect = Effect::none;
    /// As in the caller's `Error`: the service's own code and its id of the request. Valid during the call of the hook.
    std::string_view api_code;
    std::string_view request_id; ///< See `api_code`.
};

/// A connection that was made, or could not be.
struct ConnectionMade
{
    ConnectionMade() = default;

    ConnectionTimings timings;            ///< How long it took.
    std::optional<FailedAttempt> failure; ///< Why there is none.
};

/// What is told of one call. Its hooks are called one after the other, from whatever thread the call is on.
///
/// Destroyed after `ended`; without it, if the call ended by `std::bad_alloc` or with its execution context.
///
/// A hook must not throw, wait, or use the client that calls it.
class PASSAGE_EXPORT CallObserver
{
public:
    virtual ~CallObserver();

    /// An attempt begins: it waits for a connection. What is returned goes out with its request as `traceparent`; if
    /// nothing is, what the caller gave does.
    virtual std::optional<TraceParent> attempt_started() noexcept;
    /// An attempt is over.
    virtual void attempt_ended(const AttemptEnded& attempt) noexcept;
    /// It will be made again.
    virtual void retrying(const Retrying& retry) noexcept;
    /// The call is over.
    virtual void ended(const CallEnded& call) noexcept;
};

/// What clients tell of their work, for logs, metrics and traces. See `Config::observer`.
///
/// What is told are names, numbers and codes: no id or field of a user, no body, no text of an error, no key.
///
/// Hooks are called from the executors of the client and of its callers, at the same time for distinct calls, so an
/// observer is thread-safe. A hook must not throw, wait, or use the client that calls it.
class PASSAGE_EXPORT Observer
{
public:
    virtual ~Observer();

    /// A call begins. What is returned hears of it; nobody, if there is none. On the caller's executor.
    ///
    /// A `coalesced_get_user` is no call of its own: the `get_user` that it shares is.
    virtual std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept;
    /// A connection was made, or could not be. On the client's strand.
    virtual void connection_made(const ConnectionMade& connection) noexcept;
    /// The pool changed. On the client's strand.
    virtual void pool_changed(const ClientStats& now) noexcept;
};

} // namespace passage
