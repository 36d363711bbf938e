#pragma once

#include "model/failure.hpp"
#include "net/executor.hpp"
#include "net/origin.hpp"
#include "net/resumable.hpp"
#include "net/tls_context.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace passage::net {

/// Reads and writes a connected socket, with or without TLS. Steps are non-blocking; waiting is separate.
///
/// OpenSSL reads and writes the socket itself, which saves the buffers and copies of a stream above the socket. In a
/// child process made by fork() each step fails, and nothing is read or written.
///
/// The time of a turn is bounded, whatever the peer sends: a turn reads from the socket a few times only. A peer that
/// sends more than a few TLS messages without data, such as session tickets, is an error.
///
/// OpenSSL never waits to write. Encrypted bytes that the system does not accept are kept, and sent before any others.
/// So OpenSSL can respond to TLS messages of the peer in the middle of a request.
class Stream
{
public:
    /// The result of a step.
    struct Step
    {
        enum class Result {
            done,       ///< `size` bytes were read or written, or the handshake is complete.
            want_read,  ///< Repeat it when the socket is readable.
            want_write, ///< Repeat it when the socket is writable.
            go_on,      ///< Repeat it in a later turn.
            ended,      ///< The peer closed its side.
            failed,     ///< See `failure`.
        };
        Result result = Result::done;
        std::size_t size = 0;
        std::optional<Failure> failure;
    };

    /// Reads and writes plain bytes until `start_tls`. Waits resume on `strand`.
    Stream(const Strand& strand, Socket socket);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Reads and writes through TLS from now on. If the stream uses TLS already, its handshake must be complete; the
    /// new TLS then goes through the present one.
    void start_tls(SslPtr ssl);

    /// Begins a turn. Steps result in `go_on` when the turn has read enough. `waits` says whether a step that results
    /// in `want_read` is followed by a wait. If it is, the turn reads no more after a short read: the wait reports what
    /// comes later. If not, the turn reads until nothing is left, the end of the connection included.
    void begin_turn(bool waits = true) noexcept
    {
        reads_left_ = reads_a_turn;
        waits_ = waits;
        drained_ = false;
    }

    /// A step of the TLS handshake. Begins a turn. Without TLS it is done at once.
    Step handshake();
    Step read(std::span<char> into);
    /// As `read`, but the next read returns the same bytes again.
    Step peek(std::span<char> into);
    /// Accepts bytes, which may be kept. If some are kept, sends these first. Empty `bytes` only do that.
    Step write(std::string_view bytes);

    /// Whether bytes are kept that the system has not accepted.
    bool has_unsent() const noexcept { return !unsent_.empty(); }

    /// Waits as the result of a step requires. Ends early if the coroutine is cancelled.
    Task<error_code> wait(Step::Result what);

    /// Performs the whole handshake. Without TLS it is done at once.
    Task<std::optional<Failure>> secure();

    /// These resume `who` when the socket is readable; when it is readable or writable; or in a later turn of the
    /// execution context, after the functions that are ready to run.
    void wait_readable(std::shared_ptr<Resumable> who);
    void wait_either(std::shared_ptr<Resumable> who);
    void wait_turn(std::shared_ptr<Resumable> who);

    /// Ends a wait for the socket early.
    void cancel();

    /// Whether the peer has neither closed the connection nor sent data. A few TLS messages without data, such as
    /// session tickets, are permitted.
    bool check_quiet();

    /// The protocol that the server chose in the handshake (ALPN, RFC 7301); empty if it chose none.
    std::string_view protocol() const noexcept;

    /// Whether OpenSSL holds received bytes that were not read.
    bool has_buffered() const noexcept;

    /// Bytes passed to the system so far.
    std::uint64_t bytes_sent() const noexcept { return sent_; }

private:
    friend struct TransportBio;
    friend struct TunnelBio;
    static constexpr int reads_a_turn = 4;

    /// The result of each step in a process that did not make the connection.
    static Step refused_elsewhere();
    Step ssl_step(int returned);
    /// How a step ends after an error of OpenSSL.
    Step ssl_failure(unsigned long error);
    Step plain_step(std::int64_t returned, Step::Result blocked);
    /// The result of a step that could read nothing.
    Step::Result when_unreadable() const noexcept;
    /// As recv(2). Fails with EAGAIN if the turn has read enough.
    std::int64_t receive(char* into, std::size_t size, int flags = 0) noexcept;
    /// Sends what the system accepts and keeps the rest. Keeps an error for the next write.
    void send_or_keep(std::string_view bytes) noexcept;
    /// Sends the bytes that are kept. Done when there are none.
    Step send_kept();

    Strand strand_;
    Socket socket_;
    std::uint64_t sent_ = 0;
    std::string unsent_;           ///< Encrypted bytes that are kept.
    std::size_t unsent_begin_ = 0; ///< Where they begin in `unsent_`.
    int reads_left_ = reads_a_turn;
    bool waits_ = true;     ///< The argument of `begin_turn`.
    bool drained_ = false;  ///< The socket had less than was asked for in this turn.
    int idle_messages_ = 0; ///< TLS messages without data since data was last read or written.
    int read_error_ = 0;
    int write_error_ = 0;
    bool peer_ended_ = false;
    bool certificate_wanted_ = false; ///< The server asked for the client's certificate.
    bool data_came_ = false;
    SslPtr tunnel_; ///< TLS with the proxy, which carries `ssl_`; null if there is none.
    SslPtr ssl_;
    Origin origin_;
};

} // namespace passage::net
