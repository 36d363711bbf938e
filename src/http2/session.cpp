#include "http2/session.hpp"

#include "model/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <nghttp2/nghttp2.h>
#include <utility>
#include <vector>

namespace passage::http2 {
namespace {

/// Most bytes of a request's header. Exceeds what the fields that a caller adds may have.
constexpr std::size_t longest_request_head = 256 * 1024;

/// Added to the size of a field's name and value (RFC 9113, section 6.5.2).
constexpr std::size_t field_overhead = 32;

/// Most concurrent streams, even if the server allows more.
constexpr std::uint32_t most_streams = 1'000'000;

/// No stream begins after the one with this id: ids can't be reused (RFC 9113, section 5.1.1).
constexpr std::int32_t last_stream_id = 0x7fff'ff00;

/// RFC 9113, section 6.9.1.
constexpr std::int64_t largest_window = 0x7fff'ffff;

constexpr int switching_protocols = 101;

struct OptionDeleter
{
    void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
    void operator()(nghttp2_session_callbacks* callbacks) const noexcept { nghttp2_session_callbacks_del(callbacks); }
};

/// Throws `std::bad_alloc` if that is the error; returns all others.
int check(int result)
{
    if (result == NGHTTP2_ERR_NOMEM)
        throw std::bad_alloc{};
    return result;
}

std::uint8_t* bytes_of(std::string_view text)
{
    // nghttp2 does not write to it.
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags)
{
    return {bytes_of(name), bytes_of(value), name.size(), value.size(), flags};
}

/// The name and the value outlive the session.
constexpr std::uint8_t lasting = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
/// The name outlives the session.
constexpr std::uint8_t passing = NGHTTP2_NV_FLAG_NO_COPY_NAME;

Failure lost(std::string message)
{
    return {Error{Errc::truncated, std::move(message)}, true};
}

Failure no_memory()
{
    return {Error{Errc::no_memory}, true};
}

} // namespace

struct Session::Callbacks
{
    static Session& session_of(void* user_data) { return *static_cast<Session*>(user_data); }

    /// Calls a function that may end an open stream. A callback of nghttp2 must not throw.
    template <class Function>
    static void update(Session& session, Stream& stream, Function function) noexcept
    {
        try {
            function();
        } catch (const std::bad_alloc&) {
            session.end(stream, Stream::State::no_memory);
        }
    }

