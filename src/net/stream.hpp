#pragma once

#include "net/executor.hpp"
#include "net/failure.hpp"
#include "net/origin.hpp"
#include "net/resumable.hpp"
#include "net/tls_context.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace passage::net {

/// Bytes to and from a connected socket, through TLS or plain; each step is non-blocking, waiting is separate.
///
/// OpenSSL reads and writes the socket itself: that saves the copies and buffers of a stream on top of the socket. In a
/// child made by fork() each step fails, and nothing is read or written.
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
            ended,      ///< The peer said that it sends no more.
            failed,     ///< See `failure`.
        };
        Result result = Result::done;
        std::size_t size = 0;
        std::optional<Failure> failure;
    };

    /// `ssl` is none for plain bytes. Who waits is resumed on `strand`.
    Stream(const Executor& strand, Socket socket, SslPtr ssl);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// A step of the TLS handshake; done at once without TLS.
    Step handshake();
    Step read(std::span<char> into);
    Step write(std::string_view bytes);

    /// Waits for the socket, in a handshake; ends early if the coroutine is cancelled.
    Task<error_code> wait(Socket::wait_type what);

    /// Resumes who waits when there is something to read, or also when there is room to write.
    void wait_readable(std::shared_ptr<Resumable> who);
    void wait_either(std::shared_ptr<Resumable> who);

    /// Ends a wait early.
    void cancel();

    /// Whether the peer neither closed the connection nor sent anything that nobody asked for. TLS messages that are no
    /// data, such as session tickets, are taken in.
    bool is_quiet();

    /// Whether bytes that came are still to be looked at.
    bool has_buffered() const noexcept;

    /// Bytes handed to the system so far.
    std::uint64_t bytes_sent() const noexcept { return transport_.sent; }

private:
    /// What the BIO needs to know.
    struct Transport
    {
        int descriptor = -1;
        std::uint64_t sent = 0;
        bool peer_ended = false;
        int error = 0;
    };
    friend struct TransportBio;

    /// What each step comes to in another process than the connection's own.
    static Step refused_elsewhere();
    Step ssl_step(int returned);
    Step plain_step(std::int64_t returned, Step::Result would_block);

    Executor strand_;
    Socket socket_;
    Transport transport_;
    SslPtr ssl_;
    Origin origin_;
};

} // namespace passage::net
