#include "support/frame_server.hpp"

#include <algorithm>
#include <nghttp2/nghttp2.h>

namespace passage::test {
namespace frames {

std::string number(std::uint64_t value, std::size_t size)
{
    std::string bytes(size, '\0');
    for (std::size_t i = size; i-- > 0; value >>= 8)
        bytes[i] = static_cast<char>(value & 0xff);
    return bytes;
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload)
{
    std::string bytes = number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4);
    bytes += payload;
    return bytes;
}

namespace {

/// A text with its length (RFC 7541, sections 5.1 and 5.2).
void append_text(std::string& bytes, std::string_view text)
{
    constexpr std::size_t in_prefix = 127;
    std::size_t left = text.size();
    bytes += static_cast<char>(std::min(left, in_prefix));
    if (left >= in_prefix) {
        for (left -= in_prefix; left >= 128; left /= 128)
            bytes += static_cast<char>(left % 128 + 128);
        bytes += static_cast<char>(left);
    }
    bytes += text;
}

std::uint8_t flags_if(bool first, std::uint8_t flag, bool second = false, std::uint8_t other = no_flags)
{
    return static_cast<std::uint8_t>((first ? flag : 0) | (second ? other : 0));
}

} // namespace

std::string field(std::string_view name, std::string_view value)
{
    std::string bytes(1, '\0');
    append_text(bytes, name);
    append_text(bytes, value);
    return bytes;
}

std::string fields(const Fields& all)
{
    std::string block;
    for (const auto& [name, value] : all)
        block += field(name, value);
    return block;
}

std::string headers(std::uint32_t stream, std::string_view block, bool ends_stream, bool ends_headers)
{
    return frame(headers_type, flags_if(ends_stream, end_stream, ends_headers, end_headers), stream, block);
}

std::string continuation(std::uint32_t stream, std::string_view block, bool ends_headers)
{
    return frame(continuation_type, flags_if(ends_headers, end_headers), stream, block);
}

std::string data(std::uint32_t stream, std::string_view bytes, bool ends_stream)
{
    return frame(data_type, flags_if(ends_stream, end_stream), stream, bytes);
}

std::string rst_stream(std::uint32_t stream, std::uint32_t code)
{
    return frame(rst_stream_type, no_flags, stream, number(code, 4));
}

std::string settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries)
{
    std::string payload;
    for (const auto& [id, value] : entries)
        payload += number(id, 2) + number(value, 4);
    return frame(settings_type, no_flags, 0, payload);
}

std::string settings_ack()
{
    return frame(settings_type, ack, 0, {});
}

std::string ping(std::string_view opaque, bool is_ack)
{
    return frame(ping_type, flags_if(is_ack, ack), 0, opaque);
}

std::string goaway(std::uint32_t last_stream, std::uint32_t code, std::string_view debug)
{
    return frame(goaway_type, no_flags, 0, number(last_stream, 4) + number(code, 4) + std::string{debug});
}

std::string window_update(std::uint32_t stream, std::uint32_t increment)
{
    return frame(window_update_type, no_flags, stream, number(increment, 4));
}

} // namespace frames

namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t frame_header_size = 9;

void require(bool so, const char* what)
{
    if (!so)
        throw ScriptFailure{what};
}

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size)
{
    require(bytes.size() >= at + size, "a frame of the client is too short");
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + size; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

} // namespace

std::string_view SeenStream::value(std::string_view name) const
{
    const auto found =
        std::find_if(fields.begin(), fields.end(), [name](const auto& field) { return field.first == name; });
    return found == fields.end() ? std::string_view{} : std::string_view{found->second};
}

std::string SeenStream::subject() const
{
    if (method() == "POST") {
        constexpr std::string_view key = R"("email":")";
        const auto begin = body.find(key);
        return begin == body.npos ? "" : body.substr(begin + key.size(), body.find('@', begin) - begin - key.size());
    }
    std::string_view path = value(":path");
    path = path.substr(0, path.find('?'));
    return std::string{path.substr(path.rfind('/') + 1)};
}

std::string answer_body(const SeenStream& request)
{
    if (request.value(":path").find("identifier=") != std::string_view::npos)
        return R"({"users":[{"id":"jane","email":"jane@example.com"}],"page":1,"limit":1,"total_users":1})";
    const std::string id = request.subject();
    return R"({"user":{"id":")" + id + R"(","email":")" + id + R"(@example.com","status":"active"}})";
}

std::string answer_block()
{
    return frames::fields({{":status", "200"}, {"content-type", "application/json"}});
}

std::string answer_frames(const SeenStream& request)
{
    return frames::headers(request.id, answer_block()) + frames::data(request.id, answer_body(request));
}

void FramePeer::Deleter::operator()(nghttp2_hd_inflater* inflater) const noexcept
{
    nghttp2_hd_inflate_del(inflater);
}