    /// As `update`, and resets the stream if it failed.
    template <class Function>
    static int update_or_reset(Session& session, Stream& stream, Function function) noexcept
    {
        const std::int32_t id = stream.id_;
        update(session, stream, std::move(function));
        const bool goes_on = stream.state_ == Stream::State::open || stream.state_ == Stream::State::complete;
        return goes_on || session.reset(id, NGHTTP2_CANCEL) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_begin_frame(nghttp2_session* handle, const nghttp2_frame_hd* head, void* user_data)
    {
        if (head->type != NGHTTP2_SETTINGS)
            return 0;
        Session& session = session_of(user_data);
        session.widest_window_ = 0;
        for (const Stream& stream : session.open_)
            session.widest_window_ =
                std::max(session.widest_window_, nghttp2_session_get_stream_remote_window_size(handle, stream.id_));
        return 0;
    }

    /// Takes in new sizes of the windows. Whether one of a stream grows beyond what there can be.
    static bool overflows_window(Session& session, const nghttp2_settings& settings) noexcept
    {
        std::int64_t widest = session.widest_window_;
        bool overflows = false;
        for (std::size_t i = 0; i < settings.niv; ++i) {
            if (settings.iv[i].settings_id != NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
                continue;
            const std::int64_t size = settings.iv[i].value;
            widest += size - std::exchange(session.initial_window_, size);
            overflows = overflows || widest > largest_window;
        }
        return overflows;
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        if (Stream* const stream = session_of(user_data).find_open(frame->hd.stream_id)) {
            session_of(user_data).answered(*stream);
            stream->head_bytes_ = 0;
            stream->head_fields_ = 0;
        }
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data)
    {
        Session& session = session_of(user_data);
        Stream* const stream = session.find_open(frame->hd.stream_id);
        if (!stream)
            return 0;
        update(session, *stream, [&] {
            session.take_field(*stream, {reinterpret_cast<const char*>(name), name_size},
                               {reinterpret_cast<const char*>(value), value_size});
        });
        // On this error nghttp2 resets the stream and skips the rest of the header.
        return stream->state_ == Stream::State::open ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    /// Without this callback nghttp2 would ignore the field.
    static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
                                 const std::uint8_t*, std::size_t, std::uint8_t, void* user_data)
    {
        Session& session = session_of(user_data);
        Stream* const stream = session.find_open(frame->hd.stream_id);
        if (!stream)
            return 0;
        update(session, *stream, [&] { session.fail(*stream, Errc::protocol, "the response's header is malformed"); });
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                       void* user_data)
    {
        Session& session = session_of(user_data);
        Stream* const stream = session.find_open(id);
        if (!stream)
            return 0;
        return update_or_reset(session, *stream, [&] {
            session.take_body(*stream, {reinterpret_cast<const char*>(data), size});
        });
    }

    static int on_frame(nghttp2_session* handle, const nghttp2_frame* frame, void* user_data)
    {
        Session& session = session_of(user_data);
        switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
            if (Stream* const stream = session.find_open(frame->hd.stream_id))
                return update_or_reset(session, *stream, [&] {
                    if (frame->hd.type == NGHTTP2_HEADERS)
                        session.end_head(*stream);
                    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && stream->head_is_final_)
                        session.complete(*stream);
                });
            break;
        case NGHTTP2_RST_STREAM:
            if (Stream* const stream = session.find_open(frame->hd.stream_id)) {
                session.answered(*stream);
                stream->reset_by_peer_ = true;
            }
            break;
        case NGHTTP2_SETTINGS:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
                break;
            session.max_streams_ = std::min(
                nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), most_streams);
            // nghttp2 would end the streams alone (RFC 9113, section 6.9.2).
            if (overflows_window(session, frame->settings) &&
                nghttp2_session_terminate_session(handle, NGHTTP2_FLOW_CONTROL_ERROR) != 0)
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            break;
        case NGHTTP2_GOAWAY:
            session.draining_ = true;
            break;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
                session.answered_ping();
            break;
        default:
            break;
        }
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user_data)
    {
        Session& session = session_of(user_data);
        if (Stream* const stream = session.find_open(id))
            update(session, *stream, [&] { session.end_closed(*stream, error_code); });
        return 0;
    }

    static int before_send(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        if (frame->hd.type == NGHTTP2_HEADERS)
            if (Stream* const stream = session_of(user_data).find_open(frame->hd.stream_id))
                stream->begun_ = true;
        return 0;
    }

    static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data)
    {
        const bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                          (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (ends)
            if (Stream* const stream = session_of(user_data).find_open(frame->hd.stream_id))
                stream->sent_ = true;
        return 0;
    }

    /// Called for a request that can't be sent because the server accepts no more.
    static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data)
    {
        Session& session = session_of(user_data);
        if (frame->hd.type != NGHTTP2_HEADERS)
            return 0;
        if (error == NGHTTP2_ERR_HEADER_COMP) // Memory ran out, and no later request can be compressed either.
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        if (Stream* const stream = session.find(frame->hd.stream_id))
            update(session, *stream, [&] { session.fail(*stream, lost("the connection takes no more requests")); });
        return 0;
    }

    static ssize_t read_body(nghttp2_session* handle, std::int32_t id, std::uint8_t* into, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source*, void*)
    {
        auto* const stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(handle, id));
        if (!stream)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t taken = stream->unsent_.copy(reinterpret_cast<char*>(into), size);
        stream->unsent_.remove_prefix(taken);
        if (stream->unsent_.empty())
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(taken);
    }

    static std::unique_ptr<nghttp2_session_callbacks, OptionDeleter> make()
    {
        nghttp2_session_callbacks* made = nullptr;
        check(nghttp2_session_callbacks_new(&made));
        nghttp2_session_callbacks_set_on_begin_frame_callback(made, &on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, &on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(made, &on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, &on_invalid_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, &on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, &on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, &on_close);
        nghttp2_session_callbacks_set_before_frame_send_callback(made, &before_send);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, &on_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(made, &on_not_sent);
        return std::unique_ptr<nghttp2_session_callbacks, OptionDeleter>{made};
    }
};

