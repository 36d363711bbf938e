#pragma once

#include <passage/observer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace passage {

/// The severity of a line of a log, lowest first.
enum class LogSeverity {
    debug,   ///< Details for troubleshooting.
    info,    ///< Normal.
    warning, ///< A problem that the library handles.
    error,   ///< A failure.
};

/// Returns the name of the enumerator.
PASSAGE_EXPORT std::string_view to_string(LogSeverity severity) noexcept;

/// What a log observer writes: the severity of the line of each event. An event without a severity is not written.
///
/// By default slow calls and retries are written.
struct LogOptions
{
    LogOptions() = default;

    /// A call that took `slow_after` or longer, whether it succeeded or failed.
    std::optional<LogSeverity> slow_call = LogSeverity::warning;
    /// The time from the start of a call to its end after which it is slow.
    std::chrono::milliseconds slow_after = std::chrono::seconds{1};
    /// A retry, with the failure of the attempt before it and the wait.
    std::optional<LogSeverity> retry = LogSeverity::warning;
    /// An attempt that is repeated at once, and not counted: see `Retrying::is_replay`.
    std::optional<LogSeverity> replay;
    /// A call that failed, unless its caller cancelled it. The caller gets the same failure.
    std::optional<LogSeverity> failed_call;
    /// A call that its caller cancelled.
    std::optional<LogSeverity> cancelled_call;
    /// A call that succeeded.
    std::optional<LogSeverity> successful_call;
    /// The end of an attempt, with its times and its connection.
    std::optional<LogSeverity> attempt;
    /// A connection that was established.
    std::optional<LogSeverity> connection;
    /// A connection that could not be established, to the server or to the proxy. The calls that need it get the same
    /// failure. One that the client gave up (`ConnectionMade::failure`) is not written.
    std::optional<LogSeverity> failed_connection;
};

/// A function that writes a line of a log. The line has no line break at its end, and is valid during the call.
using LogFunction = std::function<void(LogSeverity severity, std::string_view line)>;

/// Returns an observer that writes one line for each event of `options` to a function. See `Config::observer`.
///
/// A line about a call names the operation, the method and the path template of its last request, and the server. A
/// line about a connection names the server. The end of a call is one event: if several options apply to it, the line
/// has the highest of their severities. A line has at most 1,024 bytes of valid UTF-8, without control characters: what
/// a server sent is escaped. It has no id or field of a user, no body, no message of an error and no API key. If the
/// caller set `CallOptions::trace_parent`, the line ends with the id of the trace.
///
/// \par Preconditions
/// `write` is not empty. It does not block, and does not use the client that calls it. If it throws, the line is lost
/// and the call continues.
/// \par Object lifetimes
/// The observer, and each of its calls in progress, keeps a copy of `write` alive.
/// \par Thread safety
/// `write` is called from any thread that a client or a caller runs on, and by several threads at the same time. It
/// must therefore be thread-safe.
PASSAGE_EXPORT std::shared_ptr<Observer> make_log_observer(LogFunction write, const LogOptions& options = {});

} // namespace passage
