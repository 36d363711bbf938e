#pragma once

#include <passage/error.hpp>

#include <stdexcept>
#include <string>

namespace passage::ctl {

/// How the program ends. Scripts rely on the values.
enum class ExitCode {
    ok = 0,
    failed = 1,        ///< Any other failure.
    usage = 2,         ///< The command line or a setting is wrong. Nothing was sent.
    refused = 3,       ///< The server refused the request, or a token was refused.
    not_found = 4,     ///< There is no such user or device.
    unreachable = 5,   ///< The server cannot be reached, does not respond in time, throttles, or has failed (5xx).
    partly_failed = 6, ///< Some of several items failed, or all of them for different reasons.
    interrupted = 130, ///< Ctrl-C. After another signal, 128 and its number.
};

/// Returns how the program ends if this error ends it.
ExitCode exit_code_of(const Error& error) noexcept;

/// What ends a command: a message for people, and the exit code. An empty message prints nothing.
class Failure : public std::runtime_error
{
public:
    Failure(ExitCode code, const std::string& message) : std::runtime_error{message}, code_{code} {}
    explicit Failure(const Error& error);

    ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

} // namespace passage::ctl
