#pragma once

#include <passage/error.hpp>

#include <string>

namespace passage {

/// Why something on the network failed.
struct Failure
{
    Error error;
    /// It may well succeed if tried again.
    bool transient = false;
};

/// The part of an error that is kept of a failed attempt.
inline FailedAttempt failed_attempt(const Error& error)
{
    FailedAttempt attempt;
    attempt.code = error.code;
    attempt.stage = error.stage;
    attempt.http_status = error.http_status;
    attempt.cause = error.cause;
    return attempt;
}

/// Appends the kind and the cause of a failure: "503", or "truncated (response): Connection reset by peer".
void append_failure(std::string& line, const FailedAttempt& failure);

} // namespace passage
