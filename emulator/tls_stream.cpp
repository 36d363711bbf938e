#include "tls_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <new>
#include <utility>

namespace passage::emulator {
namespace asio = boost::asio;

namespace {

/// A record takes two reads.
constexpr int io_per_turn = 8;

} // namespace

void TlsStream::Free::operator()(SSL* ssl) const
{
    SSL_free(ssl);
}

TlsStream::TlsStream(asio::ip::tcp::socket socket, SSL_CTX* context)
    : socket_(std::move(socket)), ssl_(SSL_new(context)), io_left_(io_per_turn)
{
    socket_.native_non_blocking(true);
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) {
        throw std::bad_alloc();
    }
    SSL_set_accept_state(ssl_.get());
    BIO_set_callback_arg(SSL_get_rbio(ssl_.get()), reinterpret_cast<char*>(this));
    BIO_set_callback_ex(SSL_get_rbio(ssl_.get()), &TlsStream::before_io);
}

/// Tells OpenSSL to wait for the socket when the turn is over: one of its steps reads for as long as records come that
/// hold nothing for its caller.
long TlsStream::before_io(BIO* bio, int operation, const char*, std::size_t, int, long, int result, std::size_t*)
{
    if (operation != BIO_CB_READ && operation != BIO_CB_WRITE) {
        return result;
    }
    int& left = reinterpret_cast<TlsStream*>(BIO_get_callback_arg(bio))->io_left_;
    if (left > 0) {
        --left;
        return result;
    }
    BIO_clear_retry_flags(bio);
    if (operation == BIO_CB_READ) {
        BIO_set_retry_read(bio);
    } else {
        BIO_set_retry_write(bio);
    }
    return -1;
}

/// What a step of OpenSSL's has failed with; would_block if it needs to wait for the socket.
TlsStream::ErrorCode TlsStream::error_of(int result)
{
    switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
        return asio::error::eof;
    default:
        return asio::error::connection_reset;
    }
}

/// Repeats a step of OpenSSL's until it needs to wait for the socket no more, or is interrupted, if that is possible.
template <class Step>
asio::awaitable<int> TlsStream::run(Step step, ErrorCode& error, bool* interrupted)
{
    while (true) {
        if (interrupted != nullptr && std::exchange(*interrupted, false)) {
            error = asio::error::interrupted;
            co_return 0;
        }
        if (Clock::now() >= deadline_) {
            error = asio::error::timed_out;
            co_return 0;
        }
        ERR_clear_error();
        const int result = step();
        if (result > 0) {
            error = {};
            co_return result;
        }
        error = error_of(result);
        if (error != asio::error::would_block) {
            co_return 0;
        }
        const auto direction =
            SSL_want_write(ssl_.get()) ? asio::socket_base::wait_write : asio::socket_base::wait_read;
        const auto [failure] = co_await socket_.async_wait(direction, asio::as_tuple(asio::use_awaitable));
        if (failure && failure != asio::error::operation_aborted) {
            error = failure;
            co_return 0;
        }
        io_left_ = io_per_turn;
    }
}

asio::awaitable<TlsStream::ErrorCode> TlsStream::handshake()
{
    ErrorCode error;
    co_await run([this] { return SSL_do_handshake(ssl_.get()); }, error);
    co_return error;
}

std::string_view TlsStream::protocol() const
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

asio::awaitable<std::size_t> TlsStream::read_some(asio::mutable_buffer buffer, ErrorCode& error)
{
    const int size = co_await run([&] { return SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size())); },
                                  error, &interrupted_);
    co_return static_cast<std::size_t>(size);
}

std::size_t TlsStream::try_read(asio::mutable_buffer buffer, ErrorCode& error)
{
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    error = size > 0 ? ErrorCode{} : error_of(size);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

asio::awaitable<TlsStream::ErrorCode> TlsStream::write(std::string_view bytes)
{
    ErrorCode error;
    while (!bytes.empty() && !error) {
        const int size =
            co_await run([&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }, error);
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    co_return error;
}

void TlsStream::say_goodbye()
{
    ErrorCode ignored; // the client may have left already
    ERR_clear_error();
    io_left_ = io_per_turn;
    SSL_shutdown(ssl_.get());
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

asio::awaitable<void> TlsStream::discard_rest()
{
    ErrorCode error;
    std::array<char, 4096> scrap;
    while (!error && Clock::now() < deadline_) {
        const auto [failure, size] =
            co_await socket_.async_read_some(asio::buffer(scrap), asio::as_tuple(asio::use_awaitable));
        error = failure;
    }
}

void TlsStream::interrupt()
{
    interrupted_ = true;
    cancel();
}

void TlsStream::expires_at(Clock::time_point time)
{
    if (!aborted_) {
        deadline_ = time;
    }
}

void TlsStream::check_deadline(Clock::time_point now)
{
    if (now >= deadline_) {
        cancel();
    }
}

void TlsStream::expire()
{
    deadline_ = Clock::time_point::min();
    cancel();
}

void TlsStream::abort()
{
    ErrorCode ignored; // the client may have left already
    socket_.shutdown(asio::socket_base::shutdown_both, ignored);
    aborted_ = true;
    expire();
}

void TlsStream::cancel()
{
    ErrorCode ignored;
    socket_.cancel(ignored);
}

void TlsStream::reset()
{
    ErrorCode ignored; // the client may have left already
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

} // namespace passage::emulator