void Session::Deleter::operator()(nghttp2_session* session) const noexcept
{
    nghttp2_session_del(session);
}

Session::Session(std::shared_ptr<const http::CommonFields> common, const SessionOptions& options)
    : common_{std::move(common)}, options_{options}, max_streams_{options.assumed_streams}
{
    const auto callbacks = Callbacks::make();
    nghttp2_option* made_option = nullptr;
    check(nghttp2_option_new(&made_option));
    const std::unique_ptr<nghttp2_option, OptionDeleter> option{made_option};
    nghttp2_option_set_peer_max_concurrent_streams(option.get(), static_cast<std::uint32_t>(max_streams_));
    nghttp2_option_set_max_send_header_block_length(option.get(), longest_request_head);

    nghttp2_session* made = nullptr;
    check(nghttp2_session_client_new3(&made, callbacks.get(), this, option.get(), memory_.functions()));
    session_.reset(made);

    const auto limit = [](std::size_t value) {
        return static_cast<std::uint32_t>(std::min<std::size_t>(value, 0xffff'ffff));
    };
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limit(options.limits.header_bytes)}};
    check(nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size()));
    check(nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0,
                                                static_cast<std::int32_t>(options.connection_window)));
}

Session::~Session() = default;

void Session::begin(Stream& stream, const http::Request& request, std::string_view trace_parent)
{
    if (ended_ || nghttp2_session_check_request_allowed(session_.get()) == 0) {
        draining_ = true;
        stream.failure_ = lost_memory_ ? no_memory() : lost("the connection takes no more requests");
        stream.state_ = Stream::State::failed;
        return;
    }
    std::string length;
    std::vector<nghttp2_nv> fields;
    fields.reserve(12 + request.extra.size());
    fields.push_back(field(":method", request.method, lasting));
    fields.push_back(field(":scheme", options_.scheme, lasting));
    fields.push_back(field(":authority", common_->host, lasting));
    fields.push_back(field(":path", request.target, passing));
    fields.push_back(field("user-agent", common_->user_agent, lasting));
    fields.push_back(field("passage-version", common_->version, lasting));
    fields.push_back(field("accept", common_->accept, lasting));
    fields.push_back(field("accept-encoding", common_->accept_encoding, lasting));
    // Keeps the key out of compression tables, also those of an intermediary (RFC 7541, section 7.1.3).
    if (!common_->authorization.empty())
        fields.push_back(field("authorization", common_->authorization.reveal(), lasting | NGHTTP2_NV_FLAG_NO_INDEX));
    if (!trace_parent.empty())
        fields.push_back(field(http::trace_parent_field, trace_parent, passing | NGHTTP2_NV_FLAG_NO_INDEX));
    std::vector<std::string> lower_names; // RFC 9113, section 8.2
    lower_names.reserve(request.extra.size());
    for (const auto& [name, value] : request.extra)
        fields.push_back(field(lower_names.emplace_back(lower_case(name)), value, NGHTTP2_NV_FLAG_NO_INDEX));
    if (request.has_body)
        fields.push_back(field("content-type", http::json_type, lasting));
    if (http::states_length(request)) {
        length = std::to_string(request.body.size());
        fields.push_back(field("content-length", length, passing));
    }

    nghttp2_data_provider body{};
    body.read_callback = &Callbacks::read_body;
    const std::int32_t id = check(nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(),
                                                         request.body.empty() ? nullptr : &body, &stream));
    if (id < 0) {
        draining_ = true;
        stream.failure_ = lost("the connection takes no more requests");
        stream.state_ = Stream::State::failed;
        return;
    }
    draining_ = draining_ || id >= last_stream_id;
    stream.id_ = id;
    stream.unsent_ = request.body;
    open_.push_back(stream);
}

