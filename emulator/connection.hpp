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

/// One client: handshake, then, unless it has chosen HTTP/2, request after request until either side ends it. A client
/// of a plain stream chooses HTTP/2 by its first bytes. Lives on one thread, which runs its coroutine and calls its
/// other functions.
class Connection
{
public:
    using Clock = ByteStream::Clock;

    /// Plain if `context` is null.
    Connection(ByteStream::Socket socket, SSL_CTX* context, Service& service);
    ~Connection();

    boost::asio::awaitable<void> run();

    /// Interrupts the connection if its time is up. To be called now and then.
    void check_deadline(Clock::time_point now);
    /// Ends the connection after the request that is on its way, at once if there is none.
    void drain();
    void abort();

private:
    /// What follows on a request.
    enum class After {
        next_request,
        goodbye, ///< An end in good order.
        silence, ///< The stream is not to be touched any more.
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
    std::shared_ptr<Http2Connection> http2_; // if the client has chosen it; of what follows nothing is used then
    std::string input_;                      // received and not yet parsed
    boost::asio::steady_timer delay_;        // before an answer that is to be late
    std::uint64_t requests_ = 0;
    bool idle_ = true; // nothing is lost if it ends now
    bool draining_ = false;
};

} // namespace passage::emulator
