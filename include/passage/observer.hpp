#pragma once

#include <passage/client_stats.hpp>
#include <passage/error.hpp>
#include <passage/http_version.hpp>
#include <passage/trace_parent.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace passage {

/// The time that it took to establish a connection. The time of a step that was not reached is 0.
struct ConnectionTimings
{
    ConnectionTimings() = default;

    std::chrono::microseconds dns{0};     ///< To resolve the name of the server, or of the proxy; almost 0 if cached.
    std::chrono::microseconds connect{0}; ///< To connect the socket to the server, or to the proxy.
    std::chrono::microseconds proxy{0};   ///< To open the tunnel through the proxy; 0 without a proxy.
    std::chrono::microseconds tls{0};     ///< To perform the TLS handshake with the server; 0 for plain HTTP.
};

/// The start of a call.
struct CallStarted
{
    CallStarted() = default;

    /// The name of the operation, which is that of the member function of `Client`, or "authenticate" for a fetch of
    /// token keys. Refers to static storage.
    std::string_view operation;
    /// The HTTP method of the first request of the call. Refers to static storage.
    std::string_view method;
    /// The path of the first request below the app's, with placeholders for ids, such as "/users/{user_id}". Refers to
    /// static storage.
    std::string_view path_template;
    /// The host of the server. Valid while the hook runs.
    std::string_view server_address;
    std::uint16_t server_port = 0; ///< The port of the server.
    /// The URL of the app, to which the path of each request is appended: `https://host[:port][/prefix]/apps/my_app`.
    /// Valid while the hook runs.
    std::string_view app_url;
    /// The position that the caller set with `CallOptions::trace_parent`, if any.
    std::optional<TraceParent> trace_parent;
};

/// The start of an attempt.
struct AttemptStarted
{
    AttemptStarted() = default;

    /// The number of the attempt, from 1, counted over all requests of the call.
    unsigned number = 0;
    std::string_view method;        ///< The HTTP method of the request. Refers to static storage.
    std::string_view path_template; ///< As in `CallStarted`, of this request. Refers to static storage.
};

/// The outcome of an attempt.
struct AttemptEnded
{
    AttemptEnded() = default;

    /// The number of the attempt, from 1, counted over all requests of the call.
    unsigned number = 0;
    /// The time from the start of the attempt until it got a connection, or until its end if it got none.
    std::chrono::microseconds waited{0};
    /// Whether the connection had carried a request before.
    bool connection_reused = false;
    /// The time that it took to establish the connection, if it was new. It may have been established for another
    /// attempt.
    ConnectionTimings connection;
    /// The version of HTTP that was used; absent if the attempt got no connection.
    std::optional<HttpVersion> http_version;
    /// The IP address of the server, or of the proxy if one was used; the path of a Unix domain socket. Empty if the
    /// attempt got no connection. Valid while the hook runs.
    std::string_view peer_address;
    std::uint16_t peer_port = 0; ///< The port of the server or the proxy; 0 for a Unix domain socket.
    /// The time from when the attempt got the connection to the first byte of the response, or to the end of the
    /// attempt if no byte arrived.
    std::chrono::microseconds first_byte{0};
    /// The time from the first byte of the response to its end.
    std::chrono::microseconds body{0};
    /// The HTTP status of the response; 0 if none was read to its end.
    int http_status = 0;
    /// The failure; absent if the attempt succeeded.
    std::optional<FailedAttempt> failure;
};

/// A retry that will be made.
struct Retrying
{
    Retrying() = default;

    /// The failure of the last attempt.
    FailedAttempt reason;
    /// The wait before the next attempt.
    std::chrono::milliseconds wait{0};
    /// True if a connection on which an earlier request had been answered was lost before the response began, or if the
    /// server responded with 421. The attempt is then repeated immediately on another connection, and is not counted.
    bool is_replay = false;
};

/// The outcome of a call.
struct CallEnded
{
    CallEnded() = default;

