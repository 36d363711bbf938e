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
    std::uint16_t port = 0;            ///< 0 means a free one.
    std::filesystem::path unix_socket; ///< Replaces both unless it is empty.
    std::filesystem::perms unix_socket_mode{};
};

/// The host of URLs that lead to a place, as it stands in a URL.
std::string url_host(const Place& place);

/// The TLS settings of a server.
struct Credentials
{
    Identity identity;
    /// PEM file with the authorities for client certificates. If it is empty, clients need no certificate.
    std::filesystem::path client_authority;
};

/// Listens and serves connections on its own threads. A connection stays on one thread.
class Server
{
public:
    /// Listens when this returns. Without credentials there is no TLS. Throws std::runtime_error whose text says what
    /// to do.
    Server(Service& service, const std::optional<Credentials>& credentials, const Place& place, unsigned threads);
    /// Calls stop().
    ~Server();

    /// Stops listening, gives requests in flight a few seconds to complete, and returns when the threads have ended.
    void stop();

    /// 0 for a Unix domain socket.
    std::uint16_t port() const;
    const ServerCounters& counters() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::emulator