void Session::reset(Stream& stream) noexcept
{
    const std::int32_t id = stream.id_;
    if (stream.state_ != Stream::State::open || id == 0) { // 0: `begin` threw
        stream.unlink();
        return;
    }
    end(stream, Stream::State::failed);
    stream.unlink();
    if (!ended_ && !reset(id, NGHTTP2_CANCEL))
        lose_memory();
}

bool Session::reset(std::int32_t id, std::uint32_t error_code) noexcept
{
    if (nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, error_code) != 0)
        return false;
    ++resets_;
    return true;
}

void Session::receive(std::string_view bytes, TimePoint now)
{
    if (ended_)
        return;
    now_ = now;
#if NGHTTP2_VERSION_NUM >= 0x013d00
    const auto taken = nghttp2_session_mem_recv2(session_.get(), bytes_of(bytes), bytes.size());
#else
    const auto taken = nghttp2_session_mem_recv(session_.get(), bytes_of(bytes), bytes.size());
#endif
    if (taken == NGHTTP2_ERR_NOMEM || taken == NGHTTP2_ERR_CALLBACK_FAILURE)
        lose_memory();
    else if (taken < 0)
        end_malformed(nghttp2_strerror(static_cast<int>(taken)));
}

void Session::lose_memory() noexcept
{
    lost_memory_ = true;
    fail(no_memory());
}

void Session::end_malformed(const char* why)
{
    Failure failure{Error{Errc::protocol, "the server broke HTTP/2: "}, true};
    failure.error.message += why;
    fail(failure);
}

void Session::fail(const Failure& failure) noexcept
{
    ended_ = true;
    draining_ = true;
    while (!open_.empty()) {
        Stream& stream = open_.front();
        try {
            fail(stream, Failure{failure});
        } catch (const std::bad_alloc&) {
            end(stream, Stream::State::no_memory);
        }
    }
}

void Session::send(std::pmr::string& out, std::size_t limit)
{
    if (ended_) // requests in the queue have failed, and may be made elsewhere
        return;
    if (resets_ > 0)
        ping();
    while (out.size() < limit) {
        const std::uint8_t* data = nullptr;
#if NGHTTP2_VERSION_NUM >= 0x013d00
        const auto size = nghttp2_session_mem_send2(session_.get(), &data);
#else
        const auto size = nghttp2_session_mem_send(session_.get(), &data);
#endif
        if (size == NGHTTP2_ERR_NOMEM || size == NGHTTP2_ERR_CALLBACK_FAILURE)
            lose_memory();
        else if (size < 0)
            end_malformed(nghttp2_strerror(static_cast<int>(size)));
        if (size <= 0)
            break;
        out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
    // After a connection error nghttp2 sends GOAWAY, and reads no more.
    if (!ended_ && nghttp2_session_want_read(session_.get()) == 0)
        end_malformed("a frame breaks the rules of the connection");
}

void Session::ping() noexcept
{
    if (awaits_ping())
        return;
    if (nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr) == 0)
        ping_ = {++pings_, resets_};
    else
        lose_memory();
}

void Session::answered(Stream& stream) noexcept
{
    stream.answered_ = true;
    if (!stream.answered_at_)
        stream.answered_at_ = now_;
}

void Session::answered_ping() noexcept
{
    if (std::exchange(ping_.number, 0) == 0)
        return;
    resets_ -= ping_.resets;
    ping_.resets = 0;
}

std::size_t Session::places() const noexcept
{
    return max_streams_ - std::min(max_streams_, resets_);
}

Stream* Session::next_ended() noexcept
{
    if (ended_streams_.empty())
        return nullptr;
    Stream& stream = ended_streams_.front();
    ended_streams_.pop_front();
    return &stream;
}

