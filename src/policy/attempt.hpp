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
    /// The answer can only be this request's: the connection was new, or the answer before named whom it was for. If
    /// not, it may have come out of turn. Said of what may not be repeated; for all else it does no harm.
    bool in_step = true;
    /// The connection had carried a request before.
    bool connection_reused = false;
    /// How long the service asked to wait.
    std::optional<std::chrono::milliseconds> retry_after;
};

/// Whether a status says that the service did not process the request: 429 (RFC 6585, section 4) and 421 (RFC 9110,
/// section 15.5.20).
constexpr bool refuses_to_process(int status) noexcept
{
    return status == 429 || status == 421;
}

/// Whether the service acted on an attempt that failed. A response that was refused as undecodable is not asked here.
Effect effect_of(const Attempt& attempt) noexcept;

} // namespace passage::policy