    /// The time from the start of the call to its end, including the decoding of the result.
    std::chrono::microseconds elapsed{0};
    /// The number of attempts, as in `Error::attempts`.
    unsigned attempts = 0;
    /// The failure; absent if the call succeeded.
    std::optional<FailedAttempt> failure;
    /// Says whether the service acted, if the call failed.
    Effect effect = Effect::none;
    /// The error code of the service, as in `Error::api_code`. Valid while the hook runs.
    std::string_view api_code;
    std::string_view request_id; ///< As in `Error::request_id`. Valid while the hook runs.
};

/// The outcome of establishing a connection.
struct ConnectionMade
{
    ConnectionMade() = default;

    std::string_view server_address; ///< The host of the server. Valid while the hook runs.
    std::uint16_t server_port = 0;   ///< The port of the server.
    ConnectionTimings timings;       ///< The time that it took.
    /// The failure, of the server or of the proxy; absent if the connection was established. `Errc::cancelled`: the
    /// client gave the connection up, as no call needed it any more or as `reload_tls` was called. Nothing failed then.
    std::optional<FailedAttempt> failure;
};

/// A change of the pool.
struct PoolChanged
{
    PoolChanged() = default;

    std::string_view server_address; ///< The host of the server. Valid while the hook runs.
    std::uint16_t server_port = 0;   ///< The port of the server.
    ClientStats before;              ///< The numbers of the previous notification of this client; initially 0.
    ClientStats now;                 ///< The client's numbers.
};

/// The observer of one call.
///
/// \par Preconditions
/// A hook must not throw, block, or use the client that calls it.
/// \par Object lifetimes
/// The observer is destroyed after `ended`. It is destroyed without a call of `ended` if there is no memory to start or
/// to complete the call, or if the call is destroyed with its execution context.
/// \par Thread safety
/// The hooks of one call are called one at a time, from any thread that the call runs on.
class PASSAGE_EXPORT CallObserver
{
public:
    virtual ~CallObserver();

    /// Called when an attempt starts and waits for a connection.
    ///
    /// The return value is sent with the request as `traceparent`. If it is absent, the position that the caller set is
    /// sent.
    virtual std::optional<TraceParent> attempt_started(const AttemptStarted& attempt) noexcept;
    /// Called when an attempt has ended, for each that started, before `ended`.
    virtual void attempt_ended(const AttemptEnded& attempt) noexcept;
    /// Called when a further attempt will be made.
    virtual void retrying(const Retrying& retry) noexcept;
    /// Called when the call has ended.
    virtual void ended(const CallEnded& call) noexcept;
};

/// An observer of the calls and connections of clients, for logs, metrics and traces. See `Config::observer`.
///
/// An observer gets names, numbers and codes. It gets no id or field of a user, no body, no message of an error, and no
/// API key.
///
/// \par Preconditions
/// A hook must not throw, block, or use the client that calls it.
/// \par Thread safety
/// Hooks are called from the executors of the client and of its callers, and at the same time for distinct calls. An
/// observer must therefore be thread-safe.
class PASSAGE_EXPORT Observer
{
public:
    virtual ~Observer();

    /// Called when a call starts, on the caller's executor.
    ///
    /// Returns the observer of the call, or null if the call is not observed. Callers of `coalesced_get_user` that
    /// share a request are observed as one call.
    virtual std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept;
    /// Called when a connection was established, or could not be established, on the client's strand.
    virtual void connection_made(const ConnectionMade& connection) noexcept;
    /// Called when the pool changed, on the client's strand. The last notification of each client reports no
    /// connections and no waiting calls. It is made at the latest when the client's execution context is destroyed.
    virtual void pool_changed(const PoolChanged& change) noexcept;
};

/// Returns an observer that passes each event on to several observers, in their order. Null pointers are ignored.
///
/// A call is observed by the observers whose `call_started` does not return null. If several of them return a position
/// for an attempt, the first position is sent.
PASSAGE_EXPORT std::shared_ptr<Observer> join_observers(std::vector<std::shared_ptr<Observer>> observers);

} // namespace passage
