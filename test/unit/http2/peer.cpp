#include "http2/peer.hpp"

#include <nghttp2/nghttp2.h>
#include <stdexcept>

namespace passage::http2::test {
namespace {

std::string big_endian(std::uint32_t value, int bytes)
{
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        text += static_cast<char>(value >> shift);
    return text;
}

std::string length_bytes(std::size_t size)
{
    if (size < 127)
        return std::string(1, static_cast<char>(size));
    std::string text(1, '\x7f');
    for (size -= 127; size >= 128; size /= 128)
        text += static_cast<char>(size % 128 + 128);
    return text += static_cast<char>(size);
}

} // namespace

std::string field_bytes(std::string_view name, std::string_view value)
{
    std::string bytes(1, '\0');
    bytes.append(length_bytes(name.size())).append(name);
    return bytes.append(length_bytes(value.size())).append(value);
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload)
{
    std::string bytes = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    return bytes.append(big_endian(stream, 4)).append(payload);
}

std::string response_head(std::uint32_t stream, int status, const Fields& fields, bool ends)
{
    std::string block = field_bytes(":status", std::to_string(status));
    for (const auto& [name, value] : fields)
        block += field_bytes(name, value);
    return frame(NGHTTP2_HEADERS, static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS | (ends ? 1 : 0)), stream, block);
}

std::string data(std::uint32_t stream, std::string_view bytes, bool ends)
{
    return frame(NGHTTP2_DATA, ends ? NGHTTP2_FLAG_END_STREAM : 0, stream, bytes);
}

std::string settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries)
{
    std::string payload;
    for (const auto& [id, value] : entries)
        payload += big_endian(id, 2) + big_endian(value, 4);
    return frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

std::string goaway(std::uint32_t last_stream, std::uint32_t error_code)
{
    return frame(NGHTTP2_GOAWAY, 0, 0, big_endian(last_stream, 4) + big_endian(error_code, 4));
}

std::string rst_stream(std::uint32_t stream, std::uint32_t error_code)
{
    return frame(NGHTTP2_RST_STREAM, 0, stream, big_endian(error_code, 4));
}

std::string ping_ack()
{
    return frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, std::string(8, '\0'));
}

struct Peer::Callbacks
{
    static Peer& peer_of(void* user_data) { return *static_cast<Peer*>(user_data); }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t flags, void* user_data)
    {
        Request& request = peer_of(user_data).requests[frame->hd.stream_id];
        request.fields.emplace_back(std::string(name, name + name_size), std::string(value, value + value_size));
        if ((flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
            request.never_indexed.push_back(request.fields.back().first);
        return 0;
    }

    /// Takes whatever comes: the test says what the session is told.
    static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void*)
    {
        return nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, 1 << 30);
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                       void* user_data)
    {
        peer_of(user_data).requests[id].body.append(bytes, bytes + size);
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        Peer& peer = peer_of(user_data);
        switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
            if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
                peer.requests[frame->hd.stream_id].complete = true;
            break;
        case NGHTTP2_RST_STREAM:
            peer.requests[frame->hd.stream_id].reset = frame->rst_stream.error_code;
            break;
        case NGHTTP2_SETTINGS:
            for (std::size_t i = 0; i < frame->settings.niv; ++i)
                peer.client_settings[static_cast<std::uint16_t>(frame->settings.iv[i].settings_id)] =
                    frame->settings.iv[i].value;
            break;
        case NGHTTP2_WINDOW_UPDATE:
            if (frame->hd.stream_id == 0)
                peer.window_update += static_cast<std::uint32_t>(frame->window_update.window_size_increment);
            break;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
                ++peer.pings;
            break;
        case NGHTTP2_GOAWAY:
            peer.goaway = frame->goaway.error_code;
            break;
        default:
            break;
        }
        return 0;
    }
};

void Peer::Deleter::operator()(nghttp2_session* session) const noexcept
{
    nghttp2_session_del(session);
}

Peer::Peer()
{
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Callbacks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::on_frame);
    nghttp2_session* made = nullptr;
    nghttp2_session_server_new(&made, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    session_.reset(made);
    nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, nullptr, 0);
    nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, 1 << 30);
}

Peer::~Peer() = default;

void Peer::read_from(Session& session)
{
    for (std::pmr::string bytes; session.send(bytes, 16 * 1024), !bytes.empty(); bytes.clear()) {
        const auto taken =
            nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        if (taken != static_cast<ssize_t>(bytes.size()))
            throw std::runtime_error{"the session's bytes are no HTTP/2"};
    }
}

} // namespace passage::http2::test
