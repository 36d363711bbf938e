#pragma once

#include "model/failure.hpp"
#include "net/connection.hpp"
#include "net/host_resolver.hpp"

#include <passage/expected.hpp>

#include <string>

namespace passage::net {

/// Connects to the first address that answers (RFC 8305). Tries the next one when one fails, or after 250 ms.
///
/// Sets TCP_NODELAY, keep-alive and TCP_USER_TIMEOUT. Fails with `Errc::connect`, with the cause `operation_aborted` if
/// the coroutine was cancelled, or with `Errc::no_memory`.
Task<expected<Socket, Failure>> connect(Addresses addresses, std::uint16_t port);

/// Connects to a Unix domain socket. Does not wait: fails if the server's queue of connections is full.
expected<Socket, Failure> connect_unix(const Strand& executor, const std::string& path);

/// The remote end of a TCP socket.
Peer peer_of(const Socket& socket);

} // namespace passage::net
