#pragma once

#include "http/request.hpp"
#include "http/response_parser.hpp"
#include "http2/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace passage::http2 {

/// How a session is set up.
struct SessionOptions
{
    std::string_view scheme; ///< Static storage.
    std::uint32_t stream_window;
    std::uint32_t connection_window;
    http::ResponseLimits limits;
    /// Streams that the server is taken to allow until its SETTINGS come (RFC 9113, section 5.1.2).
    std::size_t assumed_streams;
};

/// A client's end of an HTTP/2 connection (RFC 9113): bytes come in, streams end; streams begin, bytes go out. No
/// socket and no clock.
///
/// nghttp2 does the framing, HPACK (RFC 7541) and flow control.
class Session
{
public:
    Session(std::shared_ptr<const http::CommonFields> common, const SessionOptions& options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Begins a stream; `trace_parent` may be empty. A stream that can't begin has failed when this returns.
    void begin(Stream& stream, const http::Request& request, std::string_view trace_parent);

    /// Ends a stream early: the caller no longer wants the response. A no-op if it has ended.
    void reset(Stream& stream) noexcept;

    /// Takes in bytes that came.
    void receive(std::string_view bytes);

    /// No more bytes will come or can be sent: all open streams fail with this.
    void fail(const Failure& failure) noexcept;

    /// Appends what is to be sent to `out`, until that has `limit` bytes or nothing is left.
    void send(std::string& out, std::size_t limit);

    /// Sends a PING, unless one is unanswered.
    void ping() noexcept;
    bool awaits_ping() const noexcept { return ping_.outstanding; }

    /// The next stream that has ended without `reset` since this was asked before; null if there is none.
    Stream* next_ended() noexcept;

    bool has_open_streams() const noexcept { return !open_.empty(); }

    /// How many streams may be open: as many as the server allows, less those reset of which it may not know yet.
    std::size_t places() const noexcept;

    /// How many streams the server allows.
    std::size_t max_streams() const noexcept { return max_streams_; }

    /// Whether no further stream can begin: the server has said so, or the ids are used up, or the session has ended.
    bool is_draining() const noexcept { return draining_; }
    /// Whether the session has ended. All its streams have, too.
    bool has_ended() const noexcept { return ended_; }

private:
    struct Callbacks;
    struct Deleter
    {
        void operator()(nghttp2_session* session) const noexcept;
    };
    using StreamList = boost::intrusive::list<Stream, boost::intrusive::constant_time_size<false>>;

    void complete(Stream& stream) noexcept;
    void fail(Stream& stream, Failure&& failure) noexcept;
    void fail(Stream& stream, Errc code, std::string message);
    void end(Stream& stream, Stream::State state) noexcept;
    void end_closed(Stream& stream, std::uint32_t error_code);
    /// False if there was no memory.
    bool reset(std::int32_t id, std::uint32_t error_code) noexcept;
    void end_malformed(const char* why);
    void lose_memory() noexcept;
    void take_field(Stream& stream, std::string_view name, std::string_view value);
    void end_head(Stream& stream);
    void take_body(Stream& stream, std::string_view part);
    void answered_ping() noexcept;
    Stream* find(std::int32_t id) const noexcept;
    Stream* find_open(std::int32_t id) noexcept;

    const std::shared_ptr<const http::CommonFields> common_;
    const SessionOptions options_;
    std::unique_ptr<nghttp2_session, Deleter> session_;
    StreamList open_;
    StreamList ended_streams_;
    std::size_t max_streams_;
    bool draining_ = false;
    bool ended_ = false;
    struct
    {
        bool outstanding = false;
        std::size_t resets = 0; ///< That came before it.
    } ping_;
    std::size_t resets_ = 0; ///< Of which the server may not know yet, those before the PING included.
};

} // namespace passage::http2
