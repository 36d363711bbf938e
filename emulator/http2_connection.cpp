#include "http2_connection.hpp"

#include "ascii.hpp"
#include "fault_plan.hpp"
#include "limits.hpp"
#include "request_target.hpp"
#include "response_fields.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace passage::emulator {
namespace asio = boost::asio;

namespace {

#if NGHTTP2_VERSION_NUM >= 0x013d00
using Size = nghttp2_ssize;
using DataProvider = nghttp2_data_provider2;
constexpr auto receive_bytes = nghttp2_session_mem_recv2;
constexpr auto send_bytes = nghttp2_session_mem_send2;
constexpr auto submit_response = nghttp2_submit_response2;
#else
using Size = ssize_t;
using DataProvider = nghttp2_data_provider;
constexpr auto receive_bytes = nghttp2_session_mem_recv;
constexpr auto send_bytes = nghttp2_session_mem_send;
constexpr auto submit_response = nghttp2_submit_response;
#endif

using Clock = Http2Connection::Clock;
using ErrorCode = ByteStream::ErrorCode;

constexpr std::uint32_t usual_max_streams = 100;
constexpr std::size_t read_size = 4096;
constexpr std::size_t write_size = 64 * 1024;
constexpr std::size_t max_idle_output = 4096;
constexpr int max_served_per_turn = 16;
// Limits of a connection, over all of its streams:
constexpr std::size_t max_held = 32 * 1024 * 1024;   // request bodies, in addition to the initial windows of streams
constexpr std::size_t max_unsent = 32 * 1024 * 1024; // responses, exceeded by at most one
constexpr std::size_t max_header_block = 4 * max_header_size;
// Frames of at most this size don't delay other streams for long.
constexpr std::size_t frame_size = 16 * 1024;
constexpr std::size_t frame_head_size = 9;

void check(int result)
{
    if (result == NGHTTP2_ERR_NOMEM) {
        throw std::bad_alloc();
    }
}

/// Limits frames that no request needs, of which a flood consists. A token bucket: served requests and time add tokens.
class Allowance
{
public:
    bool take(Clock::time_point now)
    {
        add(std::chrono::duration<double>(now - filled_).count() * per_second);
        filled_ = now;
        left_ -= 1;
        return left_ >= 0;
    }
    void request_served() { add(per_request); }

private:
    static constexpr double most = 10'000;
    static constexpr double per_second = 1'000;
    static constexpr double per_request = 4;

    void add(double frames) { left_ = std::min(most, left_ + frames); }

    double left_ = most;
    Clock::time_point filled_ = Clock::now();
};

/// A request and its response.
struct Stream
{
    enum class Phase {
        head,    ///< receives the header
        body,    ///< receives the body
        delayed, ///< complete, delayed by a fault
        ready,   ///< complete, to be served
        over,    ///< has a response or is reset; this may not have been sent
    };

    Stream(std::int32_t stream_id, Clock::time_point request_deadline) : id(stream_id), deadline(request_deadline) {}

    const std::int32_t id;
    Clock::time_point deadline; ///< of phases that wait for the client
    Phase phase = Phase::head;
    bool complete = false;  ///< The client sends no more.
    bool unchecked = false; ///< Its head must be checked before more of the body is received.
    bool expects_continue = false;
    std::string method;
    std::string path;
    std::string authority;
    std::optional<std::string> user_agent;
    std::optional<std::string> authorization;
    std::optional<std::uint64_t> length;
    std::size_t header_size = 0;
    std::string body;
    std::size_t withheld = 0; ///< bytes of the window that were not returned to the client
    Fate fate;
    std::string answer; ///< body of the response
    std::size_t answer_read = 0;
    std::size_t sent = 0; ///< bytes of all frames of the response