FramePeer::FramePeer(Peer& peer, FrameServer& server, FrameManners manners)
    : peer_{peer}, server_{server}, manners_{manners}, seen_{[&]() -> SeenConnection& {
          const std::lock_guard lock{server.mutex_};
          return server.seen_.emplace_back();
      }()}
{
    nghttp2_hd_inflater* made = nullptr;
    require(nghttp2_hd_inflate_new(&made) == 0, "no inflater");
    inflater_.reset(made);
    windows_[0] = initial_window_;
}

FramePeer::~FramePeer() = default;

void FramePeer::begin(std::string_view settings)
{
    peer_.send_whole(settings);
    receive_preface();
}

void FramePeer::receive_preface()
{
    if (!buffer(preface.size()))
        throw ClientGone{"the client ended the connection within its preface"};
    require(received_.starts_with(preface), "the client's preface is wrong");
    received_.erase(0, preface.size());
    await([this] { return !seen_.settings.empty(); });
}

void FramePeer::limit_table(std::uint32_t size)
{
    acks_until_table_ = seen_.settings_acks + 1;
    table_size_ = size;
    peer_.send_whole(frames::settings({{frames::header_table_size, size}}));
    await([this] { return seen_.settings_acks >= acks_until_table_; });
}

bool FramePeer::buffer(std::size_t size)
{
    while (received_.size() < size) {
        const std::string bytes = peer_.receive_bytes();
        if (bytes.empty()) {
            const std::lock_guard lock{server_.mutex_};
            seen_.ended = true;
            return false;
        }
        received_ += bytes;
    }
    return true;
}

bool FramePeer::receive_frame()
{
    if (!buffer(frame_header_size))
        return false;
    const std::size_t size = frame_header_size + number_at(received_, 0, 3);
    if (!buffer(size))
        return false;
    const std::string frame = received_.substr(0, size);
    received_.erase(0, size);
    take(static_cast<std::uint8_t>(frame[3]), static_cast<std::uint8_t>(frame[4]),
         number_at(frame, 5, 4) & frames::largest_id, std::string_view{frame}.substr(frame_header_size));
    return true;
}

void FramePeer::take(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload)
{
    using namespace frames;
    std::string reply;
    std::unique_lock lock{server_.mutex_};
    switch (type) {
    case headers_type: {
        require((flags & padded) == 0, "padding is not read here");
        if ((flags & has_priority) != 0)
            payload.remove_prefix(5);
        block_.clear();
        block_ends_stream_ = (flags & end_stream) != 0;
        take_header(id, payload, (flags & end_headers) != 0);
        break;
    }
    case continuation_type:
        take_header(id, payload, (flags & end_headers) != 0);
        break;
    case data_type: {
        const auto found = seen_.streams.find(id);
        require(found != seen_.streams.end(), "DATA on a stream that the client did not open");
        SeenStream& stream = found->second;
        require(!stream.whole && !stream.reset, "DATA on a stream that the client ended");
        stream.body += payload;
        if ((flags & end_stream) != 0) {
            stream.whole = true;
            whole_.push_back(id);
        } else if (manners_.opens_windows && !payload.empty()) {
            reply = window_update(id, static_cast<std::uint32_t>(payload.size()));
        }
        if (manners_.opens_windows && !payload.empty())
            reply += window_update(0, static_cast<std::uint32_t>(payload.size()));
        break;
    }
    case rst_stream_type: {
        const auto found = seen_.streams.find(id);
        require(found != seen_.streams.end(), "RST_STREAM on a stream that the client did not open");
        found->second.reset = number_at(payload, 0, 4);
        open_.erase(id);
        break;
    }
    case settings_type:
        if ((flags & ack) != 0) {
            if (++seen_.settings_acks == acks_until_table_)
                require(nghttp2_hd_inflate_change_table_size(inflater_.get(), table_size_) == 0, "no such table");
            break;
        }
        for (std::size_t at = 0; at < payload.size(); at += 6)
            seen_.settings[static_cast<std::uint16_t>(number_at(payload, at, 2))] = number_at(payload, at + 2, 4);
        if (const auto found = seen_.settings.find(initial_window_size); found != seen_.settings.end()) {
            const std::int64_t change = found->second - initial_window_;
            initial_window_ = found->second;
            for (auto& [stream, window] : windows_)
                if (stream != 0)
                    window += change;
        }
        if (manners_.acknowledges_settings)
            reply = settings_ack();
        break;
    case ping_type:
        if ((flags & ack) != 0) {
            seen_.ping_acks.emplace_back(payload);
        } else {
            ++seen_.pings;
            if (manners_.answers_pings)
                reply = ping(payload, true);
        }
        break;
    case goaway_type:
        seen_.goaway = number_at(payload, 4, 4);
        break;
    case window_update_type:
        window(id);
        windows_[id] += number_at(payload, 0, 4);
        break;
    default:
        break;
    }
    lock.unlock();
    // Not in pieces, which are for what a script says.
    if (!reply.empty())
        peer_.send_whole(reply);
}

