#pragma once

#include "certificates.hpp"
#include "connection.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace passage::emulator {

struct ServerCounters
{
    std::atomic<std::uint64_t> connections_accepted{0};
    std::atomic<std::uint64_t> connections_open{0};
    std::atomic<std::uint64_t> most_connections_open{0};
};

/// Where a server listens.
struct Place
{
    std::string address;               ///< An IP address, or localhost.
    std::uint16_t port = 0;            ///< 0 takes any free one.
    std::filesystem::path unix_socket; ///< In place of them, unless it is empty.
    std::filesystem::perms unix_socket_mode{};
};

/// What a server shows its clients in the handshake, and asks of them.
struct Credentials
{
    Identity identity;
    /// PEM file with the authorities of which a client must have a certificate; none is asked for if it is empty.
    std::filesystem::path client_authority;
};

/// Listens, and runs connections on threads of its own, each on one from beginning to end.
class Server
{
public:
    /// Accepts connections once this returns; plain ones without credentials. Throws std::runtime_error that says what
    /// to do.
    Server(Service& service, const std::optional<Credentials>& credentials, const Place& place, unsigned threads);
    /// As stop().
    ~Server();

    /// Accepts no more, lets requests that are on their way end within a few seconds, and returns
    /// when nothing runs.
    void stop();

    /// 0 if it listens on no port.
    std::uint16_t port() const;
    const ServerCounters& counters() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::emulator
