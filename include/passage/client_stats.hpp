#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <cstdint>

namespace passage {

/// Connections and calls of a client, at one moment.
struct ClientStats
{
    ClientStats() = default;

    std::size_t connections = 0;        ///< Open, or being made.
    std::size_t idle_connections = 0;   ///< Open and unused.
    std::size_t peak_connections = 0;   ///< The most there ever were at a time.
    std::uint64_t connections_made = 0; ///< Handshakes completed so far.
    std::size_t waiting_calls = 0;      ///< Calls waiting for a connection.

    /// Whether nothing changed.
    friend bool operator==(const ClientStats&, const ClientStats&) = default;
};

} // namespace passage
