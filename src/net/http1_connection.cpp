#include "net/http1_connection.hpp"

#include <array>
#include <utility>

namespace passage::net {
namespace {

using State = http::ResponseParser::State;
using Step = Stream::Step;

/// TLS hands over a record at a time, of at most this size (RFC 8446, section 5.1).
constexpr std::size_t read_size = 16 * 1024;

/// How often is read, and how often is sent, before others have their turn.
constexpr int most_steps = 16;

} // namespace

Http1Connection::Http1Connection(std::unique_ptr<Stream> stream, const http::RequestWriter& writer,
                                 const http::ResponseLimits& limits)
    : stream_{std::move(stream)}, writer_{writer}, parser_{limits}
{}

bool Http1Connection::begin(Exchange& exchange)
{
    *exchange.progress = {};
    reusable_ = false;
    count_exchange();
    parser_.reset();
    request_ = writer_.write(*exchange.request, exchange.trace_parent);
    unsent_ = request_.reveal();
    sent_before_ = stream_->bytes_sent();
    write_failure_.reset();
    begin_turn();
    send(*exchange.progress);
    return !write_failure_;
}

bool Http1Connection::end(Exchange&, bool keep)
{
    unsent_ = {};
    request_ = {};
    return keep && reusable_;
}

void Http1Connection::begin_turn() noexcept
{
    stream_->begin_turn();
    unfinished_ = false;
}

void Http1Connection::send(Progress& progress)
{
    blocked_ = false;
    bool goes_on = true;
    for (int steps = 0; goes_on && !is_sent() && !write_failure_; ++steps) {
        Step step = steps < most_steps ? stream_->write(unsent_) : Step{Step::Result::go_on, 0, std::nullopt};
        unsent_.remove_prefix(step.size);
        goes_on = step.result == Step::Result::done;
        blocked_ = step.result == Step::Result::want_write;
        unfinished_ |= step.result == Step::Result::go_on;
        write_failure_ = std::move(step.failure);
    }
    progress.request_sent = stream_->bytes_sent() > sent_before_;
    progress.stage = is_sent() ? Stage::response : Stage::write;
}

void Http1Connection::distrust()
{
    distrusted_ = true;
    in_step_ = false;
    reusable_ = false;
    stream_->cancel();
}

std::optional<Connection::Result> Http1Connection::advance(Exchange& exchange)
{
    Progress& progress = *exchange.progress;
    if (distrusted_)
        return unexpected{
            Failure{Error{Errc::protocol, "the connection carried the answer to another request before"}, false}};
    // Of two waits one is left; on a connection at rest it would keep the execution context busy.
    if (std::exchange(waits_to_send_, false))
        stream_->cancel();
    begin_turn();
    // A server may answer, and close, before it has read the whole request: reading goes on beside writing. After a
    // failed write nothing new is waited for, but an answer that came before is worth having.
    send(progress);
    if (auto result = read_response(progress)) {
        if (*result)
            reusable_ = is_sent() && (*result)->keep_alive && unparsed_.empty() &&
                        (!stream_->has_buffered() || stream_->check_quiet());
        else
            result->error().error.stage = progress.stage;
        return result;
    }
    if (write_failure_ && !unfinished_) {
        write_failure_->error.stage = progress.stage;
        return unexpected{*std::move(write_failure_)};
    }
    return std::nullopt;
}

void Http1Connection::wait(Exchange&, std::shared_ptr<ParkedCall> call)
{
    waits_to_send_ = !unfinished_ && (blocked_ || stream_->has_unsent());
    if (unfinished_)
        stream_->wait_turn(std::move(call));
    else if (waits_to_send_)
        stream_->wait_either(std::move(call));
    else
        stream_->wait_readable(std::move(call));
}

std::optional<Connection::Result> Http1Connection::read_response(Progress& progress)
{
    // No memory of the connection's own: the same few pages serve all of them, and an idle one needs none.
    std::array<char, read_size> buffer;
    for (int steps = 0; steps < most_steps; ++steps) {
        Step step = stream_->read(buffer);
        State state = State::incomplete;
        switch (step.result) {
        case Step::Result::want_read:
        case Step::Result::want_write:
            return std::nullopt;
        case Step::Result::go_on:
            unfinished_ = true;
            return std::nullopt;
        case Step::Result::failed:
            // A response that its own length did not end is not ended by a lost connection.
            if (!progress.response_begun || step.failure->error.code != Errc::truncated)
                return unexpected{*std::move(step.failure)};
            state = parser_.put_end(false);
            break;
        case Step::Result::ended:
            state = parser_.put_end(true);
            break;
        case Step::Result::done:
            progress.response_begun = true;
            state = parse({buffer.data(), step.size});
            break;
        }
        if (state == State::complete)
            return parser_.take();
        if (state == State::failed) {
            Failure failure{parser_.error(), parser_.error().code == Errc::truncated};
            if (step.failure)
                failure.error.cause = step.failure->error.cause;
            return unexpected{std::move(failure)};
        }
    }
    unfinished_ = true;
    return std::nullopt;
}

State Http1Connection::parse(std::string_view bytes)
{
    std::size_t consumed = 0;
    if (unparsed_.empty()) {
        const State state = parser_.put(bytes, consumed);
        unparsed_ = bytes.substr(consumed);
        return state;
    }
    unparsed_ += bytes;
    const State state = parser_.put(unparsed_, consumed);
    unparsed_.erase(0, consumed);
    return state;
}

} // namespace passage::net