Stream* Session::find(std::int32_t id) const noexcept
{
    for (const Stream& stream : open_)
        if (stream.id_ == id)
            return const_cast<Stream*>(&stream);
    return nullptr;
}

Stream* Session::find_open(std::int32_t id) noexcept
{
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

void Session::complete(Stream& stream) noexcept
{
    // The response is complete before the request was sent: the server ignores the rest of it.
    const bool reset_rest = !stream.sent_;
    end(stream, Stream::State::complete);
    if (reset_rest && !reset(stream.id_, NGHTTP2_NO_ERROR))
        lose_memory();
}

void Session::fail(Stream& stream, Failure&& failure) noexcept
{
    stream.failure_ = std::move(failure);
    end(stream, Stream::State::failed);
}

void Session::fail(Stream& stream, Errc code, std::string message)
{
    fail(stream, Failure{Error{code, std::move(message)}, false});
}

void Session::end(Stream& stream, Stream::State state) noexcept
{
    nghttp2_session_set_stream_user_data(session_.get(), stream.id_, nullptr);
    stream.state_ = state;
    stream.unsent_ = {};
    stream.unlink();
    ended_streams_.push_back(stream);
}

void Session::end_closed(Stream& stream, std::uint32_t error_code)
{
    // A request with a partial response was processed in part.
    if (error_code == NGHTTP2_REFUSED_STREAM && stream.head_bytes_ == 0) {
        // The server did not process it (RFC 9113, section 8.7).
        stream.begun_ = false;
        stream.answered_ = true;
        if (stream.reset_by_peer_)
            fail(stream, lost("the server refused the stream"));
        else if (draining_)
            fail(stream, lost("the connection was closed before the request was processed"));
        else // it is nghttp2 that could not send it
            fail(stream, no_memory());
    } else if (stream.reset_by_peer_) {
        std::string message = "the server reset the stream: ";
        message += nghttp2_http2_strerror(error_code);
        fail(stream, lost(std::move(message)));
    } else {
        fail(stream, Errc::protocol, "the response is malformed");
    }
}

void Session::take_field(Stream& stream, std::string_view name, std::string_view value)
{
    const auto refuse = [&](Errc code, const std::string& why) { fail(stream, code, "the response's header " + why); };
    stream.head_bytes_ += name.size() + value.size() + field_overhead;
    if (stream.head_bytes_ > options_.limits.header_bytes)
        return refuse(Errc::too_large, "exceeds " + std::to_string(options_.limits.header_bytes) + " bytes");
    if (name == ":status") {
        int status = 0;
        std::from_chars(value.data(), value.data() + value.size(), status);
        if (status < 100 || status > 599)
            return refuse(Errc::protocol, "is malformed");
        stream.response_.status = status;
        return;
    }
    if (++stream.head_fields_ > options_.limits.header_fields)
        return refuse(Errc::too_large, "exceeds " + std::to_string(options_.limits.header_fields) + " fields");
    if (stream.head_is_final_)
        return;
    if (const char* const why = stream.fields_.put(stream.response_, name, value))
        fail(stream, Errc::protocol, why);
}

void Session::end_head(Stream& stream)
{
    if (stream.head_is_final_)
        return;
    if (stream.response_.status >= 200) {
        stream.head_is_final_ = true;
        stream.response_.keep_alive = true;
        return;
    }
    if (stream.response_.status == switching_protocols)
        return fail(stream, Errc::protocol, "101 Switching Protocols, which HTTP/2 does not have");
    const std::size_t limit = options_.limits.interim_responses;
    if (++stream.interim_ > limit)
        return fail(stream, Errc::too_large, "more than " + std::to_string(limit) + " interim responses");
    stream.response_ = {};
    stream.fields_ = {};
}

void Session::take_body(Stream& stream, std::string_view part)
{
    std::string& body = stream.response_.body;
    const std::size_t limit = options_.limits.body_bytes;
    if (part.size() > limit - body.size())
        return fail(stream, Errc::too_large, "the response's body exceeds " + std::to_string(limit) + " bytes");
    body.append(part);
}

} // namespace passage::http2