    Request request() const { return {method, path, user_agent, authorization, body}; }
};

std::string_view text_of(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// nghttp2 does not write to it.
std::uint8_t* bytes_of(std::string_view text)
{
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv field(std::string_view name, std::string_view value)
{
    return {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

/// Clears a field that occurs more than once: none of the values can be trusted.
void set_single(std::optional<std::string>& field, std::string_view value)
{
    field = field ? std::string_view{} : value;
}

/// Disables the limit on resets of newer or patched versions of nghttp2: `Allowance` counts them.
template <class Option>
void count_no_resets(Option* option)
{
    if constexpr (requires { nghttp2_option_set_stream_reset_rate_limit(option, 1, 1); }) {
        constexpr auto most = std::numeric_limits<std::uint64_t>::max();
        nghttp2_option_set_stream_reset_rate_limit(option, most, most);
    }
}

class Http2Server final : public Http2Connection, public std::enable_shared_from_this<Http2Server>
{
public:
    Http2Server(ByteStream& stream, Service& service)
        : stream_(stream), service_(service), delay_(stream.get_executor()), session_(make_session())
    {}

    asio::awaitable<void> run(std::string_view received) override
    {
        co_await serve_until_it_ends(received);
        ended_ = true;
        delay_.cancel();
    }

    void check_deadlines(Clock::time_point now) override
    {
        if (std::ranges::any_of(streams_, [&](const auto& entry) { return now >= entry.second.deadline; })) {
            overdue_ = true;
            stream_.interrupt();
        }
    }

    void drain() override
    {
        draining_ = true;
        stream_.interrupt();
    }

private:
    using Streams = std::map<std::int32_t, Stream>; // in the order of their ids

    struct Free
    {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };
    using Session = std::unique_ptr<nghttp2_session, Free>;

    Session make_session();
    asio::awaitable<void> serve_until_it_ends(std::string_view received);
    asio::awaitable<bool> receive(bool at_once);
    void put(std::string_view bytes);
    bool collect();
    bool is_over() const;

    void attend();
    void drain_step();
    void end_overdue(Clock::time_point now);
    void release_delayed(Clock::time_point now);
    void arm_delay();
    bool can_serve() const { return !ready_.empty() && unsent_ < max_unsent; }
    void serve();
    void serve_one(Stream& stream);
    void respond(Stream& stream, Response response);
    void reset(Stream& stream, std::uint32_t code);
    void terminate(std::uint32_t code) { check(nghttp2_session_terminate_session(session_.get(), code)); }
    void go_away(std::int32_t last);
    void go_away_after_requests();

    // Callbacks of nghttp2. A lack of memory ends the program.
    void begin_frame(const nghttp2_frame_hd& frame) noexcept;
    void useless_frame() noexcept;
    void begin_stream(std::int32_t id) noexcept;
    void take_field(Stream& stream, std::string_view name, std::string_view value) noexcept;
    void frame_received(const nghttp2_frame& frame) noexcept;
    void head_complete(Stream& stream);
    void request_complete(Stream& stream);
    void take_body(Stream& stream, std::string_view bytes) noexcept;
    void give_window(Stream& stream, std::size_t size);
    void release_windows();
    void frame_sent(const nghttp2_frame_hd& frame) noexcept;
    void stream_closed(std::int32_t id, std::uint32_t error) noexcept;
    Stream* find(std::int32_t id);
    static Http2Server& self(void* user_data) { return *static_cast<Http2Server*>(user_data); }

    ByteStream& stream_;
    Service& service_;
    asio::steady_timer delay_;
    Session session_;
    Streams streams_;
    std::deque<std::int32_t> ready_; // to be served; some may have ended
    std::multimap<Clock::time_point, std::int32_t> delayed_;
    std::optional<Clock::time_point> delay_armed_;
    Clock::time_point idle_until_;
    Allowance allowance_;
    std::array<char, read_size> input_;
    std::string output_;
    std::size_t held_ = 0;
    std::size_t unsent_ = 0;
    std::uint64_t requests_ = 0;
    std::optional<std::int32_t> last_stream_; // as announced by GOAWAY
    bool overdue_ = false;                    // the deadline of a stream has passed
    bool draining_ = false;
    bool announced_ = false;         // the client was told that the connection drains
    bool heard_ = false;             // the client has acknowledged this
    bool idle_end_ = false;          // ends without requests in flight
    bool withholding_ = false;       // of some streams a part of the window was not returned
    bool close_ = false;             // close after the output is sent
    std::optional<std::size_t> cut_; // as `close_`, without close_notify, after these bytes of the last frame
    bool reset_ = false;             // reset the connection now
    bool ended_ = false;
};

Http2Server::Session Http2Server::make_session()
{
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    check(nghttp2_session_callbacks_new(&callbacks));
    const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> callbacks_owner(
        callbacks, nghttp2_session_callbacks_del);
    check(nghttp2_option_new(&option));
    const std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)> option_owner(option, nghttp2_option_del);

    nghttp2_session_callbacks_set_on_begin_frame_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame_hd* frame, void* user_data) {
            self(user_data).begin_frame(*frame);
            return 0;
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame*, int, void* user_data) {
            self(user_data).useless_frame();
            return 0;
        });
    // Without this callback newer versions of nghttp2 would ignore the field.
    nghttp2_session_callbacks_set_on_invalid_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
           std::uint8_t, void*) -> int { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; });
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
            if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
                self(user_data).begin_stream(frame->hd.stream_id);
            }
            return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
            if (Stream* const stream = self(user_data).find(frame->hd.stream_id)) {
                self(user_data).take_field(*stream, text_of(name, name_size), text_of(value, value_size));
            }
            return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
            self(user_data).frame_received(*frame);
            return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                      std::size_t size, void* user_data) noexcept {
            check(nghttp2_session_consume_connection(session, size)); // a stream must not block others
            if (Stream* const stream = self(user_data).find(id)) {
                self(user_data).take_body(*stream, text_of(data, size));
            }
            return 0;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
            self(user_data).frame_sent(frame->hd);
            return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user_data) {
            self(user_data).stream_closed(id, error);
            return 0;
        });

    nghttp2_option_set_no_auto_window_update(option, 1);
    count_no_resets(option);

    nghttp2_session* session = nullptr;
    check(nghttp2_session_server_new2(&session, callbacks, this, option));
    return Session(session);
}

