#include "net/stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <utility>

namespace passage::net {
namespace {

/// OpenSSL has the same limit for empty records.
constexpr int most_idle_messages = 32;

bool would_block(int error) noexcept
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

} // namespace

/// A BIO for a non-blocking socket. Unlike that of OpenSSL it raises no SIGPIPE, counts bytes, and never blocks on
/// writing.
struct TransportBio
{
    static Stream& stream_of(BIO* bio) { return *static_cast<Stream*>(BIO_get_data(bio)); }

    static int write(BIO* bio, const char* data, int size)
    {
        BIO_clear_retry_flags(bio);
        stream_of(bio).send_or_keep({data, static_cast<std::size_t>(size)});
        return size;
    }

    static int read(BIO* bio, char* data, int size)
    {
        BIO_clear_retry_flags(bio);
        Stream& stream = stream_of(bio);
        const auto received = stream.receive(data, static_cast<std::size_t>(size));
        if (received == 0)
            stream.peer_ended_ = true;
        else if (received < 0 && would_block(errno))
            BIO_set_retry_read(bio);
        else if (received < 0)
            stream.read_error_ = errno;
        return static_cast<int>(received);
    }

    static long control(BIO* bio, int command, long, void*)
    {
        if (command == BIO_CTRL_EOF)
            return stream_of(bio).peer_ended_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    /// OpenSSL calls it at the end of the handshake and of each later handshake message.
    static void count_message(const SSL* ssl, int where, int result)
    {
        if (where != SSL_CB_CONNECT_EXIT || result != 1)
            return;
        Stream& stream = stream_of(SSL_get_rbio(ssl));
        if (++stream.idle_messages_ <= most_idle_messages)
            return;
        // OpenSSL would read such messages without end. It stops reading when the peer seems to have closed.
        for (SSL* const each : {stream.ssl_.get(), stream.tunnel_.get()})
            if (each)
                SSL_set_shutdown(each, SSL_RECEIVED_SHUTDOWN);
    }

    /// Called when the server asks for a certificate.
    static int note_request(SSL* ssl, void*)
    {
        stream_of(SSL_get_rbio(ssl)).certificate_wanted_ = true;
        return 1; // goes on with the configured one
    }

    using Method = std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>;
    static Method make_method(int (*write)(BIO*, const char*, int), int (*read)(BIO*, char*, int))
    {
        Method made{BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "passage"), &BIO_meth_free};
        if (!made)
            throw std::bad_alloc{};
        BIO_meth_set_write(made.get(), write);
        BIO_meth_set_read(made.get(), read);
        BIO_meth_set_ctrl(made.get(), &TransportBio::control);
        return made;
    }

    static void attach(Stream& stream, const Method& method)
    {
        BIO* const bio = BIO_new(method.get());
        if (!bio)
            throw std::bad_alloc{};
        BIO_set_data(bio, &stream);
        BIO_set_init(bio, 1);
        SSL_set_bio(stream.ssl_.get(), bio, bio);
        SSL_set_info_callback(stream.ssl_.get(), &TransportBio::count_message);
        SSL_set_cert_cb(stream.ssl_.get(), &TransportBio::note_request, nullptr);
    }

    static void attach(Stream& stream)
    {
        static const Method method = make_method(&TransportBio::write, &TransportBio::read);
        attach(stream, method);
    }
};

/// A BIO over the TLS with a proxy, for the TLS with the server.
struct TunnelBio
{
    static int write(BIO* bio, const char* data, int size)
    {
        BIO_clear_retry_flags(bio);
        Stream& stream = TransportBio::stream_of(bio);
        const int written = SSL_write(stream.tunnel_.get(), data, size);
        if (written > 0)
            return written;
        if (stream.write_error_ == 0)
            stream.write_error_ = EPROTO;
        return size;
    }

