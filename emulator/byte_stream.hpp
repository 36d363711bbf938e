#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/types.h>

namespace passage::emulator {

/// The server's side of a connection, with or without TLS. OpenSSL reads and writes the socket itself, and Asio only
/// waits for it, so that an idle connection needs no buffers. Used by one thread. An operation yields to others after a
/// few records, whatever the client sends.
///
/// Handshake, reads, writes and discard_rest() fail with timed_out when the stream expires.
class ByteStream
{
public:
    using ErrorCode = boost::system::error_code;
    using Clock = std::chrono::steady_clock;

    using Socket = boost::asio::generic::stream_protocol::socket;

    /// Without TLS if `context` is null.
    ByteStream(Socket socket, SSL_CTX* context);
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    boost::asio::any_io_executor get_executor() { return socket_.get_executor(); }

    bool is_plain() const { return !ssl_; }
    /// A no-op without TLS.
    boost::asio::awaitable<ErrorCode> handshake();
    /// The protocol chosen by ALPN; empty if there is none.
    std::string_view protocol() const;
    /// Returns 0 only with an error: asio::error::eof after close_notify, asio::error::interrupted after interrupt().
    boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, ErrorCode& error);
    /// As read_some(), without waiting: fails with asio::error::would_block if there is no data.
    std::size_t try_read(boost::asio::mutable_buffer buffer, ErrorCode& error);
    boost::asio::awaitable<ErrorCode> write(std::string_view bytes);
    /// Sends close_notify and shuts down sending.
    void say_goodbye();
    /// Reads and discards what the client sends, until it closes or the stream expires. Closing a socket with unread
    /// bytes would make the kernel discard a response that is in transit.
    boost::asio::awaitable<void> discard_rest();

    /// Ends the read that is waiting, or else the next one.
    void interrupt();

    /// Replaces the time at which the stream expires.
    void expires_after(std::chrono::milliseconds time) { expires_at(Clock::now() + time); }
    void expires_at(Clock::time_point time);
    /// Ends the waiting operation if the stream has expired. To be called periodically, which costs less than a timer
    /// for each stream.
    void check_deadline(Clock::time_point now);
    /// Makes the stream expire now. A later time can be set.
    void expire();
    /// Shuts down both directions without close_notify. The stream stays expired.
    void abort();
    /// Closes the socket with RST, as after a network failure: data in transit is lost. The stream must not be used
    /// afterwards.
    void reset();

private:
    struct Free
    {
        void operator()(SSL* ssl) const;
    };

    using Direction = boost::asio::socket_base::wait_type;

    template <class Step>
    boost::asio::awaitable<std::size_t> run(Step step, Direction direction, ErrorCode& error,
                                            bool* interrupted = nullptr);
    std::size_t try_write(std::string_view bytes, ErrorCode& error);
    template <class Step>
    std::size_t step_of_tls(Step step, ErrorCode& error);
    template <class Step>
    std::size_t step_of_socket(Step step, ErrorCode& error);
    void cancel();
    static long before_io(BIO* bio, int operation, const char* data, std::size_t size, int, long, int result,
                          std::size_t* processed);

    Socket socket_;
    std::unique_ptr<SSL, Free> ssl_; // null without TLS
    Clock::time_point deadline_ = Clock::time_point::max();
    int io_left_; // reads and writes of the socket in this turn
    bool interrupted_ = false;
    bool aborted_ = false;
};

} // namespace passage::emulator
