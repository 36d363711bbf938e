#include "net/http2_connection.hpp"

#include "model/undumped_memory.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace passage::net {
namespace {

using Step = Stream::Step;

/// The largest payload of a TLS record (RFC 8446, section 5.1): more is not read at once.
constexpr std::size_t record_size = 16 * 1024;

/// Most reads, and most writes, of one turn.
constexpr int most_steps = 16;

} // namespace

/// Resumes the connection after a wait for the socket. Owns the calls that wait for the connection.
class Http2Connection::Reader final : public Resumable, public std::enable_shared_from_this<Reader>
{
public:
    std::weak_ptr<Http2Connection> connection;
    ParkedList calls;

private:
    void resume(const error_code& ec) override
    {
        const auto owner = connection.lock();
        if (!owner)
            return;
        owner->idle_reader_ = shared_from_this();
        // The other of two waits is pending.
        if (!std::exchange(owner->waits_to_read_, false))
            owner->stream_->cancel();
        if (ec && ec != asio::error::operation_aborted)
            owner->session_.fail(connection_lost(ec));
        owner->read(true);
        owner->flush();
        owner->settle();
        owner->tell_change();
    }
};

/// Sends what the calls of a turn have queued.
class Http2Connection::Flusher final : public Resumable
{
public:
    std::weak_ptr<Http2Connection> connection;

private:
    void resume(const error_code&) override
    {
        const auto owner = connection.lock();
        if (!owner)
            return;
        owner->flush_is_queued_ = false;
        owner->flush();
        owner->settle();
        owner->tell_change();
    }
};

struct Http2Connection::StreamState final : ExchangeState, http2::Stream
{
    explicit StreamState(ParkedCall& whose) : call{whose} {}
    ParkedCall& call;
    bool interrupted = false; ///< Nothing is sent between the next `advance` and the end of the stream.

    static StreamState& of(const Exchange& exchange) { return static_cast<StreamState&>(*exchange.state); }
};

std::shared_ptr<Http2Connection> Http2Connection::create(const Strand& strand, std::unique_ptr<Stream> stream,
                                                         std::shared_ptr<const http::CommonFields> common,
                                                         const http2::SessionOptions& session,
                                                         const Http2Options& options,
                                                         std::shared_ptr<Deadlines> deadlines)
{
    const std::shared_ptr<Http2Connection> made{
        new Http2Connection{strand, std::move(stream), std::move(common), session, options, std::move(deadlines)}};
    made->idle_reader_->connection = made;
    made->flusher_->connection = made;
    made->queue_flush(); // the preface
    return made;
}

Http2Connection::Http2Connection(const Strand& strand, std::unique_ptr<Stream> stream,
                                 std::shared_ptr<const http::CommonFields> common, const http2::SessionOptions& session,
                                 const Http2Options& options, std::shared_ptr<Deadlines> deadlines)
    : strand_{strand},
      stream_{std::move(stream)},
      session_{std::move(common), session},
      options_{options},
      deadlines_{std::move(deadlines)},
      flusher_{std::make_shared<Flusher>()},
      idle_reader_{std::make_shared<Reader>()},
      reader_{*idle_reader_},
      unsent_{&undumped_memory()},
      told_places_{session_.places()}
{}

void Http2Connection::on_change(std::function<void()> changed)
{
    changed_ = std::move(changed);
}

bool Http2Connection::take_change() noexcept
{
    const bool changed = told_places_ != places() || told_draining_ != is_draining();
    told_places_ = places();
    told_draining_ = is_draining();
    return changed;
}

void Http2Connection::tell_change()
{
    if (changed_ && take_change())
        std::function<void()>{changed_}();
}

void Http2Connection::want_places(bool wanted)
{
    places_wanted_ = wanted;
    settle();
}

bool Http2Connection::begin(Exchange& exchange)
{
    count_exchange();
    auto state = std::make_unique<StreamState>(*exchange.call);
    StreamState& stream = *state;
    exchange.state = std::move(state);
    session_.begin(stream, *exchange.request, exchange.trace_parent);
    *exchange.progress = {Stage::write, true, false}; // `advance` corrects it
    queue_flush();
    return stream.state() == http2::Stream::State::open;
}

std::optional<Connection::Result> Http2Connection::advance(Exchange& exchange)
{
    StreamState& stream = StreamState::of(exchange);
    Progress& progress = *exchange.progress;
    progress.request_sent = stream.is_begun();
    progress.response_begun = stream.is_answered();
    progress.response_begun_at = stream.answered_at();
    progress.stage = stream.is_sent() ? Stage::response : Stage::write;
    switch (stream.state()) {
    case http2::Stream::State::open:
        progress.request_sent = stream.is_begun() || !stream.interrupted; // it may be begun before the next `advance`
        return std::nullopt;
    case http2::Stream::State::complete:
        answered_ = true;
        return stream.take_response();
    case http2::Stream::State::failed: {
        Failure failure = stream.take_failure();
        if (failure.error.stage == Stage::none)
            failure.error.stage = progress.stage;
        return unexpected{std::move(failure)};
    }
    case http2::Stream::State::no_memory:
        break;
    }
    throw std::bad_alloc{};
}

void Http2Connection::wait(Exchange& exchange, std::shared_ptr<ParkedCall> call)
{
    if (StreamState::of(exchange).state() != http2::Stream::State::open)
        return Resumable::add(strand_, std::move(call));
    if (idle_reader_)
        start_wait();
    reader_.calls.park(std::move(call));
}

void Http2Connection::cancel(Exchange& exchange)
{
    StreamState::of(exchange).interrupted = true;
    if (auto call = ParkedList::take(*exchange.call))
        Resumable::add(strand_, std::move(call));
}

