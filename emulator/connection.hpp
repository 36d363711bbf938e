#pragma once

#include "byte_stream.hpp"
#include "service.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace passage::emulator {

class Http2Connection;
class RequestReader;

/// The connection of one client: the TLS handshake if there is one, then HTTP/2 or the requests of HTTP/1.1. Used by
/// one thread.
class Connection
{
public:
    using Clock = ByteStream::Clock;

    /// Without TLS if `context` is null.
    Connection(ByteStream::Socket socket, SSL_CTX* context, Service& service);
    ~Connection();

    boost::asio::awaitable<void> run();

    /// Interrupts the connection if its deadline has passed. To be called periodically.
    void check_deadline(Clock::time_point now);
    /// Ends the connection after the request in flight, at once if there is none.
    void drain();
    void abort();

private:
    /// What to do after a request.
    enum class After {
        next_request,
        goodbye, ///< Close the connection with close_notify.
        silence, ///< Don't use the stream any more.
    };

    boost::asio::awaitable<bool> chooses_http2();
    boost::asio::awaitable<bool> next_request_begins();
    boost::asio::awaitable<After> serve_request();
    boost::asio::awaitable<bool> receive(RequestReader& reader);
    boost::asio::awaitable<ByteStream::ErrorCode> read_more();
    boost::asio::awaitable<bool> send(std::string_view bytes);
    boost::asio::awaitable<void> wait(std::chrono::milliseconds time);

    ByteStream stream_;
    Service& service_;
    std::shared_ptr<Http2Connection> http2_; // null with HTTP/1.1; otherwise the members below are not used
    std::string input_;                      // received and not parsed
    boost::asio::steady_timer delay_;        // for the delay of a fault
    std::uint64_t requests_ = 0;
    bool idle_ = true; // no request is in flight
    bool draining_ = false;
};

} // namespace passage::emulator
