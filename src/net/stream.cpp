#include "net/stream.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

namespace passage::net {

/// A BIO over a non-blocking socket. OpenSSL's own would raise SIGPIPE, and count nothing.
struct TransportBio
{
    using Transport = Stream::Transport;

    static int write(BIO* bio, const char* data, int size)
    {
        auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto sent = ::send(transport.descriptor, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
        if (sent >= 0)
            transport.sent += static_cast<std::uint64_t>(sent);
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            BIO_set_retry_write(bio);
        else
            transport.error = errno;
        return static_cast<int>(sent);
    }

    static int read(BIO* bio, char* data, int size)
    {
        auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto received = ::recv(transport.descriptor, data, static_cast<std::size_t>(size), 0);
        if (received == 0)
            transport.peer_ended = true;
        else if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            BIO_set_retry_read(bio);
        else if (received < 0)
            transport.error = errno;
        return static_cast<int>(received);
    }

    static long control(BIO* bio, int command, long, void*)
    {
        if (command == BIO_CTRL_EOF)
            return static_cast<Transport*>(BIO_get_data(bio))->peer_ended ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO* make(Transport& transport)
    {
        static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
            std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made{
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "passage"), &BIO_meth_free};
            if (!made)
                throw std::bad_alloc{};
            BIO_meth_set_write(made.get(), &TransportBio::write);
            BIO_meth_set_read(made.get(), &TransportBio::read);
            BIO_meth_set_ctrl(made.get(), &TransportBio::control);
            return made;
        }();
        BIO* const bio = BIO_new(method.get());
        if (!bio)
            throw std::bad_alloc{};
        BIO_set_data(bio, &transport);
        BIO_set_init(bio, 1);
        return bio;
    }
};

namespace {

using Step = Stream::Step;

/// `SSL_get_error` takes what others left in the thread's queue for its own. Looking is much cheaper than clearing.
void clear_errors()
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

int clamp_size(std::size_t size)
{
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

Step failed(Errc code, std::string message, error_code cause, bool transient)
{
    Step step{Step::Result::failed, 0, Failure{Error{code, std::move(message)}, transient}};
    step.failure->error.cause = cause;
    return step;
}

Step lost(int system_error)
{
    error_code cause{asio::error::eof};
    if (system_error != 0)
        cause.assign(system_error, boost::system::system_category());
    return failed(Errc::truncated, "the connection was lost", cause, true);
}

} // namespace

Stream::Stream(const Executor& strand, Socket socket, SslPtr ssl)
    : strand_{strand}, socket_{std::move(socket)}, ssl_{std::move(ssl)}
{
    error_code ignored; // a socket that can't be set so fails at its first use
    socket_.native_non_blocking(true, ignored);
    transport_.descriptor = socket_.native_handle();
    if (ssl_) {
        BIO* const bio = TransportBio::make(transport_);
        SSL_set_bio(ssl_.get(), bio, bio);
    }
}

Stream::~Stream()
{
    // Tells the peer that this end is deliberate (close_notify); what it answers is of no interest.
    if (ssl_ && origin_.is_here() && SSL_is_init_finished(ssl_.get()) && transport_.error == 0) {
        clear_errors();
        SSL_shutdown(ssl_.get());
        clear_errors();
    }
}

Stream::Step Stream::refused_elsewhere()
{
    return failed(Errc::shut_down, "the connection is another process's", {}, false);
}

Stream::Step Stream::handshake()
{
    if (!origin_.is_here())
        return refused_elsewhere();
    if (!ssl_)
        return {};
    clear_errors();
    Step step = ssl_step(SSL_do_handshake(ssl_.get()));
    if (step.result == Step::Result::ended)
        step = lost(0);
    if (step.failure) {
        Error& error = step.failure->error;
        error.stage = Stage::tls;
        error.code = Errc::tls;
        const long verified = SSL_get_verify_result(ssl_.get());
        if (verified != X509_V_OK) {
            error.message = "the server's certificate is refused: ";
            error.message += X509_verify_cert_error_string(verified);
            error.cause.clear();
            step.failure->transient = false;
        } else if (step.failure->transient) {
            error.message = "the connection was lost in the TLS handshake";
        } else {
            error.message = "the TLS handshake failed";
        }
    }
    return step;
}

Stream::Step Stream::read(std::span<char> into)
{
    if (!origin_.is_here())
        return refused_elsewhere();
    if (!ssl_)
        return plain_step(::recv(transport_.descriptor, into.data(), into.size(), 0), Step::Result::want_read);
    clear_errors();
    return ssl_step(SSL_read(ssl_.get(), into.data(), clamp_size(into.size())));
}

Stream::Step Stream::write(std::string_view bytes)
{
    if (!origin_.is_here())
        return refused_elsewhere();
    if (!ssl_) {
        const Step step = plain_step(::send(transport_.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                                     Step::Result::want_write);
        transport_.sent += step.size;
        return step;
    }
    clear_errors();
    return ssl_step(SSL_write(ssl_.get(), bytes.data(), clamp_size(bytes.size())));
}

Stream::Step Stream::ssl_step(int returned)
{
    if (returned > 0)
        return {Step::Result::done, static_cast<std::size_t>(returned), std::nullopt};
    switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
        return {Step::Result::want_read, 0, std::nullopt};
    case SSL_ERROR_WANT_WRITE:
        return {Step::Result::want_write, 0, std::nullopt};
    case SSL_ERROR_ZERO_RETURN:
        return {Step::Result::ended, 0, std::nullopt};
    default:
        break;
    }
    if (transport_.peer_ended || transport_.error != 0)
        return lost(transport_.error);
    const error_code cause{static_cast<int>(ERR_peek_last_error()), asio::error::get_ssl_category()};
    return failed(Errc::tls, "the TLS connection failed", cause, false);
}

Stream::Step Stream::plain_step(std::int64_t returned, Step::Result would_block)
{
    if (returned > 0)
        return {Step::Result::done, static_cast<std::size_t>(returned), std::nullopt};
    if (returned == 0)
        return {Step::Result::ended, 0, std::nullopt};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return {would_block, 0, std::nullopt};
    return lost(errno);
}

Task<error_code> Stream::wait(Socket::wait_type what)
{
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
        co_return asio::error::operation_aborted;
    const auto [ec] = co_await socket_.async_wait(what, as_tuple);
    co_return ec;
}

void Stream::wait_readable(std::shared_ptr<Resumable> who)
{
    socket_.async_wait(Socket::wait_read, [strand = strand_, who = std::move(who)](const error_code& ec) mutable {
        strand.enter([who = std::move(who), ec] { who->resume(ec); });
    });
}

void Stream::wait_either(std::shared_ptr<Resumable> who)
{
    // Whichever of the two ends first takes him; the other finds nobody.
    const auto waiting = std::make_shared<std::shared_ptr<Resumable>>(std::move(who));
    const auto on_ready = [waiting](const error_code& ec) {
        if (const auto first = std::exchange(*waiting, nullptr))
            first->resume(ec);
    };
    socket_.async_wait(Socket::wait_read, asio::bind_executor(strand_, on_ready));
    socket_.async_wait(Socket::wait_write, asio::bind_executor(strand_, on_ready));
}

void Stream::cancel()
{
    error_code ignored;
    socket_.cancel(ignored);
}

bool Stream::is_quiet()
{
    if (!origin_.is_here())
        return false;
    // To ask the socket is cheaper than to ask TLS, and mostly enough.
    char byte = 0;
    const bool nothing_came =
        ::recv(transport_.descriptor, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (!ssl_ || (nothing_came && !has_buffered()))
        return nothing_came;
    clear_errors();
    const Step step = ssl_step(SSL_peek(ssl_.get(), &byte, 1));
    return step.result == Step::Result::want_read;
}

bool Stream::has_buffered() const noexcept
{
    return ssl_ && SSL_has_pending(ssl_.get()) == 1;
}

} // namespace passage::net