    static int read(BIO* bio, char* data, int size)
    {
        BIO_clear_retry_flags(bio);
        Stream& stream = TransportBio::stream_of(bio);
        const int received = SSL_read(stream.tunnel_.get(), data, size);
        if (received > 0)
            return received;
        switch (SSL_get_error(stream.tunnel_.get(), received)) {
        case SSL_ERROR_WANT_READ:
            BIO_set_retry_read(bio);
            return -1;
        case SSL_ERROR_ZERO_RETURN: // the proxy closed the tunnel
            stream.peer_ended_ = true;
            return 0;
        default:
            return -1;
        }
    }

    static void attach(Stream& stream)
    {
        static const TransportBio::Method method = TransportBio::make_method(&TunnelBio::write, &TunnelBio::read);
        TransportBio::attach(stream, method);
    }
};

namespace {

using Step = Stream::Step;

/// `SSL_get_error` would report earlier errors in the thread's queue. To check the queue is much cheaper than to clear
/// it.
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

/// Whether an error of OpenSSL is an alert of the server that refuses the client's certificate, or the lack of one (RFC
/// 8446, section 6.2). During the handshake of TLS 1.2 there is no alert of its own for the latter.
bool is_about_certificate(int reason, bool in_handshake)
{
    switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    case SSL_AD_HANDSHAKE_FAILURE:
        return in_handshake;
    default:
        return false;
    }
}

/// Leaves no error of OpenSSL in the thread's queue, which the application's own use of OpenSSL would report.
Step lost(int system_error)
{
    clear_errors();
    if (system_error == ENOMEM)
        return failed(Errc::no_memory, {}, {}, true);
    error_code cause{asio::error::eof};
    if (system_error != 0)
        cause.assign(system_error, boost::system::system_category());
    return failed(Errc::truncated, "the connection was lost", cause, true);
}

} // namespace

Stream::Stream(const Strand& strand, Socket socket) : strand_{strand}, socket_{std::move(socket)}
{
    error_code ignored; // if this fails, the first step fails
    socket_.native_non_blocking(true, ignored);
}

void Stream::start_tls(SslPtr ssl)
{
    tunnel_ = std::exchange(ssl_, std::move(ssl));
    certificate_wanted_ = false;
    data_came_ = false;
    if (tunnel_)
        TunnelBio::attach(*this);
    else
        TransportBio::attach(*this);
    // Not before: OpenSSL 3.2 and newer forget to report a lack of memory here, and crash when they get a BIO after it.
    SSL_set_connect_state(ssl_.get());
}

