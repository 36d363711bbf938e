#pragma once

#include "site.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>

namespace web {

class Session;

/// A server for a site over HTTP/1.1. Each session has its own strand, so any number of threads may run the context.
///
/// The server must not be destroyed before the context has run out of work, or was destroyed itself.
class Server
{
public:
    /// Starts to listen. Throws `boost::system::system_error` on failure.
    Server(const asio::any_io_executor& executor, const asio::ip::tcp::endpoint& endpoint, const Site& site);
    ~Server();

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    /// Starts to accept connections.
    void start();

    /// Stops accepting connections, gives requests in flight some seconds to complete, and closes all connections. Then
    /// calls `stopped`. May be called from any thread, once.
    void stop(std::function<void()> stopped = [] {});

private:
    asio::awaitable<void> accept();
    asio::awaitable<void> shut_down(std::function<void()> stopped);
    void forget(const std::shared_ptr<Session>& session);

    asio::any_io_executor executor_;
    // The remaining members are used only on the acceptor's strand.
    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer changed_; ///< Cancelled when a session ends, to resume coroutines that wait for that.
    std::unordered_set<std::shared_ptr<Session>> sessions_;
    const Site& site_;
};

} // namespace web
