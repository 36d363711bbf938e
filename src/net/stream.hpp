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

/// Bytes to and from a connected socket, through TLS or plain; each step is non-blocking, waiting is separate.
///
/// OpenSSL reads and writes the socket itself: that saves the copies and buffers of a stream on top of the socket. In a
/// child made by fork() each step fails, and nothing is read or written.
///
/// What a peer sends costs a bounded time a turn, whatever it is: a turn reads from the socket a few times only, and a
/// peer that sends TLS messages but no data, such as session tickets, is given up after a few of them.
///
/// OpenSSL never waits to write: what the system does not take at once is kept, encrypted, and sent before anything
/// else. So it can answer the peer in the midst of a request.
class Stream
{
public:
    /// What a step came to.
    struct Step
    {
        enum class Result {
            done,       ///< `size` bytes were read or written; or the handshake is complete.
            want_read,  ///< Nothing until the socket is readable.
            want_write, ///< Nothing until the socket is writable.
            go_on,      ///< There may be more to do, in a later turn.
            ended,      ///< The peer said that it sends no more.
            failed,     ///< See `failure`.
        };
        Result result = Result::done;
        std::size_t size = 0;
        std::optional<Failure> failure;
    };

    /// `ssl` is none for plain bytes. Who waits is resumed on `strand`.
    Stream(const Strand& strand, Socket socket, SslPtr ssl);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Begins a turn, in which steps that read come to `go_on` when enough was read.
    void begin_turn() noexcept { reads_left_ = reads_a_turn; }

    /// A step of the TLS handshake, in a turn of its own; done at once without TLS.
    Step handshake();
    Step read(std::span<char> into);
    /// Bytes that are done may still be unsent; no more are taken before they are sent. None: sends what is unsent.
    Step write(std::string_view bytes);

    /// Whether something is kept that the system did not take.
    bool has_unsent() const noexcept { return !unsent_.empty(); }

    /// Waits for what a step of a handshake wants; ends early if the coroutine is cancelled.
    Task<error_code> wait(Step::Result what);

    /// Goes through the whole handshake.
    Task<std::optional<Failure>> secure();

    /// Resumes who waits when there is something to read, or also when there is room to write; or in a later turn of
    /// the execution context, so that others have theirs before.
    void wait_readable(std::shared_ptr<Resumable> who);
    void wait_either(std::shared_ptr<Resumable> who);
    void wait_turn(std::shared_ptr<Resumable> who);

    /// Ends a wait for the socket early.
    void cancel();

    /// Looks whether the peer neither closed the connection nor sent anything that nobody asked for. TLS messages that
    /// are no data, such as session tickets, are taken in, if they are few.
    bool check_quiet();

    /// The protocol that the server chose in the handshake (ALPN, RFC 7301); empty if it chose none.
    std::string_view protocol() const noexcept;

    /// Whether bytes that came are still to be looked at.
    bool has_buffered() const noexcept;

    /// Bytes handed to the system so far.
    std::uint64_t bytes_sent() const noexcept { return sent_; }

private:
    friend struct TransportBio;
    static constexpr int reads_a_turn = 4;

    /// What each step comes to in another process than the connection's own.
    static Step refused_elsewhere();
    Step ssl_step(int returned);
    Step plain_step(std::int64_t returned, Step::Result blocked);
    /// What a step comes to when nothing could be read.
    Step::Result when_unreadable() const noexcept;
    /// As recv(2); EAGAIN once enough was read in this turn.
    std::int64_t receive(char* into, std::size_t size) noexcept;
    /// Has the system take what it can, and keeps the rest; an error too, for the next write.
    void send_or_keep(std::string_view bytes) noexcept;
    /// Done when the system has all that was kept.
    Step send_kept();

    Strand strand_;
    Socket socket_;
    std::uint64_t sent_ = 0;
    std::string unsent_;           ///< Encrypted.
    std::size_t unsent_begin_ = 0; ///< What is before was sent meanwhile.
    int reads_left_ = reads_a_turn;
    int idle_messages_ = 0; ///< TLS messages since data came, or was taken to be sent.
    int read_error_ = 0;
    int write_error_ = 0;
    bool peer_ended_ = false;
    SslPtr ssl_;
    Origin origin_;
};

} // namespace passage::net
