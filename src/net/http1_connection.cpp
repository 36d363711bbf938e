#include "net/http1_connection.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <utility>

namespace passage::net {
namespace {

using State = http::ResponseParser::State;
using Step = Stream::Step;

/// The largest payload of a TLS record (RFC 8446, section 5.1): more is not read at once.
constexpr std::size_t read_size = 16 * 1024;

/// Most reads, and most writes, of one turn.
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
    early_failure_.reset();
    if (!was_used() && !check_first())
        return false;
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

bool Http1Connection::check_first()
{
    stream_->begin_turn(false);
    char byte = 0;
    Step step = stream_->peek({&byte, 1});
    if (step.result == Step::Result::ended)
        step.failure = connection_lost(asio::error::eof);
    else if (step.result == Step::Result::done)
        step.failure = Failure{Error{Errc::protocol, "the server sent data before the first request"}, true};
    early_failure_ = std::move(step.failure);
    if (early_failure_ && early_failure_->error.stage == Stage::none)
        early_failure_->error.stage = Stage::write;
    return !early_failure_;
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
    if (early_failure_)
        return unexpected{*std::move(early_failure_)};
    // The other of two waits is pending. On an idle connection it would keep the execution context from running out of
    // work.
    if (std::exchange(waits_to_send_, false))
        stream_->cancel();
    begin_turn();
    // A server may respond and close before it has read the whole request, so this reads while it writes. After a
    // failed write it does not wait, but takes a response that has arrived.
    send(progress);
    return end_turn(progress);
}

std::optional<Connection::Result> Http1Connection::end_turn(Progress& progress)
{
    std::optional<Result> result = read_response(progress);
    if (!result && write_failure_ && !unfinished_)
        result.emplace(unexpected{*std::move(write_failure_)});
    if (result && *result)
        reusable_ = is_sent() && (*result)->keep_alive && unparsed_.empty() &&
                    (!stream_->has_buffered() || stream_->check_quiet());
    else if (result && result->error().error.stage == Stage::none)
        result->error().error.stage = progress.stage;
    return result;
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
    // On the stack: all connections share its pages, and an idle one needs no memory.
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
            // A lost connection is not the end of a response without a length.
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