// g++ 12 compiles a co_await inside &&, || and ?: wrongly: each stands in a statement of its own.

asio::awaitable<void> Http2Server::serve_until_it_ends(std::string_view received)
{
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                               service_.faults.max_streams().value_or(usual_max_streams)},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_header_size},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    check(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size()));
    idle_until_ = Clock::now() + service_.patience.idle;
    put(received);

    while (true) {
        attend();
        serve();
        if (reset_) {
            stream_.reset();
            co_return;
        }
        const bool has_more = collect();
        if (!output_.empty()) {
            stream_.expires_after(service_.patience.response);
            const auto error = co_await stream_.write(output_);
            if (error) {
                co_return;
            }
            output_.clear();
        }
        if (cut_) {
            stream_.abort();
            co_return;
        }
        if (is_over()) {
            break;
        }
        const bool open = co_await receive(has_more || can_serve());
        if (!open) {
            stream_.say_goodbye();
            co_return;
        }
    }
    stream_.say_goodbye();
    if (!idle_end_) {
        stream_.expires_after(farewell);
        co_await stream_.discard_rest();
    }
}

/// Receives bytes from the client. Waits for them, or until interrupted, unless `at_once`. Returns false if the client
/// has disconnected.
asio::awaitable<bool> Http2Server::receive(bool at_once)
{
    ErrorCode error;
    std::size_t size = 0;
    if (at_once) {
        co_await asio::post(asio::use_awaitable); // yield to others
        size = stream_.try_read(asio::buffer(input_), error);
    } else {
        if (streams_.empty() && output_.capacity() > max_idle_output) {
            output_ = {};
        }
        stream_.expires_at(streams_.empty() ? idle_until_ : Clock::time_point::max());
        size = co_await stream_.read_some(asio::buffer(input_), error);
    }
    if (error == asio::error::would_block || error == asio::error::interrupted) {
        co_return true;
    }
    if (error == asio::error::timed_out && streams_.empty() && Clock::now() >= idle_until_) {
        idle_end_ = true;
        terminate(NGHTTP2_NO_ERROR);
        co_return true;
    }
    if (error) {
        co_return false;
    }
    put({input_.data(), size});
    co_return true;
}

