#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <string_view>

#include <openssl/types.h>

namespace passage::emulator {

/// The server's end of one TLS connection: OpenSSL on the socket itself, Asio only to wait for it.
/// That costs an idle connection a few KB, not the buffers of two records. Used by one thread.
class TlsStream
{
public:
    using ErrorCode = boost::system::error_code;

    TlsStream(boost::asio::ip::tcp::socket socket, SSL_CTX* context);

    boost::asio::any_io_executor get_executor() { return socket_.get_executor(); }

    boost::asio::awaitable<ErrorCode> handshake();
    /// Zero bytes come with an error alone; a proper end is asio::error::eof.
    boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, ErrorCode& error);
    boost::asio::awaitable<ErrorCode> write(std::string_view bytes);
    /// Tells the client that nothing more will come.
    void say_goodbye();
    /// Takes in and drops what the client still sends, until it ends or this is cancelled. Closing
    /// on unread bytes would make the kernel throw away an answer that is on its way.
    boost::asio::awaitable<void> discard_rest();

    /// Whatever waits ends with operation_aborted; the stream stays usable.
    void cancel();
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

    template <class Step>
    boost::asio::awaitable<int> run(Step step, ErrorCode& error);

    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<SSL, Free> ssl_;
};

} // namespace passage::emulator
