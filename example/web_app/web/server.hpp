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

/// Serves a site over HTTP/1.1. A session is a strand of its own, so that any number of threads may run the context.
///
/// It must not be destroyed before the context has run out of work, or was destroyed itself.
class Server
{
public:
    /// Listens once this returns; throws boost::system::system_error if it can't.
    Server(const asio::any_io_executor& executor, const asio::ip::tcp::endpoint& endpoint, const Site& site);
    ~Server();

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    /// Begins to accept connections.
    void start();

    /// Accepts no more, lets requests that are being answered end within some seconds, and closes all connections.
    /// Calls `stopped` when nothing is answered any more. May be called from any thread, once.
    void stop(std::function<void()> stopped = [] {});

private:
    asio::awaitable<void> accept();
    asio::awaitable<void> shut_down(std::function<void()> stopped);
    void forget(const std::shared_ptr<Session>& session);

    asio::any_io_executor executor_;
    // The rest is used on the acceptor's strand alone.
    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer changed_; ///< Cancelled whenever a session ends, for those who wait for that.
    std::unordered_set<std::shared_ptr<Session>> sessions_;
    const Site& site_;
};

} // namespace web
