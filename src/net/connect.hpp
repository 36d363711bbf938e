#pragma once

#include "model/failure.hpp"
#include "net/host_resolver.hpp"

#include <passage/expected.hpp>

namespace passage::net {

/// Connects to the first of some addresses that answers (RFC 8305): the next is tried when one fails, or after 250 ms.
///
/// The socket has TCP_NODELAY, keep-alive and TCP_USER_TIMEOUT set. Cancelled: a failure with `operation_aborted`.
Task<expected<Socket, Failure>> connect(Addresses addresses, std::uint16_t port);

} // namespace passage::net
