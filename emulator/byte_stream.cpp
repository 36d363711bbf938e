#include "byte_stream.hpp"

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

void ByteStream::Free::operator()(SSL* ssl) const
{
    SSL_free(ssl);
}

ByteStream::ByteStream(Socket socket, SSL_CTX* context) : socket_(std::move(socket)), io_left_(io_per_turn)
{
    socket_.non_blocking(true);
    if (context == nullptr) {
        return;
    }
    ssl_.reset(SSL_new(context));
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) {
        throw std::bad_alloc();
    }
    SSL_set_accept_state(ssl_.get());
    BIO_set_callback_arg(SSL_get_rbio(ssl_.get()), reinterpret_cast<char*>(this));
    BIO_set_callback_ex(SSL_get_rbio(ssl_.get()), &ByteStream::before_io);
}

/// Makes OpenSSL wait for the socket at the end of a turn. Otherwise a single step would read as long as records
/// without data arrive.
long ByteStream::before_io(BIO* bio, int operation, const char*, std::size_t, int, long, int result, std::size_t*)
{
    if (operation != BIO_CB_READ && operation != BIO_CB_WRITE) {
        return result;
    }
    int& left = reinterpret_cast<ByteStream*>(BIO_get_callback_arg(bio))->io_left_;
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

/// Performs a step of OpenSSL. would_block if it must wait for the socket.
template <class Step>
std::size_t ByteStream::step_of_tls(Step step, ErrorCode& error)
{
    ERR_clear_error();
    const int result = step();
    if (result > 0) {
        error = {};
        return static_cast<std::size_t>(result);
    }
    switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        error = asio::error::would_block;
        break;
    case SSL_ERROR_ZERO_RETURN:
        error = asio::error::eof;
        break;
    default:
        error = asio::error::connection_reset;
    }
    return 0;
}

/// Performs a step of a socket without TLS. would_block also at the end of a turn.
template <class Step>
std::size_t ByteStream::step_of_socket(Step step, ErrorCode& error)
{
    if (io_left_ <= 0) {
        error = asio::error::would_block;
        return 0;
    }
    --io_left_;
    return step();
}

/// Repeats a step, waiting for the socket in between, until it is done. Can be interrupted if `interrupted` is not
/// null. `direction` is what to wait for without TLS.
template <class Step>
asio::awaitable<std::size_t> ByteStream::run(Step step, Direction direction, ErrorCode& error, bool* interrupted)
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
        const std::size_t size = step();
        if (error != asio::error::would_block) {
            co_return size;
        }
        if (ssl_) {
            direction = SSL_want_write(ssl_.get()) ? asio::socket_base::wait_write : asio::socket_base::wait_read;
        }
        const auto [failure] = co_await socket_.async_wait(direction, asio::as_tuple(asio::use_awaitable));
        if (failure && failure != asio::error::operation_aborted) {
            error = failure;
            co_return 0;
        }
        io_left_ = io_per_turn;
    }
}

asio::awaitable<ByteStream::ErrorCode> ByteStream::handshake()
{
    ErrorCode error;
    if (ssl_) {
        const auto step = [&] { return step_of_tls([&] { return SSL_do_handshake(ssl_.get()); }, error); };
        co_await run(step, asio::socket_base::wait_read, error);
    }
    co_return error;
}

std::string_view ByteStream::protocol() const
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    if (ssl_) {
        SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    }
    return {reinterpret_cast<const char*>(name), size};
}

asio::awaitable<std::size_t> ByteStream::read_some(asio::mutable_buffer buffer, ErrorCode& error)
{
    const auto step = [&] { return try_read(buffer, error); };
    co_return co_await run(step, asio::socket_base::wait_read, error, &interrupted_);
}

std::size_t ByteStream::try_read(asio::mutable_buffer buffer, ErrorCode& error)
{
    if (!ssl_) {
        return step_of_socket([&] { return socket_.read_some(asio::buffer(buffer), error); }, error);
    }
    return step_of_tls([&] { return SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size())); }, error);
}

std::size_t ByteStream::try_write(std::string_view bytes, ErrorCode& error)
{
    if (!ssl_) {
        return step_of_socket([&] { return socket_.write_some(asio::buffer(bytes), error); }, error);
    }
    return step_of_tls([&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }, error);
}

asio::awaitable<ByteStream::ErrorCode> ByteStream::write(std::string_view bytes)
{
    ErrorCode error;
    while (!bytes.empty() && !error) {
        const auto step = [&] { return try_write(bytes, error); };
        const std::size_t size = co_await run(step, asio::socket_base::wait_write, error);
        bytes.remove_prefix(size);
    }
    co_return error;
}

void ByteStream::say_goodbye()
{
    ErrorCode ignored; // the client may have disconnected
    if (ssl_) {
        ERR_clear_error();
        io_left_ = io_per_turn;
        SSL_shutdown(ssl_.get());
    }
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

asio::awaitable<void> ByteStream::discard_rest()
{
    ErrorCode error;
    std::array<char, 4096> scrap;
    while (!error && Clock::now() < deadline_) {
        const auto [failure, size] =
            co_await socket_.async_read_some(asio::buffer(scrap), asio::as_tuple(asio::use_awaitable));
        error = failure;
    }
}

void ByteStream::interrupt()
{
    interrupted_ = true;
    cancel();
}

void ByteStream::expires_at(Clock::time_point time)
{
    if (!aborted_) {
        deadline_ = time;
    }
}

void ByteStream::check_deadline(Clock::time_point now)
{
    if (now >= deadline_) {
        cancel();
    }
}

void ByteStream::expire()
{
    deadline_ = Clock::time_point::min();
    cancel();
}

void ByteStream::abort()
{
    ErrorCode ignored; // the client may have disconnected
    socket_.shutdown(asio::socket_base::shutdown_both, ignored);
    aborted_ = true;
    expire();
}

void ByteStream::cancel()
{
    ErrorCode ignored;
    socket_.cancel(ignored);
}

void ByteStream::reset()
{
    ErrorCode ignored; // the client may have disconnected
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

} // namespace passage::emulator
