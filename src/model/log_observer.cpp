#include <passage/log_observer.hpp>

#include "model/failure.hpp"
#include "model/hex.hpp"
#include "model/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

namespace passage {
namespace {

constexpr std::size_t max_line = 1024;

/// What is written, and to where. Shared by an observer and its calls.
struct Log
{
    LogFunction write;
    LogOptions options;
};

/// Writes the line that `make` returns, if there is a severity. A line that can't be made or written is lost.
template <class Make>
void write_line(const Log& log, std::optional<LogSeverity> severity, Make make) noexcept
{
    if (!severity)
        return;
    try {
        log.write(*severity, printable(make(), max_line));
    } catch (...) {
        // The log must not break a call.
    }
}

/// Appends a time in milliseconds: "12.3 ms".
void append_time(std::string& line, std::chrono::microseconds time)
{
    const auto tenths = time.count() / 100;
    line.append(std::to_string(tenths / 10)).append(".").append(std::to_string(tenths % 10)).append(" ms");
}

/// Appends an address and a port: "users.example.com port 443". A Unix domain socket has no port.
void append_server(std::string& line, std::string_view address, std::uint16_t port)
{
    line.append(address);
    if (port != 0)
        line.append(" port ").append(std::to_string(port));
}

class LogCall final : public CallObserver
{
public:
    LogCall(std::shared_ptr<const Log> log, const CallStarted& call)
        : log_{std::move(log)},
          operation_{call.operation},
          method_{call.method},
          path_template_{call.path_template},
          server_address_{call.server_address},
          server_port_{call.server_port},
          trace_parent_{call.trace_parent}
    {}

    std::optional<TraceParent> attempt_started(const AttemptStarted& attempt) noexcept override
    {
        method_ = attempt.method;
        path_template_ = attempt.path_template;
        return std::nullopt;
    }

    void attempt_ended(const AttemptEnded& attempt) noexcept override
    {
        attempt_ = attempt.number;
        write_line(*log_, log_->options.attempt, [&] { return attempt_line(attempt); });
    }

    void retrying(const Retrying& retry) noexcept override
    {
        const LogOptions& options = log_->options;
        write_line(*log_, retry.is_replay ? options.replay : options.retry, [&] { return retry_line(retry); });
    }

    void ended(const CallEnded& call) noexcept override
    {
        const LogOptions& options = log_->options;
        const bool is_cancelled = call.failure && call.failure->code == Errc::cancelled;
        std::optional<LogSeverity> severity = !call.failure  ? options.successful_call
                                              : is_cancelled ? options.cancelled_call
                                                             : options.failed_call;
        // Microseconds cannot express all values of `slow_after`.
        if (std::chrono::floor<std::chrono::milliseconds>(call.elapsed) >= options.slow_after)
            severity = std::max(severity, options.slow_call); // none is less than any
        write_line(*log_, severity, [&] { return end_line(call); });
    }

private:
    std::string begin_line() const { return std::string{operation_}.append(": "); }

    std::string end_of(std::string line) const
    {
        line.append(" (").append(method_).append(" ").append(path_template_.empty() ? "/" : path_template_);
        line += ", ";
        append_server(line, server_address_, server_port_);
        if (trace_parent_ && trace_parent_->is_valid()) {
            line += ", trace ";
            for (const std::uint8_t byte : trace_parent_->trace_id)
                append_hex(line, static_cast<char>(byte));
        }
        return line += ')';
    }

    std::string attempt_line(const AttemptEnded& attempt) const
    {
        std::string line = begin_line();
        line.append("attempt ").append(std::to_string(attempt.number));
        if (attempt.failure) {
            line += " failed: ";
            append_failure(line, *attempt.failure);
        } else {
            line.append(" succeeded: ").append(std::to_string(attempt.http_status));
        }
        line += ", waited ";
        append_time(line, attempt.waited);
        if (attempt.http_version) {
            line += ", first byte ";
            append_time(line, attempt.first_byte);
            line += ", body ";
            append_time(line, attempt.body);
            line += *attempt.http_version == HttpVersion::http2 ? ", HTTP/2" : ", HTTP/1.1";
            line += attempt.connection_reused ? ", reused connection to " : ", new connection to ";
            append_server(line, attempt.peer_address, attempt.peer_port);
        }
        return end_of(std::move(line));
    }

    std::string retry_line(const Retrying& retry) const
    {
        std::string line = begin_line();
        line.append("attempt ").append(std::to_string(attempt_)).append(" failed: ");
        append_failure(line, retry.reason);
        if (retry.is_replay)
            line += ", repeated at once";
        else
            line.append(", retry in ").append(std::to_string(retry.wait.count())).append(" ms");
        return end_of(std::move(line));
    }

    std::string end_line(const CallEnded& call) const
    {
        std::string line = begin_line();
        line += call.failure ? "failed in " : "succeeded in ";
        append_time(line, call.elapsed);
        line.append(", attempts ").append(std::to_string(call.attempts));
        if (call.failure) {
            line += ": ";
            append_failure(line, *call.failure);
            if (!call.api_code.empty())
                line.append(" ").append(call.api_code);
            if (call.effect != Effect::none)
                line.append(", effect ").append(to_string(call.effect));
            if (!call.request_id.empty())
                line.append(", request id ").append(call.request_id);
        }
        return end_of(std::move(line));
    }

    const std::shared_ptr<const Log> log_;
    const std::string_view operation_;
    std::string_view method_; ///< Of the last request, as the path.
    std::string_view path_template_;
    const std::string server_address_;
    const std::uint16_t server_port_;
    const std::optional<TraceParent> trace_parent_;
    unsigned attempt_ = 0; ///< The number of the last one that ended.
};

class LogObserver final : public Observer
{
public:
    explicit LogObserver(Log log) : log_{std::make_shared<const Log>(std::move(log))} {}

    std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept override
    try {
        return std::make_shared<LogCall>(log_, call);
    } catch (...) {
        return nullptr; // no memory
    }

    void connection_made(const ConnectionMade& connection) noexcept override
    {
        if (connection.failure && connection.failure->code == Errc::cancelled)
            return; // given up, not failed
        const LogOptions& options = log_->options;
        write_line(*log_, connection.failure ? options.failed_connection : options.connection, [&] {
            std::string line = "connection to ";
            append_server(line, connection.server_address, connection.server_port);
            if (connection.failure) {
                line += " failed: ";
                append_failure(line, *connection.failure);
                line += ", dns ";
            } else {
                line += " established, dns ";
            }
            append_time(line, connection.timings.dns);
            line += ", connect ";
            append_time(line, connection.timings.connect);
            if (connection.timings.proxy.count() > 0) {
                line += ", proxy ";
                append_time(line, connection.timings.proxy);
            }
            line += ", tls ";
            append_time(line, connection.timings.tls);
            return line;
        });
    }

private:
    const std::shared_ptr<const Log> log_;
};

constexpr std::array<std::string_view, 4> severity_names{"debug", "info", "warning", "error"};

} // namespace

std::string_view to_string(LogSeverity severity) noexcept
{
    return severity_names[static_cast<std::size_t>(severity)];
}

std::shared_ptr<Observer> make_log_observer(LogFunction write, const LogOptions& options)
{
    return std::make_shared<LogObserver>(Log{std::move(write), options});
}

} // namespace passage
