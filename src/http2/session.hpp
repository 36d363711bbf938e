#pragma once

#include "http/request.hpp"
#include "http/response_parser.hpp"
#include "http2/session_memory.hpp"
#include "http2/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace passage::http2 {

/// Settings of a session.
struct SessionOptions
{
    std::string_view scheme; ///< In static storage.
    std::uint32_t stream_window;
    std::uint32_t connection_window;
    http::ResponseLimits limits;
    /// How many streams to allow until the SETTINGS of the server arrive (RFC 9113, section 5.1.2).
    std::size_t assumed_streams;
};

/// The protocol of the client's side of an HTTP/2 connection (RFC 9113), without a socket or a clock. Converts streams
/// to bytes that are to be sent, and bytes that were received to the ends of streams.
///
/// nghttp2 does the framing, HPACK (RFC 7541) and flow control.
class Session
{
public:
    Session(std::shared_ptr<const http::CommonFields> common, const SessionOptions& options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Begins a stream. `trace_parent` may be empty. If it can't begin, the stream is `failed` when this returns.
    void begin(Stream& stream, const http::Request& request, std::string_view trace_parent);

    /// Ends a stream whose response is no longer needed. A no-op if it has ended.
    void reset(Stream& stream) noexcept;

    /// Processes bytes from the server. `now` is the time at which they were received.
    void receive(std::string_view bytes, TimePoint now);

    /// The connection is lost. Ends the session; all open streams fail with `failure`.
    void fail(const Failure& failure) noexcept;

    /// There is no memory to go on. Ends the session; its calls may be retried on another connection.
    void lose_memory() noexcept;

    /// Appends pending frames to `out`, until `out` has at least `limit` bytes or no frame is pending. They
    /// contain the API key.
    void send(std::pmr::string& out, std::size_t limit);

    /// Queues a PING. A no-op if the last one is not answered yet.
    void ping() noexcept;
    /// The number of the PING that is not answered yet, from 1 on; 0 if there is none.
    std::uint64_t unanswered_ping() const noexcept { return ping_.number; }
    bool awaits_ping() const noexcept { return unanswered_ping() != 0; }

    /// Returns each stream that ended other than by `reset` once, then null.
    Stream* next_ended() noexcept;

    bool has_open_streams() const noexcept { return !open_.empty(); }

    /// How many streams may be open: as many as the server allows, without those whose reset it may not have received.
    std::size_t places() const noexcept;

    /// How many streams the server allows.
    std::size_t max_streams() const noexcept { return max_streams_; }

    /// Whether no other stream can begin: the server sent GOAWAY, the ids are used up, or the session has ended.
    bool is_draining() const noexcept { return draining_; }
    /// Whether the session, and thus all its streams, have ended.
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
    /// Returns false if memory ran out.
    bool reset(std::int32_t id, std::uint32_t error_code) noexcept;
    void end_malformed(const char* why);
    void take_field(Stream& stream, std::string_view name, std::string_view value);
    void end_head(Stream& stream);
    void take_body(Stream& stream, std::string_view part);
    void answered(Stream& stream) noexcept;
    void answered_ping() noexcept;
    Stream* find(std::int32_t id) const noexcept;
    Stream* find_open(std::int32_t id) noexcept;

    const std::shared_ptr<const http::CommonFields> common_;
    const SessionOptions options_;
    SessionMemory memory_;
    std::unique_ptr<nghttp2_session, Deleter> session_;
    StreamList open_;
    StreamList ended_streams_;
    TimePoint now_; ///< When the bytes were received that are being processed.
    std::size_t max_streams_;
    std::int64_t initial_window_ = 65'535; ///< Of streams, for what is sent to the server.
    std::int32_t widest_window_ = 0;       ///< When the SETTINGS that are being received began.
    bool draining_ = false;
    bool ended_ = false;
    bool lost_memory_ = false; ///< That is why it has ended.
    struct
    {
        std::uint64_t number = 0;
        std::size_t resets = 0; ///< Those sent before it.
    } ping_;                    ///< The one that is not answered yet.
    std::uint64_t pings_ = 0;
    std::size_t resets_ = 0; ///< Those that the server may not have received, including `ping_.resets`.
};

} // namespace passage::http2
