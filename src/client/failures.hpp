#pragma once

#include "net/failure.hpp"

#include <boost/system/system_error.hpp>

namespace passage::client {

/// What a constructor throws. The text of the exception ends in that of its code.
inline boost::system::system_error to_exception(const Error& error)
{
    std::string what = error.message;
    if (error.cause)
        what.append(": ").append(error.cause.message());
    return boost::system::system_error{make_error_code(error.code), what};
}

/// Why something was broken off, in words.
inline net::Failure stopped_failure(Errc reason, Stage stage)
{
    // Being out of time passes; being cancelled or shut down does not.
    net::Failure failure{Error{reason}, reason == Errc::timeout || reason == Errc::pool_timeout};
    switch (reason) {
    case Errc::timeout:
        failure.error.message = "the deadline passed";
        failure.error.stage = stage;
        break;
    case Errc::pool_timeout:
        failure.error.message = "the deadline passed while all connections were in use";
        break;
    case Errc::shut_down:
        failure.error.message = "the client was closed";
        break;
    default:
        break;
    }
    return failure;
}

inline net::Failure attempt_timeout(Stage stage)
{
    net::Failure failure{Error{Errc::timeout, "the attempt took too long"}, true};
    failure.error.stage = stage;
    return failure;
}

/// What is short enough, and general enough, to be kept and told of an error.
inline FailedAttempt failed_attempt(const Error& error)
{
    FailedAttempt attempt;
    attempt.code = error.code;
    attempt.stage = error.stage;
    attempt.http_status = error.http_status;
    attempt.cause = error.cause;
    return attempt;
}

} // namespace passage::client