Stream::~Stream()
{
    // Sends close_notify, so that the peer knows that the end is deliberate, and does not wait for that of the peer.
    // Bytes that are kept are not sent: their request has failed.
    if (ssl_ && origin_.is_here() && SSL_is_init_finished(ssl_.get()) && read_error_ == 0 && write_error_ == 0 &&
        !has_unsent()) {
        clear_errors();
        SSL_shutdown(ssl_.get());
        if (tunnel_)
            SSL_shutdown(tunnel_.get());
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
    begin_turn();
    clear_errors();
    Step step = ssl_step(SSL_do_handshake(ssl_.get()));
    if (step.result == Step::Result::ended)
        step = lost(0);
    // The kept bytes are sent before the step may wait or be done.
    if (!step.failure && (has_unsent() || write_error_ != 0)) {
        Step sending = send_kept();
        if (sending.result != Step::Result::done)
            step = std::move(sending);
    }
    if (step.failure) {
        Error& error = step.failure->error;
        error.stage = Stage::tls;
        if (error.code == Errc::no_memory || step.failure->unprocessed)
            return step;
        error.code = Errc::tls;
        const long verified = SSL_get_verify_result(ssl_.get());
        if (verified != X509_V_OK) {
            error.message = "the server's certificate is refused: ";
            error.message += describe_verification(verified);
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
        return plain_step(receive(into.data(), into.size()), when_unreadable());
    clear_errors();
    const Step step = ssl_step(SSL_read(ssl_.get(), into.data(), clamp_size(into.size())));
    if (step.size > 0) {
        data_came_ = true;
        if (!has_unsent())
            idle_messages_ = 0;
    }
    return step;
}

Stream::Step Stream::peek(std::span<char> into)
{
    if (!origin_.is_here())
        return refused_elsewhere();
    if (!ssl_)
        return plain_step(receive(into.data(), into.size(), MSG_PEEK), when_unreadable());
    clear_errors();
    return ssl_step(SSL_peek(ssl_.get(), into.data(), clamp_size(into.size())));
}

Stream::Step Stream::write(std::string_view bytes)
{
    if (!origin_.is_here())
        return refused_elsewhere();
    if (!ssl_) {
        const Step step = plain_step(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                                     Step::Result::want_write);
        sent_ += step.size;
        return step;
    }
    if (has_unsent() || write_error_ != 0) {
        Step step = send_kept();
        if (step.result != Step::Result::done || bytes.empty())
            return step;
    }
    clear_errors();
    Step step = ssl_step(SSL_write(ssl_.get(), bytes.data(), clamp_size(bytes.size())));
    if (write_error_ != 0)
        return lost(write_error_);
    if (step.size > 0)
        idle_messages_ = 0;
    return step;
}

Stream::Step Stream::ssl_step(int returned)
{
    if (returned > 0)
        return {Step::Result::done, static_cast<std::size_t>(returned), std::nullopt};
    if (idle_messages_ > most_idle_messages)
        return failed(Errc::tls, "the server sends TLS messages without end that are no data", {}, false);
    switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
        return {when_unreadable(), 0, std::nullopt};
    case SSL_ERROR_ZERO_RETURN:
        return {Step::Result::ended, 0, std::nullopt};
    default:
        break;
    }
    if (peer_ended_ || read_error_ != 0)
        return lost(read_error_);
    const SslErrors errors = take_ssl_errors();
    if (errors.no_memory)
        return failed(Errc::no_memory, {}, {}, true);
    return ssl_failure(errors.last);
}

Stream::Step Stream::ssl_failure(unsigned long error)
{
    Step step = failed(Errc::tls, "the TLS connection failed",
                       error_code{static_cast<int>(error), asio::error::get_ssl_category()}, false);
    // Over TLS 1.3 the handshake is over before the server has seen the client's certificate.
    if (certificate_wanted_ && is_about_certificate(ERR_GET_REASON(error), !SSL_is_init_finished(ssl_.get()))) {
        Failure& failure = *step.failure;
        failure.error.stage = Stage::tls;
        failure.error.message = SSL_get_certificate(ssl_.get())
                                    ? "the server refused the client's certificate"
                                    : "the server demands a client certificate, and none is configured";
        // The server reads requests after the certificate.
        failure.unprocessed = !data_came_;
    }
    return step;
}

Stream::Step Stream::plain_step(std::int64_t returned, Step::Result blocked)
{
    if (returned > 0)
        return {Step::Result::done, static_cast<std::size_t>(returned), std::nullopt};
    if (returned == 0)
        return {Step::Result::ended, 0, std::nullopt};
    if (would_block(errno))
        return {blocked, 0, std::nullopt};
    return lost(errno);
}

Step::Result Stream::when_unreadable() const noexcept
{
    return reads_left_ > 0 || drained_ ? Step::Result::want_read : Step::Result::go_on;
}

std::int64_t Stream::receive(char* into, std::size_t size, int flags) noexcept
{
    if (reads_left_ == 0 || drained_) {
        errno = EAGAIN;
        return -1;
    }
    const auto received = ::recv(socket_.native_handle(), into, size, flags);
    if (received > 0 && flags == 0) {
        --reads_left_;
        drained_ = waits_ && static_cast<std::size_t>(received) < size; // epoll(7), question 9
    }
    return received;
}

void Stream::send_or_keep(std::string_view bytes) noexcept
try {
    if (write_error_ != 0)
        return;
    if (!has_unsent()) {
        const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && !would_block(errno)) {
            write_error_ = errno;
            return;
        }
        const auto taken = static_cast<std::size_t>(std::max<std::int64_t>(sent, 0));
        sent_ += taken;
        bytes.remove_prefix(taken);
    }
    unsent_.append(bytes);
} catch (const std::bad_alloc&) {
    write_error_ = ENOMEM;
}

Step Stream::send_kept()
{
    if (write_error_ == 0) {
        const std::string_view rest = std::string_view{unsent_}.substr(unsent_begin_);
        const auto sent = ::send(socket_.native_handle(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && would_block(errno))
            return {Step::Result::want_write, 0, std::nullopt};
        if (sent < 0) {
            write_error_ = errno;
        } else {
            sent_ += static_cast<std::uint64_t>(sent);
            unsent_begin_ += static_cast<std::size_t>(sent);
        }
    }
    if (write_error_ != 0)
        return lost(write_error_);
    if (unsent_begin_ < unsent_.size())
        return {Step::Result::want_write, 0, std::nullopt};
    unsent_ = {};
    unsent_begin_ = 0;
    return {};
}

Task<error_code> Stream::wait(Step::Result what)
{
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
        co_return asio::error::operation_aborted;
    if (what == Step::Result::go_on) {
        co_await asio::post(socket_.get_executor(), asio::use_awaitable_t<Strand>{});
        co_return error_code{};
    }
    const auto wanted = what == Step::Result::want_read ? Socket::wait_read : Socket::wait_write;
    const auto [ec] = co_await socket_.async_wait(wanted, as_tuple);
    co_return ec;
}

Task<std::optional<Failure>> Stream::secure()
{
    for (;;) {
        Step step = handshake();
        if (step.result == Step::Result::done)
            co_return std::nullopt;
        if (step.failure)
            co_return std::move(step.failure);
        if (const error_code ec = co_await wait(step.result)) {
            Failure failure = *std::move(lost(0).failure);
            failure.error.cause = ec;
            co_return failure;
        }
    }
}

void Stream::wait_readable(std::shared_ptr<Resumable> who)
{
    socket_.async_wait(Socket::wait_read, [strand = strand_, who = std::move(who)](const error_code& ec) mutable {
        Resumable::enter(strand, std::move(who), ec);
    });
}

void Stream::wait_either(std::shared_ptr<Resumable> who)
{
    // The wait that ends first resumes it. The other is then a no-op.
    struct Waiting
    {
        std::shared_ptr<Resumable> who;
        std::atomic<bool> over = false;
    };
    const auto waiting = std::make_shared<Waiting>();
    waiting->who = std::move(who);
    const auto on_ready = [strand = strand_, waiting](const error_code& ec) {
        if (!waiting->over.exchange(true))
            Resumable::enter(strand, std::move(waiting->who), ec);
    };
    socket_.async_wait(Socket::wait_read, on_ready);
    try {
        socket_.async_wait(Socket::wait_write, on_ready);
    } catch (...) {
        if (!waiting->over.exchange(true))
            throw;
    }
}

void Stream::wait_turn(std::shared_ptr<Resumable> who)
{
    // To the inner executor: the strand would run the function before other functions of the execution context.
    asio::post(socket_.get_executor(),
               [strand = strand_, who = std::move(who)]() mutable { Resumable::enter(strand, std::move(who), {}); });
}

void Stream::cancel()
{
    error_code ignored;
    socket_.cancel(ignored);
}

bool Stream::check_quiet()
{
    if (!origin_.is_here() || has_unsent() || write_error_ != 0)
        return false;
    // Mostly sufficient, and cheaper than SSL_peek.
    char byte = 0;
    const bool nothing_came =
        ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (!ssl_ || (nothing_came && !has_buffered()))
        return nothing_came;
    begin_turn(false);
    clear_errors();
    const Step step = ssl_step(SSL_peek(ssl_.get(), &byte, 1));
    return step.result == Step::Result::want_read && !has_unsent() && write_error_ == 0;
}

std::string_view Stream::protocol() const noexcept
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    if (ssl_)
        SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

bool Stream::has_buffered() const noexcept
{
    return ssl_ && (SSL_has_pending(ssl_.get()) == 1 || (tunnel_ && SSL_has_pending(tunnel_.get()) == 1));
}

} // namespace passage::net