bool Http2Connection::end(Exchange& exchange, bool)
{
    if (const auto state = std::move(exchange.state)) {
        auto& stream = static_cast<StreamState&>(*state);
        const bool ends_early = stream.state() == http2::Stream::State::open;
        session_.reset(stream);
        if (ends_early)
            queue_flush();
    }
    settle();
    return !is_draining();
}

void Http2Connection::distrust()
{
    distrusted_ = true;
    settle();
}

bool Http2Connection::check_alive()
{
    if (idle_reader_) {
        read(false);
        flush();
        settle();
    }
    return !is_draining();
}

void Http2Connection::close() noexcept
{
    changed_ = nullptr;
    Watched::unlink();
    stream_->cancel();
}

void Http2Connection::read(bool waits)
{
    stream_->begin_turn(waits);
    unfinished_ = false;
    std::array<char, record_size> buffer;
    for (int steps = 0; !session_.has_ended(); ++steps) {
        Step step = steps < most_steps ? stream_->read(buffer) : Step{Step::Result::go_on, 0, std::nullopt};
        switch (step.result) {
        case Step::Result::done:
            silent_since_ = Clock::now();
            session_.receive({buffer.data(), step.size}, silent_since_);
            break;
        case Step::Result::want_read:
        case Step::Result::want_write:
            return;
        case Step::Result::go_on:
            unfinished_ = true;
            return;
        case Step::Result::ended:
            return session_.fail(connection_lost(asio::error::eof));
        case Step::Result::failed:
            return session_.fail(*step.failure);
        }
    }
}

void Http2Connection::queue_flush()
{
    if (std::exchange(flush_is_queued_, true))
        return;
    try {
        asio::post(strand_.inner(), [strand = strand_, flusher = std::shared_ptr<Resumable>{flusher_}]() mutable {
            Resumable::enter(strand, std::move(flusher), {});
        });
    } catch (const std::bad_alloc&) {
        flush_is_queued_ = false;
        flush();
    }
}

void Http2Connection::flush()
try {
    blocked_ = false;
    for (int steps = 0;; ++steps) {
        if (unsent_begin_ == unsent_.size()) {
            unsent_.clear();
            unsent_begin_ = 0;
            session_.send(unsent_, record_size);
        }
        const std::string_view bytes = std::string_view{unsent_}.substr(unsent_begin_);
        if (bytes.empty() && !stream_->has_unsent())
            break;
        if (steps == most_steps) {
            unfinished_ = true;
            break;
        }
        Step step = stream_->write(bytes);
        unsent_begin_ += step.size;
        if (step.result == Step::Result::failed) {
            read(false); // the server may have said why
            return session_.fail(*step.failure);
        }
        if (step.result != Step::Result::done) {
            blocked_ = step.result == Step::Result::want_write;
            unfinished_ = unfinished_ || step.result == Step::Result::go_on;
            break;
        }
    }
    if (session_.unanswered_ping() != timed_ping_) { // another one may follow the answer at once
        timed_ping_ = session_.unanswered_ping();
        if (session_.awaits_ping())
            ping_sent_ = Clock::now();
        if (is_linked())
            watch();
    }
} catch (const std::bad_alloc&) {
    session_.lose_memory();
}

void Http2Connection::settle()
{
    while (http2::Stream* const ended = session_.next_ended())
        if (auto call = ParkedList::take(static_cast<StreamState*>(ended)->call))
            Resumable::add(strand_, std::move(call));
    if (!is_busy() || session_.has_ended()) {
        Watched::unlink();
        if (!idle_reader_)
            stream_->cancel();
    } else if (idle_reader_) {
        try {
            start_wait();
        } catch (const std::bad_alloc&) {
            session_.lose_memory();
            settle();
        }
    } else if (waits_to_read_ && (blocked_ || unfinished_)) {
        stream_->cancel(); // `Reader::resume` starts the new wait
    }
}

void Http2Connection::start_wait()
{
    // The wait owns the reader and thus the calls, so that the execution context destroys them when it is destroyed.
    std::shared_ptr<Resumable> reader = idle_reader_;
    if (!is_linked()) {
        silent_since_ = Clock::now();
        watch();
    }
    waits_to_read_ = !unfinished_ && !blocked_;
    if (unfinished_)
        stream_->wait_turn(std::move(reader));
    else if (blocked_)
        stream_->wait_either(std::move(reader));
    else
        stream_->wait_readable(std::move(reader));
    idle_reader_.reset();
}

void Http2Connection::watch()
{
    deadlines_->watch(*this, session_.awaits_ping() ? ping_limit() : silent_since_ + options_.ping_after);
}

Clock::time_point Http2Connection::ping_limit() const noexcept
{
    const bool has_calls = session_.has_open_streams();
    return (has_calls ? std::max(ping_sent_, silent_since_) : ping_sent_) + options_.ping_timeout;
}

void Http2Connection::interrupt(Interrupt why)
{
    if (why == Interrupt::shut_down)
        return;
    const auto self = shared_from_this();
    const auto now = Clock::now();
    if (!session_.awaits_ping() && now >= silent_since_ + options_.ping_after) {
        session_.ping();
        flush();
    } else if (session_.awaits_ping() && now >= ping_limit()) {
        Failure failure = connection_lost(asio::error::timed_out);
        failure.error.message = "the server does not answer a PING";
        session_.fail(failure);
    } else if (session_.awaits_ping() && now >= ping_sent_ + options_.ping_timeout) {
        distrusted_ = true; // without answers, resets would take all its places
    }
    if (!session_.has_ended())
        watch();
    settle();
    tell_change();
}

} // namespace passage::net
