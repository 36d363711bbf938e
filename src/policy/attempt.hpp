#pragma once

#include <passage/error.hpp>

#include <chrono>
#include <optional>

namespace passage::policy {

/// The facts about a finished attempt that determine whether it is retried and what its effect is.
struct Attempt
{
    /// Why there is no response; null if there is one.
    std::optional<Errc> failure;
    /// Whether a retry may succeed: true for a refused connection, false for an invalid certificate.
    bool transient = false;
    /// The response's status; 0 if there is none.
    int status = 0;
    /// At least one byte of the request was passed to the network.
    bool request_sent = false;
    /// At least one byte of a response was received.
    bool response_begun = false;
    /// Whether the response certainly belongs to this request: the connection was new, or the previous response named
    /// the user whom its request named. If false, it may be the response to an earlier request. Always true for
    /// idempotent operations, where this makes no difference.
    bool in_step = true;
    /// The server had answered a request on the connection before.
    bool connection_reused = false;
    /// The wait that the service asked for.
    std::optional<std::chrono::milliseconds> retry_after;
};

/// Whether a status says that the service did not process the request: 429 (RFC 6585, section 4) and 421 (RFC 9110,
/// section 15.5.20).
constexpr bool refuses_to_process(int status) noexcept
{
    return status == 429 || status == 421;
}

/// Whether the service may have acted on a failed attempt. Not for responses of success that could not be decoded.
Effect effect_of(const Attempt& attempt) noexcept;

} // namespace passage::policy