void FramePeer::take_header(std::uint32_t id, std::string_view block, bool is_last)
{
    block_ += block;
    if (!is_last)
        return;
    require(id % 2 == 1 && (seen_.streams.empty() || seen_.streams.rbegin()->first < id), "a wrong stream id");
    SeenStream& stream = seen_.streams[id];
    stream.id = id;
    const auto* in = reinterpret_cast<const std::uint8_t*>(block_.data());
    std::size_t left = block_.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
        nghttp2_nv nv;
        const auto taken = nghttp2_hd_inflate_hd2(inflater_.get(), &nv, &flags, in, left, 1);
        require(taken >= 0, "a header of the client can't be read");
        in += taken;
        left -= static_cast<std::size_t>(taken);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
            stream.fields.emplace_back(std::string{reinterpret_cast<const char*>(nv.name), nv.namelen},
                                       std::string{reinterpret_cast<const char*>(nv.value), nv.valuelen});
    }
    nghttp2_hd_inflate_end_headers(inflater_.get());
    if (block_ends_stream_) {
        stream.whole = true;
        whole_.push_back(id);
    }
    open_.insert(id);
    seen_.most_open = std::max(seen_.most_open, open_.size());
}

std::int64_t FramePeer::window(std::uint32_t stream)
{
    return windows_.try_emplace(stream, initial_window_).first->second;
}

void FramePeer::await(const std::function<bool()>& condition)
{
    while (!condition())
        if (!receive_frame())
            throw ClientGone{"the client ended the connection"};
}

SeenStream FramePeer::request()
{
    await([this] { return !whole_.empty(); });
    const SeenStream& stream = seen_.streams[whole_.front()];
    whole_.pop_front();
    return stream;
}

std::vector<SeenStream> FramePeer::requests(std::size_t count)
{
    std::vector<SeenStream> all;
    while (all.size() < count)
        all.push_back(request());
    return all;
}

void FramePeer::await_reset(std::uint32_t stream)
{
    await([&] { return seen_.streams[stream].reset.has_value(); });
}

void FramePeer::await_ping_ack()
{
    const std::string mark = frames::number(++pings_sent_, 8);
    peer_.send_whole(frames::ping(mark));
    await([&] { return !seen_.ping_acks.empty() && seen_.ping_acks.back() == mark; });
}

void FramePeer::send_data(std::uint32_t stream, std::string_view bytes, std::size_t frame_size, bool ends_stream)
{
    for (bool is_sent = false; !is_sent;) {
        await([&] { return bytes.empty() || (window(0) > 0 && window(stream) > 0); });
        const auto room = static_cast<std::size_t>(std::min(window(0), window(stream)));
        const auto size = std::min({bytes.size(), frame_size, room});
        windows_[0] -= static_cast<std::int64_t>(size);
        windows_[stream] -= static_cast<std::int64_t>(size);
        is_sent = size == bytes.size();
        if (is_sent && ends_stream)
            open_.erase(stream);
        send(frames::data(stream, bytes.substr(0, size), is_sent && ends_stream));
        bytes.remove_prefix(size);
    }
}

void FramePeer::answer(const SeenStream& request)
{
    open_.erase(request.id);
    windows_[0] -= static_cast<std::int64_t>(answer_body(request).size());
    peer_.send_whole(answer_frames(request));
}

void FramePeer::serve()
{
    for (;;) {
        for (; !whole_.empty(); whole_.pop_front())
            if (const SeenStream& stream = seen_.streams[whole_.front()]; !stream.reset)
                answer(stream);
        if (!receive_frame())
            return;
    }
}

void FramePeer::expect_end()
{
    while (receive_frame()) {
    }
}

Script FrameServer::script(FrameScript what, FrameManners manners, TlsSettings tls)
{
    Script script{{}, true};
    if (server_.is_secure())
        script.steps.push_back(steps::tls(std::move(tls)));
    script.steps.push_back([this, what = std::move(what), manners](Peer& peer) {
        FramePeer frames{peer, *this, manners};
        what(frames);
    });
    return script;
}

Script FrameServer::serving()
{
    return script([](FramePeer& peer) {
        peer.begin();
        peer.serve();
    });
}

void FrameServer::plan(std::vector<Script> scripts, Pieces pieces)
{
    {
        const std::lock_guard lock{mutex_};
        seen_.clear();
    }
    server_.plan(std::move(scripts), std::move(pieces));
}

std::vector<SeenConnection> FrameServer::seen() const
{
    const std::lock_guard lock{mutex_};
    return {seen_.begin(), seen_.end()};
}

} // namespace passage::test
