#include "http2_end.hpp"

#include <algorithm>
#include <limits>
#include <nghttp2/nghttp2.h>
#include <utility>
#include <vector>

namespace passage::stress {
namespace {

int check(int result)
{
    if (result == NGHTTP2_ERR_NOMEM)
        throw std::bad_alloc{};
    return result;
}

std::uint8_t* bytes_of(std::string_view text)
{
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); // nghttp2 does not write there
}

/// The parts of a response as HTTP/1.1 has it.
struct Parts
{
    explicit Parts(std::string_view response)
    {
        const std::size_t head_end = response.find("\r\n\r\n");
        body = response.substr(head_end + 4);
        std::string_view head = response.substr(0, head_end + 2);
        add(":status", head.substr(head.find(' ') + 1, 3));
        head.remove_prefix(head.find("\r\n") + 2);
        for (; !head.empty(); head.remove_prefix(head.find("\r\n") + 2)) {
            const std::string_view line = head.substr(0, head.find("\r\n"));
            std::string name{line.substr(0, line.find(':'))};
            std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
            if (name != "connection" && name != "transfer-encoding" && name != "keep-alive")
                add(std::move(name), line.substr(line.find(':') + 2));
        }
    }

    void add(std::string name, std::string_view value) { texts.emplace_back(std::move(name), value); }

    std::vector<nghttp2_nv> fields() const
    {
        std::vector<nghttp2_nv> all;
        for (const auto& [name, value] : texts)
            all.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
        return all;
    }

    std::vector<std::pair<std::string, std::string>> texts;
    std::string_view body;
};

} // namespace

struct Http2End::Callbacks
{
    static Http2End& end_of(void* user_data) { return *static_cast<Http2End*>(user_data); }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data)
    {
        Request& request = end_of(user_data).incoming_[frame->hd.stream_id];
        request.id = frame->hd.stream_id;
        const std::string_view field{reinterpret_cast<const char*>(name), name_size};
        const std::string_view text{reinterpret_cast<const char*>(value), value_size};
        if (field == ":method")
            request.head.insert(0, std::string{text} + " ");
        else if (field == ":path")
            request.head.append(text).append(" HTTP/2");
        else if (field == "x-call")
            request.head.append("\r\nX-Call: ").append(text);
        else if (field == "content-length")
            request.head.append("\r\nContent-Length: ").append(text);
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                       void* user_data)
    {
        end_of(user_data).incoming_[id].body.append(reinterpret_cast<const char*>(data), size);
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        Http2End& self = end_of(user_data);
        if (frame->hd.stream_id > self.last_stream_)
            return 0;
        if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            return 0;
        if (auto request = self.incoming_.extract(frame->hd.stream_id)) {
            self.bodies_[request.key()];
            self.requests.push_back(std::move(request.mapped()));
        }
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user_data)
    {
        Http2End& self = end_of(user_data);
        self.incoming_.erase(id);
        self.bodies_.erase(id);
        return 0;
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source*, void* user_data)
    {
        Body& body = end_of(user_data).bodies_[id];
        if (body.unsent.empty() && !body.whole)
            return NGHTTP2_ERR_DEFERRED;
        const std::size_t taken = body.unsent.copy(reinterpret_cast<char*>(into), size);
        body.unsent.erase(0, taken);
        if (body.unsent.empty() && body.whole)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(taken);
    }
};

void Http2End::Deleter::operator()(nghttp2_session* session) const noexcept
{
    nghttp2_session_del(session);
}

Http2End::Http2End(std::uint32_t streams) : last_stream_{std::numeric_limits<std::int32_t>::max()}
{
    nghttp2_session_callbacks* callbacks = nullptr;
    check(nghttp2_session_callbacks_new(&callbacks));
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::on_close);
    nghttp2_session* made = nullptr;
    const int result = nghttp2_session_server_new(&made, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    check(result);
    session_.reset(made);
    const nghttp2_settings_entry settings{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
    check(nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, &settings, 1));
}

Http2End::~Http2End() = default;

bool Http2End::receive(std::string_view bytes)
{
    return nghttp2_session_mem_recv(session_.get(), bytes_of(bytes), bytes.size()) >= 0;
}

std::string Http2End::take_output()
{
    std::string output;
    for (;;) {
        const std::uint8_t* data = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &data);
        if (size <= 0)
            return output;
        output.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
}

void Http2End::respond(std::int32_t id, std::string_view response)
{
    begin_response(id, response);
    append(id, Parts{response}.body, true);
}

void Http2End::begin_response(std::int32_t id, std::string_view response)
{
    if (!bodies_.contains(id))
        return;
    const Parts parts{response};
    const std::vector<nghttp2_nv> fields = parts.fields();
    nghttp2_data_provider body{};
    body.read_callback = &Callbacks::read_body;
    check(nghttp2_submit_response(session_.get(), id, fields.data(), fields.size(), &body));
}

void Http2End::append(std::int32_t id, std::string_view part, bool is_last)
{
    const auto found = bodies_.find(id);
    if (found == bodies_.end())
        return;
    found->second.unsent += part;
    found->second.whole = is_last;
    check(nghttp2_session_resume_data(session_.get(), id)); // it may not wait yet
}

void Http2End::interim(std::int32_t id, int status)
{
    if (!bodies_.contains(id))
        return;
    const std::string text = std::to_string(status);
    const nghttp2_nv field{bytes_of(":status"), bytes_of(text), 7, text.size(), NGHTTP2_NV_FLAG_NONE};
    check(nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, id, nullptr, &field, 1, nullptr));
}

void Http2End::reset(std::int32_t id, std::uint32_t error_code)
{
    if (bodies_.contains(id))
        check(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, error_code));
}

void Http2End::go_away()
{
    // Requests may still be read before this is sent.
    last_stream_ = std::min(last_stream_, nghttp2_session_get_last_proc_stream_id(session_.get()));
    check(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last_stream_, NGHTTP2_NO_ERROR, nullptr, 0));
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload)
{
    const auto byte = [](std::size_t value, int shift) { return static_cast<char>(value >> shift & 0xff); };
    const auto id = static_cast<std::size_t>(stream);
    std::string bytes{byte(payload.size(), 16), byte(payload.size(), 8), byte(payload.size(), 0),
                      static_cast<char>(type), static_cast<char>(flags)};
    for (const int shift : {24, 16, 8, 0})
        bytes += byte(id, shift);
    return bytes.append(payload);
}

std::string literal_field(std::string_view name, std::string_view value)
{
    std::string bytes(1, '\0');
    bytes += static_cast<char>(name.size());
    bytes += name;
    bytes += static_cast<char>(value.size());
    return bytes += value;
}

} // namespace passage::stress
