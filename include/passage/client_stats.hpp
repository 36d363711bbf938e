#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <cstdint>

namespace passage {

/// The number of connections and calls of a client at one moment.
struct ClientStats
{
    ClientStats() = default;

    std::size_t connections = 0;        ///< Connections that are open or being established.
    std::size_t connecting = 0;         ///< Connections that are being established.
    std::size_t idle_connections = 0;   ///< Connections that are open and unused.
    std::size_t peak_connections = 0;   ///< The maximum number of connections so far.
    std::uint64_t connections_made = 0; ///< Connections established so far.
    std::size_t waiting_calls = 0;      ///< Calls that wait for a connection.

    /// Returns whether all numbers are equal.
    friend bool operator==(const ClientStats&, const ClientStats&) = default;
};

} // namespace passage
