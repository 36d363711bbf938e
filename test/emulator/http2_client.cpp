#include "http2_client.hpp"

#include <boost/asio/error.hpp>
#include <boost/json/parse.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <stdexcept>

namespace {

#if NGHTTP2_VERSION_NUM >= 0x013d00
using Size = nghttp2_ssize;
using DataProvider = nghttp2_data_provider2;
constexpr auto receive_bytes = nghttp2_session_mem_recv2;
constexpr auto send_bytes = nghttp2_session_mem_send2;
constexpr auto submit_request = nghttp2_submit_request2;
#else
using Size = ssize_t;
using DataProvider = nghttp2_data_provider;
constexpr auto receive_bytes = nghttp2_session_mem_recv;
constexpr auto send_bytes = nghttp2_session_mem_send;
constexpr auto submit_request = nghttp2_submit_request;
#endif

void check(Size result)
{
    if (result < 0) {
        throw std::runtime_error(nghttp2_strerror(static_cast<int>(result)));
    }
}

std::uint8_t* bytes_of(std::string_view text)
{
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

} // namespace

boost::json::value Http2Reply::json() const
{
    return boost::json::parse(body);
}

std::string Http2Reply::code() const
{
    const boost::json::value value = json();
    value.at("error").as_string();
    return value.at("code").as_string().c_str();
}

void Http2Client::Deleter::operator()(nghttp2_session* session) const
{
    nghttp2_session_del(session);
}

struct Http2Client::Callbacks
{
    static Http2Client& self(void* user_data) { return *static_cast<Http2Client*>(user_data); }

    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        Http2Reply& reply = self(user_data).replies_[frame->hd.stream_id];
        if (reply.status != 0) {
            reply.informational.push_back(reply.status);
            reply.fields.clear();
        }
        return 0;
    }

    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data)
    {
        Http2Reply& reply = self(user_data).replies_[frame->hd.stream_id];
        const std::string key(reinterpret_cast<const char*>(name), name_size);
        const std::string text(reinterpret_cast<const char*>(value), value_size);
        if (key == ":status") {
            reply.status = static_cast<unsigned>(std::stoul(text));
        } else if (!reply.fields.emplace(key, text).second) {
            throw std::runtime_error("two fields " + key);
        }
        return 0;
    }

    static int data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
                    void* user_data)
    {
        self(user_data).replies_[stream].body.append(reinterpret_cast<const char*>(data), size);
        return 0;
    }

    static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        Http2Client& client = self(user_data);
        switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
            if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
                client.replies_[frame->hd.stream_id].complete = true;
            }
            break;
        case NGHTTP2_RST_STREAM:
            client.replies_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
            break;
        case NGHTTP2_GOAWAY:
            client.goaways_.push_back({frame->goaway.last_stream_id, frame->goaway.error_code});
            break;
        case NGHTTP2_SETTINGS:
            for (std::size_t i = 0; i < frame->settings.niv; ++i) {
                client.settings_[frame->settings.iv[i].settings_id] = frame->settings.iv[i].value;
            }
            break;
        case NGHTTP2_PING:
            client.pongs_ += (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? 1 : 0;
            break;
        default:
            break;
        }
        return 0;
    }

    static int close(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user_data)
    {
        self(user_data).ended_.push_back(stream);
        return 0;
    }

    static Size read(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                     nghttp2_data_source* source, void*)
    {
        Upload& upload = *static_cast<Upload*>(source->ptr);
        const std::size_t read = upload.body.copy(reinterpret_cast<char*>(into), size, upload.read);
        upload.read += read;
        if (read == 0 && upload.open) {
            return NGHTTP2_ERR_DEFERRED;
        }
        if (!upload.open && upload.read == upload.body.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        return static_cast<Size>(read);
    }
};

Http2Client::Http2Client(std::uint16_t port, const std::string& ca_pem, std::uint32_t window)
    : tls_(port, ca_pem, std::vector<std::string>{"h2"})
{
    nghttp2_session_callbacks* callbacks = nullptr;
    check(nghttp2_session_callbacks_new(&callbacks));
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::close);
    nghttp2_session* session = nullptr;
    const int result = nghttp2_session_client_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    check(result);
    session_.reset(session);
    const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    check(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &setting, 1));
    check(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_MAX_WINDOW_SIZE));
}

Http2Client::~Http2Client() = default;

std::int32_t Http2Client::submit(std::string_view method, std::string_view target, std::string_view key,
                                 std::string_view body, const Fields& more)
{
    Fields fields{{":method", std::string{method}},
                  {":scheme", "https"},
                  {":authority", "localhost"},
                  {":path", std::string{target}},
                  {"user-agent", "test"}};
    if (!key.empty()) {
        fields.emplace_back("authorization", "Bearer " + std::string{key});
    }
    if (!body.empty()) {
        fields.emplace_back("content-length", std::to_string(body.size()));
    }
    fields.insert(fields.end(), more.begin(), more.end());
    return submit(fields, body);
}

std::int32_t Http2Client::submit(const Fields& fields, std::string_view body, bool open)
{
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
        list.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    auto upload = std::make_unique<Upload>(Upload{std::string{body}, 0, open});
    DataProvider provider{};
    provider.source.ptr = upload.get();
    provider.read_callback = Callbacks::read;
    const std::int32_t stream = submit_request(session_.get(), nullptr, list.data(), list.size(),
                                               body.empty() && !open ? nullptr : &provider, nullptr);
    check(stream);
    uploads_[stream] = std::move(upload);
    return stream;
}

void Http2Client::finish(std::int32_t stream, std::string_view body)
{
    Upload& upload = *uploads_.at(stream);
    upload.body.append(body);
    upload.open = false;
    check(nghttp2_session_resume_data(session_.get(), stream));
}

void Http2Client::flush()
{
    std::string output;
    while (true) {
        const std::uint8_t* data = nullptr;
        const auto size = send_bytes(session_.get(), &data);
        check(size);
        if (size == 0) {
            break;
        }
        output.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
    if (!output.empty() && !end_) {
        try {
            tls_.send(output);
        } catch (const boost::system::system_error& error) {
            end_ = error.code();
        }
    }
}

void Http2Client::receive_until(const std::function<bool()>& condition)
{
    while (true) {
        flush();
        if (end_ || condition()) {
            return;
        }
        boost::system::error_code error;
        const std::string bytes = tls_.receive_some(error);
        if (error) {
            end_ = error;
            return;
        }
        check(receive_bytes(session_.get(), bytes_of(bytes), bytes.size()));
    }
}

const Http2Reply& Http2Client::wait(std::int32_t stream)
{
    receive_until([&] { return std::ranges::find(ended_, stream) != ended_.end(); });
    return replies_[stream];
}

const Http2Reply& Http2Client::call(std::string_view method, std::string_view target, std::string_view key,
                                    std::string_view body)
{
    return wait(submit(method, target, key, body));
}

bool Http2Client::is_ended()
{
    receive_until([] { return false; });
    return end_ == boost::asio::error::eof;
}

bool Http2Client::is_uploaded(std::int32_t stream) const
{
    const Upload& upload = *uploads_.at(stream);
    return !upload.open && upload.read == upload.body.size();
}

void Http2Client::ping()
{
    check(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr));
}

void Http2Client::cancel(std::int32_t stream)
{
    check(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL));
}

std::optional<std::uint32_t> Http2Client::setting(std::int32_t id) const
{
    const auto place = settings_.find(id);
    return place == settings_.end() ? std::nullopt : std::optional{place->second};
}