void Http2Server::put(std::string_view bytes)
{
    const auto used = receive_bytes(session_.get(), bytes_of(bytes), bytes.size());
    if (used < 0) {
        check(static_cast<int>(used));
        terminate(used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

/// Moves frames to the output, up to the size of one write. Returns true if there may be more.
bool Http2Server::collect()
{
    while (output_.size() < write_size) {
        const std::uint8_t* data = nullptr;
        const auto size = send_bytes(session_.get(), &data);
        check(static_cast<int>(std::min<Size>(size, 0)));
        if (size <= 0) {
            return false;
        }
        // This is one frame, for which frame_sent() has been called.
        output_.append(text_of(data, static_cast<std::size_t>(size)).substr(0, cut_.value_or(std::string::npos)));
        if (cut_ || close_) {
            return false;
        }
    }
    return true;
}

bool Http2Server::is_over() const
{
    return close_ ||
           (nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0);
}

/// Handles events other than frames of the client: draining, delays, deadlines.
void Http2Server::attend()
{
    if (draining_) {
        drain_step();
    }
    if (!delayed_.empty() || overdue_) {
        const auto now = Clock::now();
        release_delayed(now);
        end_overdue(now);
    }
}

/// First announces that the connection ends. Names the last request when the client has acknowledged that, and
/// therefore begins no more requests.
void Http2Server::drain_step()
{
    if (!announced_) {
        announced_ = true;
        release_delayed(Clock::time_point::max());
        if (streams_.empty()) {
            idle_end_ = true;
        } else {
            check(nghttp2_submit_shutdown_notice(session_.get()));
            check(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr));
        }
    }
    if (heard_ || streams_.empty()) {
        go_away_after_requests();
    }
}

/// Sends GOAWAY with the last request that was received.
void Http2Server::go_away_after_requests()
{
    if (!last_stream_) {
        go_away(nghttp2_session_get_last_proc_stream_id(session_.get()));
    }
}

void Http2Server::go_away(std::int32_t last)
{
    last_stream_ = last;
    check(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0));
}

void Http2Server::release_delayed(Clock::time_point now)
{
    while (!delayed_.empty() && delayed_.begin()->first <= now) {
        const std::int32_t id = delayed_.begin()->second;
        delayed_.erase(delayed_.begin());
        if (Stream* const stream = find(id)) {
            stream->phase = Stream::Phase::ready;
            ready_.push_back(id);
        }
    }
    arm_delay();
}

void Http2Server::arm_delay()
{
    if (delayed_.empty() || delay_armed_ == delayed_.begin()->first) {
        return;
    }
    delay_armed_ = delayed_.begin()->first;
    delay_.expires_at(*delay_armed_);
    delay_.async_wait([connection = shared_from_this()](ErrorCode error) {
        if (!error && !connection->ended_) {
            connection->stream_.interrupt();
        }
    });
}

void Http2Server::end_overdue(Clock::time_point now)
{
    if (!std::exchange(overdue_, false)) {
        return;
    }
    for (auto& [id, stream] : streams_) {
        if (now < stream.deadline) {
            continue;
        }
        if (stream.phase == Stream::Phase::head) {
            terminate(NGHTTP2_NO_ERROR); // no other frame may interrupt a header
        } else if (stream.phase == Stream::Phase::body) {
            respond(stream, refusal(408, "request_timeout", "The request took too long to arrive."));
        } else {
            reset(stream, NGHTTP2_CANCEL);
        }
    }
}

void Http2Server::serve()
{
    for (int left = max_served_per_turn; left > 0 && can_serve() && !reset_; --left) {
        Stream* const stream = find(ready_.front());
        ready_.pop_front();
        if (stream != nullptr) {
            serve_one(*stream);
        }
    }
}

void Http2Server::serve_one(Stream& stream)
{
    if (stream.phase == Stream::Phase::ready) {
        Response response = answer_to(service_, stream.request(), stream.fate);
        allowance_.request_served();
        reset_ = stream.fate.reset;
        respond(stream, std::move(response));
    } else if (stream.phase == Stream::Phase::body && std::exchange(stream.unchecked, false)) {
        if (auto response = refuse_head(service_, stream.request())) {
            respond(stream, std::move(*response));
        } else if (stream.expects_continue) {
            const nghttp2_nv status = field(":status", "100");
            check(nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, &status, 1, nullptr));
        }
    }
}

