#pragma once

#include "support/script_server.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_hd_inflater;

namespace passage::test {

/// Header fields, in order.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// Frames of HTTP/2 as bytes (RFC 9113, section 6). Nothing is checked: they can be as wrong as a test needs them.
namespace frames {

enum Type : std::uint8_t {
    data_type,
    headers_type,
    priority_type,
    rst_stream_type,
    settings_type,
    push_promise_type,
    ping_type,
    goaway_type,
    window_update_type,
    continuation_type,
    altsvc_type = 0x0a,
    origin_type = 0x0c,
    priority_update_type = 0x10,
};

enum Flag : std::uint8_t {
    no_flags = 0x00,
    ack = 0x01,
    end_stream = 0x01,
    end_headers = 0x04,
    padded = 0x08,
    has_priority = 0x20,
};

/// RFC 9113, section 7.
enum Code : std::uint32_t {
    no_error,
    protocol_error,
    internal_error,
    flow_control_error,
    settings_timeout,
    stream_closed,
    frame_size_error,
    refused_stream,
    cancel,
    compression_error,
    connect_error,
    enhance_your_calm,
    inadequate_security,
    http_1_1_required,
};

/// RFC 9113, section 6.5.2.
enum Setting : std::uint16_t {
    header_table_size = 1,
    enable_push,
    max_concurrent_streams,
    initial_window_size,
    max_frame_size,
    max_header_list_size,
};

constexpr std::uint32_t largest_id = 0x7fff'ffff;

/// A number in network byte order.
std::string number(std::uint64_t value, std::size_t size);
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
/// Literals without indexing and without Huffman coding (RFC 7541, section 6.2.2).
std::string field(std::string_view name, std::string_view value);
std::string fields(const Fields& all);
/// `block` is what `fields` makes, or worse.
std::string headers(std::uint32_t stream, std::string_view block, bool ends_stream = false, bool ends_headers = true);
std::string continuation(std::uint32_t stream, std::string_view block, bool ends_headers = true);
std::string data(std::uint32_t stream, std::string_view bytes, bool ends_stream = true);
std::string rst_stream(std::uint32_t stream, std::uint32_t code);
std::string settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {});
std::string settings_ack();
std::string ping(std::string_view opaque = "8 bytes.", bool is_ack = false);
std::string goaway(std::uint32_t last_stream, std::uint32_t code = no_error, std::string_view debug = {});
std::string window_update(std::uint32_t stream, std::uint32_t increment);

} // namespace frames

/// A stream that the client opened.
struct SeenStream
{
    std::uint32_t id = 0;
    Fields fields;
    std::string body;
    bool whole = false;
    std::optional<std::uint32_t> reset; ///< The code of the client's RST_STREAM.

    /// The value of a field; empty if there is none.
    std::string_view value(std::string_view name) const;
    std::string_view method() const { return value(":method"); }
    /// Whom it is about: the path's last segment, or for a POST what is before the @ of the e-mail address given.
    std::string subject() const;
};

/// What a client did on one connection.
struct SeenConnection
{
    std::map<std::uint32_t, SeenStream> streams;
    std::map<std::uint16_t, std::uint32_t> settings;
    std::size_t most_open = 0; ///< Streams at a time: until the client reset them or `FramePeer` answered them.
    std::size_t settings_acks = 0;
    std::size_t pings = 0;
    std::vector<std::string> ping_acks; ///< What they carried.
    std::optional<std::uint32_t> goaway;
    bool ended = false; ///< By the client.
};

/// How a connection's server behaves without being told to.
struct FrameManners
{
    bool acknowledges_settings = true;
    bool answers_pings = true;
    bool opens_windows = true; ///< For what the client uploads.
};

class FrameServer;

/// The server's end of an HTTP/2 connection, as a script uses it.
///
/// Frames of the client are read while something is waited for, and then answered as the manners say.
class FramePeer
{
public:
    FramePeer(Peer& peer, FrameServer& server, FrameManners manners);
    ~FramePeer();
    FramePeer(const FramePeer&) = delete;
    FramePeer& operator=(const FramePeer&) = delete;

