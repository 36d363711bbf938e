#pragma once

#include "model/failure.hpp"

namespace passage::policy {

/// The failure of a call or dial that was stopped: `timeout`, `pool_timeout`, `cancelled` or `shut_down`.
inline Failure stopped_failure(Errc reason, Stage stage)
{
    // A timeout is transient; a cancellation or a closed client is not.
    Failure failure{Error{reason}, reason == Errc::timeout || reason == Errc::pool_timeout};
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

/// The failure of an attempt that exceeded `TimeoutOptions::attempt`.
inline Failure attempt_timeout(Stage stage)
{
    Failure failure{Error{Errc::timeout, "the attempt took too long"}, true};
    failure.error.stage = stage;
    return failure;
}

} // namespace passage::policy