/// The request may be incomplete: frame_sent() then resets its stream.
void Http2Server::respond(Stream& stream, Response response)
{
    std::vector<std::pair<std::string, std::string>> texts;
    texts.emplace_back(":status", std::to_string(response.status));
    for_each_field(response,
                   [&](std::string_view name, std::string_view value) { texts.emplace_back(lower(name), value); });
    std::vector<nghttp2_nv> fields;
    fields.reserve(texts.size());
    for (const auto& [name, value] : texts) {
        fields.push_back(field(name, value));
    }

    held_ -= stream.body.size();
    stream.body = {};
    if (stream.method != "HEAD") {
        stream.answer = std::move(response.body);
    }
    unsent_ += stream.answer.size();
    stream.phase = Stream::Phase::over;
    stream.deadline = Clock::now() + service_.patience.response;
    release_windows();

    DataProvider provider{};
    provider.source.ptr = &stream;
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                                std::uint32_t* flags, nghttp2_data_source* source, void*) -> Size {
        Stream& from = *static_cast<Stream*>(source->ptr);
        const std::size_t read = from.answer.copy(reinterpret_cast<char*>(into), size, from.answer_read);
        from.answer_read += read;
        if (from.answer_read == from.answer.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        return static_cast<Size>(read);
    };
    check(submit_response(session_.get(), stream.id, fields.data(), fields.size(),
                          stream.answer.empty() ? nullptr : &provider));
    if (stream.answer.size() > frame_size) {
        const nghttp2_extpri by_turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
        check(nghttp2_session_change_extpri_stream_priority(session_.get(), stream.id, &by_turns, 1));
    }
}

void Http2Server::reset(Stream& stream, std::uint32_t code)
{
    stream.phase = Stream::Phase::over;
    stream.deadline = Clock::time_point::max();
    release_windows();
    check(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, code));
}

void Http2Server::begin_frame(const nghttp2_frame_hd& frame) noexcept
{
    switch (frame.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
        return;
    case NGHTTP2_DATA:
        if ((frame.length > 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) && find(frame.stream_id) != nullptr) {
            return;
        }
        break;
    default:
        break;
    }
    useless_frame();
}

