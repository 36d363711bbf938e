#pragma once

#include "certificates.hpp"
#include "connection.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace passage::emulator {

struct ServerCounters
{
    std::atomic<std::uint64_t> connections_accepted{0};
    std::atomic<std::uint64_t> connections_open{0};
    std::atomic<std::uint64_t> most_connections_open{0};
};

/// Listens, and runs connections on threads of its own, each on one from beginning to end.
class Server
{
public:
    /// Accepts connections once this returns. `port` 0 takes any free one. Throws
    /// std::runtime_error that says what to do.
    Server(Service& service, const Identity& identity, const std::string& address, std::uint16_t port,
           unsigned threads);
    /// As stop().
    ~Server();

    /// Accepts no more, lets requests that are on their way end within a few seconds, and returns
    /// when nothing runs.
    void stop();

    std::uint16_t port() const;
    const ServerCounters& counters() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::emulator