    Peer& transport() noexcept { return peer_; }
    /// To be changed at will.
    FrameManners& manners() noexcept { return manners_; }
    /// How many bytes of a stream, and of all, the client takes. Kept when frames are sent by `answer` and by
    /// `send_data`.
    std::int64_t window(std::uint32_t stream);

    /// Reads the client's preface.
    void receive_preface();
    /// Sends its SETTINGS, and reads the client's preface.
    void begin(std::string_view settings);
    void begin() { begin(frames::settings()); }
    /// Limits the table that the client compresses with, and waits until it acknowledges that. All earlier SETTINGS
    /// must be acknowledged.
    void limit_table(std::uint32_t size);
    /// Sends bytes, in the pieces that the server is set to.
    void send(std::string_view bytes) { peer_.send(bytes); }
    /// Sends a body, or a part of it, as far as the client's windows let it, waiting for them.
    void send_data(std::uint32_t stream, std::string_view bytes, std::size_t frame_size, bool ends_stream = true);
    /// Reads a frame. False if the client ended the connection.
    bool receive_frame();
    /// Reads frames until something is so; throws if the client ends the connection before.
    void await(const std::function<bool()>& condition);
    /// Waits for a request that was not returned yet. In the order in which they became whole.
    SeenStream request();
    /// So many of them.
    std::vector<SeenStream> requests(std::size_t count);
    /// Waits until the client resets a stream.
    void await_reset(std::uint32_t stream);
    /// Waits until the client has read what was sent, and has answered a PING to say so.
    void await_ping_ack();
    /// Answers a request properly, in one piece.
    void answer(const SeenStream& request);
    /// Answers every request properly until the client ends the connection.
    void serve();
    /// Reads until the client ends the connection.
    void expect_end();

    const SeenConnection& seen() const noexcept { return seen_; }

private:
    struct Deleter
    {
        void operator()(nghttp2_hd_inflater* inflater) const noexcept;
    };
    /// False if the client ended the connection before there were so many bytes.
    bool buffer(std::size_t size);
    void take(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload);
    void take_header(std::uint32_t id, std::string_view block, bool is_last);

    Peer& peer_;
    FrameServer& server_;
    FrameManners manners_;
    SeenConnection& seen_; ///< Written under the server's lock.
    std::string received_;
    std::string block_; ///< Of a header that is being read.
    bool block_ends_stream_ = false;
    std::unique_ptr<nghttp2_hd_inflater, Deleter> inflater_;
    std::deque<std::uint32_t> whole_; ///< Requests not returned yet.
    std::map<std::uint32_t, std::int64_t> windows_;
    std::int64_t initial_window_ = 65535;
    std::uint64_t pings_sent_ = 0;
    std::size_t acks_until_table_ = 0; ///< 0: none.
    std::uint32_t table_size_ = 0;
    std::set<std::uint32_t> open_;
};

using FrameScript = std::function<void(FramePeer&)>;

/// Lets a script server speak HTTP/2, on connections beyond a plan as well: over TLS with ALPN, over plain TCP at once.
class FrameServer
{
public:
    explicit FrameServer(ScriptServer& server) : server_{server} { server.serve_by(serving()); }

    /// A script of the script server. The client may end the connection before it does.
    Script script(FrameScript what, FrameManners manners = {}, TlsSettings tls = {.alpn = "h2"});
    /// One that serves properly.
    Script serving();
    /// Starts again, with scripts for the next connections and an empty ledger.
    void plan(std::vector<Script> scripts, Pieces pieces = {});

    /// What was seen since `plan`, by connections that speak HTTP/2. Those are known in the order of their first frame.
    std::vector<SeenConnection> seen() const;
    ScriptServer& server() noexcept { return server_; }

private:
    friend class FramePeer;

    ScriptServer& server_;
    mutable std::mutex mutex_;
    std::deque<SeenConnection> seen_;
};

/// The proper answer to a request, as frames.
std::string answer_frames(const SeenStream& request);
/// Its body.
std::string answer_body(const SeenStream& request);
/// The header of an answer with a body.
std::string answer_block();

} // namespace passage::test