void Http2Server::useless_frame() noexcept
{
    if (!allowance_.take(Clock::now())) {
        terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

void Http2Server::begin_stream(std::int32_t id) noexcept
{
    if (last_stream_ && id > *last_stream_) {
        return; // GOAWAY tells the client
    }
    Stream& stream = streams_.try_emplace(id, id, Clock::now() + service_.patience.request).first->second;
    nghttp2_session_set_stream_user_data(session_.get(), id, &stream);
}

Stream* Http2Server::find(std::int32_t id)
{
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

void Http2Server::take_field(Stream& stream, std::string_view name, std::string_view value) noexcept
{
    stream.header_size += name.size() + value.size() + 32; // RFC 9113, section 6.5.2
    if (stream.header_size > max_header_block) {
        terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (stream.header_size > max_header_size || stream.phase != Stream::Phase::head) {
        return;
    }
    if (name == ":method") {
        stream.method = value;
    } else if (name == ":path") {
        stream.path = value;
    } else if (name == ":authority" || (name == "host" && stream.authority.empty())) {
        stream.authority = value;
    } else if (name == "user-agent") {
        set_single(stream.user_agent, value);
    } else if (name == "authorization") {
        set_single(stream.authorization, value);
    } else if (name == "content-length") {
        std::uint64_t length = 0; // checked by nghttp2
        std::from_chars(value.data(), value.data() + value.size(), length);
        stream.length = length;
    } else if (name == "expect") {
        stream.expects_continue = lower(value) == "100-continue";
    }
}

void Http2Server::frame_received(const nghttp2_frame& frame) noexcept
{
    if (frame.hd.type == NGHTTP2_PING && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        heard_ = announced_;
    }
    if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) {
        return;
    }
    Stream* const stream = find(frame.hd.stream_id);
    if (stream == nullptr) {
        return;
    }
    if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->complete = true;
    }
    if (stream->phase == Stream::Phase::head) {
        head_complete(*stream);
    }
    if (stream->complete && stream->phase == Stream::Phase::body) {
        request_complete(*stream);
    }
}

void Http2Server::head_complete(Stream& stream)
{
    stream.phase = Stream::Phase::body;
    if (stream.header_size > max_header_size) {
        respond(stream, refusal(431, "header_too_large", "The header is too large."));
        return;
    }
    if (!is_target(stream.method, stream.path) || !is_authority(stream.authority)) {
        respond(stream, refusal(400, "invalid_request",
                                "The path must begin with a slash, and the authority must be "
                                "a host, and a port if need be."));
        return;
    }
    if (stream.length > max_body_size) {
        respond(stream, refusal(413, "body_too_large", "The body is too large."));
        return;
    }
    if (const Request request = stream.request(); can_have_faults(request)) {
        stream.fate = service_.faults.next(Clock::now(), ++requests_, request);
        if (stream.fate.goaway && !last_stream_) {
            go_away(stream.id);
        }
        if (stream.fate.refused) {
            reset(stream, NGHTTP2_REFUSED_STREAM);
            return;
        }
    }
    stream.unchecked =
        !stream.complete && (stream.expects_continue || !stream.length || *stream.length > max_small_body_size);
    if (stream.unchecked) {
        ready_.push_back(stream.id);
    }
}

void Http2Server::request_complete(Stream& stream)
{
    stream.deadline = Clock::time_point::max();
    if (stream.fate.delay.count() > 0 && !draining_) {
        stream.phase = Stream::Phase::delayed;
        delayed_.emplace(Clock::now() + stream.fate.delay, stream.id);
    } else {
        stream.phase = Stream::Phase::ready;
        ready_.push_back(stream.id);
    }
    release_windows();
}

void Http2Server::take_body(Stream& stream, std::string_view bytes) noexcept
{
    if (stream.phase != Stream::Phase::body) {
        return; // discarded
    }
    if (stream.body.size() + bytes.size() > max_body_size) {
        respond(stream, refusal(413, "body_too_large", "The body is too large."));
        return;
    }
    stream.body.append(bytes);
    held_ += bytes.size();
    give_window(stream, bytes.size());
}

/// Returns a part of a stream's window, unless the connection holds too much. The first stream that receives a body
/// always gets it, so that all streams progress.
void Http2Server::give_window(Stream& stream, std::size_t size)
{
    const auto is_received = [](const auto& entry) { return entry.second.phase == Stream::Phase::body; };
    if (held_ > max_held && &std::ranges::find_if(streams_, is_received)->second != &stream) {
        stream.withheld += size;
        withholding_ = true;
        return;
    }
    check(nghttp2_session_consume_stream(session_.get(), stream.id, size));
}

/// Returns windows that give_window() withheld. To be called when less is held, or a body is complete.
void Http2Server::release_windows()
{
    if (!std::exchange(withholding_, false)) {
        return;
    }
    for (auto& [id, stream] : streams_) {
        const std::size_t withheld = std::exchange(stream.withheld, 0);
        if (withheld > 0 && stream.phase == Stream::Phase::body) {
            give_window(stream, withheld);
        }
    }
}

void Http2Server::frame_sent(const nghttp2_frame_hd& frame) noexcept
{
    const bool is_answer = frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_DATA;
    Stream* const stream = is_answer ? find(frame.stream_id) : nullptr;
    if (stream == nullptr) {
        return;
    }
    if (stream->fate.cut_after) {
        const std::size_t left = *stream->fate.cut_after - stream->sent;
        const std::size_t size = frame_head_size + frame.length;
        if (size > left) {
            cut_ = left;
        }
        stream->sent += size;
    }
    if ((frame.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return;
    }
    if (stream->fate.last) {
        close_ = true;
    }
    if (!stream->complete) {
        reset(*stream, NGHTTP2_NO_ERROR); // the rest of the request is ignored
    }
}

void Http2Server::stream_closed(std::int32_t id, std::uint32_t) noexcept
{
    const auto place = streams_.find(id);
    if (place == streams_.end()) {
        return;
    }
    held_ -= place->second.body.size();
    unsent_ -= place->second.answer.size();
    streams_.erase(place);
    if (streams_.empty()) {
        idle_until_ = Clock::now() + service_.patience.idle;
        if (draining_) {
            go_away_after_requests();
        }
    }
    release_windows();
}

} // namespace

bool has_http2()
{
    return true;
}

std::shared_ptr<Http2Connection> make_http2_connection(ByteStream& stream, Service& service)
{
    return std::make_shared<Http2Server>(stream, service);
}

} // namespace passage::emulator
