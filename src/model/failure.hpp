#pragma once

#include <passage/error.hpp>

#include <string>

namespace passage {

/// Why a network operation failed.
struct Failure
{
    Error error;
    /// A retry may succeed.
    bool transient = false;
    /// The server said that it processed no request on the connection.
    bool unprocessed = false;
};

/// The failure of something that there was no memory for. Allocates nothing.
inline Failure out_of_memory(Stage stage)
{
    Failure failure{Error{Errc::no_memory}, true};
    failure.error.stage = stage;
    return failure;
}

/// What `Error::earlier_attempts` keeps of an attempt's error.
inline FailedAttempt failed_attempt(const Error& error)
{
    FailedAttempt attempt;
    attempt.code = error.code;
    attempt.stage = error.stage;
    attempt.http_status = error.http_status;
    attempt.cause = error.cause;
    return attempt;
}

/// Appends the kind and the cause of a failure: "503", "truncated (response): Connection reset by peer", or
/// "connect (connect): status 407 of the proxy".
void append_failure(std::string& line, const FailedAttempt& failure);

} // namespace passage
