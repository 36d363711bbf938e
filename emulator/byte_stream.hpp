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

/// The server's end of one connection, with TLS or plain: OpenSSL on the socket itself, Asio only to wait for it.
/// That costs an idle connection a few KB, not the buffers of two records. Used by one thread, which it
/// leaves to others after a few records at the most, however fast the client sends and whatever it sends.
///
/// Handshake, reads, writes and discard_rest() end with timed_out when the stream expires.
class ByteStream
{
public:
    using ErrorCode = boost::system::error_code;
    using Clock = std::chrono::steady_clock;

    using Socket = boost::asio::generic::stream_protocol::socket;

    /// Plain if `context` is null.
    ByteStream(Socket socket, SSL_CTX* context);
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    boost::asio::any_io_executor get_executor() { return socket_.get_executor(); }

    bool is_plain() const { return !ssl_; }
    /// A no-op without TLS.
    boost::asio::awaitable<ErrorCode> handshake();
    /// What the client has chosen by ALPN; empty if nothing.
    std::string_view protocol() const;
    /// Zero bytes come with an error alone; a proper end is asio::error::eof, a call of interrupt()
    /// asio::error::interrupted.
    boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, ErrorCode& error);
    /// The same without waiting: asio::error::would_block if nothing has come.
    std::size_t try_read(boost::asio::mutable_buffer buffer, ErrorCode& error);
    boost::asio::awaitable<ErrorCode> write(std::string_view bytes);
    /// Tells the client that nothing more will come.
    void say_goodbye();
    /// Takes in and drops what the client still sends, until it ends or the stream expires. Closing
    /// on unread bytes would make the kernel throw away an answer that is on its way.
    boost::asio::awaitable<void> discard_rest();

    /// Ends the read that waits, or else the next one.
    void interrupt();

    /// Lets the stream expire after this time, which takes the place of the one before.
    void expires_after(std::chrono::milliseconds time) { expires_at(Clock::now() + time); }
    void expires_at(Clock::time_point time);
    /// What waits for the client sees only now that the stream has expired; to be called now and then, which costs
    /// less than a timer for each stream.
    void check_deadline(Clock::time_point now);
    /// Lets the stream expire now. It can be given time again.
    void expire();
    /// Ends both directions at once, for good, without a word of TLS.
    void abort();
    /// The same, as a failure of the network (RST): what is on its way is lost. Nothing else may be
    /// done with the stream then.
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
    int io_left_; // reads and writes of the socket until others have their turn
    bool interrupted_ = false;
    bool aborted_ = false;
};

} // namespace passage::emulator
