#pragma once

#include "model/failure.hpp"
#include "net/host_resolver.hpp"

#include <passage/expected.hpp>

namespace passage::net {

/// Connects to the first address that answers (RFC 8305). Tries the next one when one fails, or after 250 ms.
///
/// Sets TCP_NODELAY, keep-alive and TCP_USER_TIMEOUT. Fails with `Errc::connect`, with the cause `operation_aborted` if
/// the coroutine was cancelled, or with `Errc::no_memory`.
Task<expected<Socket, Failure>> connect(Addresses addresses, std::uint16_t port);

} // namespace passage::net
