#pragma once

#include <passage/error.hpp>

#include <chrono>
#include <optional>

namespace passage::policy {

/// What is known of an attempt that ended: all that decides on its repetition and its effect.
struct Attempt
{
    /// Why there is no response; none if there is one.
    std::optional<Errc> failure;
    /// The failure is of the kind that passes (a refused connection, say, but no wrong certificate).
    bool transient = false;
    /// The response's status; 0 if there is none.
    int status = 0;
    /// A byte of the request was handed to the network.
    bool request_sent = false;
    /// A byte of a response came.
    bool response_begun = false;
    /// The connection had carried a request before.
    bool connection_reused = false;
    /// How long the service asked to wait.
    std::optional<std::chrono::milliseconds> retry_after;
};

/// Whether the service acted on an attempt that failed. A response that was refused as undecodable is not asked here.
Effect effect_of(const Attempt& attempt) noexcept;

} // namespace passage::policy
