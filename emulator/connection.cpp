#include "connection.hpp"

#include "fault_plan.hpp"
#include "http2_connection.hpp"
#include "request_reader.hpp"
#include "response_bytes.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace passage::emulator {
namespace asio = boost::asio;

namespace {

constexpr std::size_t read_size = 4096;
constexpr std::size_t max_empty_lines_size = 8;

} // namespace

Connection::Connection(ByteStream::Socket socket, SSL_CTX* context, Service& service)
    : stream_(std::move(socket), context), service_(service), delay_(stream_.get_executor())
{
    stream_.expires_after(service_.patience.request);
}

Connection::~Connection() = default;

// g++ 12 compiles a co_await inside &&, || and ?: wrongly: each stands in a statement of its own.

asio::awaitable<void> Connection::run()
{
    const auto failure = co_await stream_.handshake();
    if (failure == asio::error::timed_out) {
        co_return;
    }
    if (failure) {
        // A client that is sending must still be able to read the alert.
        stream_.say_goodbye();
        stream_.expires_after(farewell);
        co_await stream_.discard_rest();
        co_return;
    }
    const bool http2 = co_await chooses_http2();
    if (http2) {
        http2_ = make_http2_connection(stream_, service_);
        co_await http2_->run(input_);
        co_return;
    }
    while (co_await next_request_begins()) {
        const After after = co_await serve_request();
        switch (after) {
        case After::next_request:
            continue;
        case After::goodbye:
            stream_.say_goodbye();
            stream_.expires_after(farewell);
            co_await stream_.discard_rest();
            co_return;
        case After::silence:
            co_return;
        }
    }
    stream_.say_goodbye();
}

/// Whether the client has chosen HTTP/2: by ALPN, or without TLS by its first bytes (RFC 9113, section 3.3).
asio::awaitable<bool> Connection::chooses_http2()
{
    if (!stream_.is_plain()) {
        co_return stream_.protocol() == http2_protocol;
    }
    stream_.expires_after(service_.patience.idle);
    while (service_.http2 && input_.size() < http2_preface.size() && http2_preface.starts_with(input_)) {
        const auto error = co_await read_more();
        if (error) {
            co_return false;
        }
    }
    co_return service_.http2&& std::string_view{input_}.starts_with(http2_preface);
}

/// Waits for the next request. Returns false if there is none, or if the connection drains.
asio::awaitable<bool> Connection::next_request_begins()
{
    idle_ = true;
    stream_.expires_after(service_.patience.idle);
    if (!input_.empty()) {
        co_await asio::post(asio::use_awaitable); // pipelined requests yield to others
    }
    // Some clients send an extra empty line after a body. A few are skipped; more are an invalid request.
    std::size_t skippable = max_empty_lines_size;
    while (true) {
        const std::size_t empty = std::min({input_.find_first_not_of("\r\n"), input_.size(), skippable});
        input_.erase(0, empty);
        skippable -= empty;
        if (!input_.empty()) {
            break;
        }
        if (draining_) {
            co_return false;
        }
        const auto error = co_await read_more();
        if (error) {
            co_return false;
        }
    }
    idle_ = false;
    co_return true;
}

/// Receives a request. Returns false if the client has disconnected or got an error response.
asio::awaitable<bool> Connection::receive(RequestReader& reader)
{
    bool told_to_go_on = false;
    while (true) {
        const RequestReader::State state = reader.put(input_);
        if (state == RequestReader::State::complete) {
            co_return true;
        }
        if (state == RequestReader::State::refused) {
            co_await send(to_bytes(reader.refusal(), false, false));
            co_return false;
        }
        if (state == RequestReader::State::head) {
            const Request head = reader.request();
            if (const auto response = refuse_head(service_, head)) {
                co_await send(to_bytes(*response, false, head.method == "HEAD"));
                co_return false;
            }
            continue;
        }
        if (!told_to_go_on && reader.waits_for_continue()) {
            told_to_go_on = true;
            co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
        }
        const auto error = co_await read_more();
        if (error == asio::error::timed_out) {
            co_await send(
                to_bytes(refusal(408, "request_timeout", "The request took too long to arrive."), false, false));
            co_return false;
        }
        if (error) {
            co_return false; // the client has disconnected
        }
    }
}

asio::awaitable<ByteStream::ErrorCode> Connection::read_more()
{
    const std::size_t size = input_.size();
    input_.resize(size + read_size);
    ByteStream::ErrorCode error;
    const std::size_t added = co_await stream_.read_some(asio::buffer(input_.data() + size, read_size), error);
    input_.resize(size + added);
    co_return error;
}

asio::awaitable<Connection::After> Connection::serve_request()
{
    stream_.expires_after(service_.patience.request);
    RequestReader reader;
    const bool complete = co_await receive(reader);
    if (!complete) {
        co_return After::goodbye;
    }
    const Request request = reader.request();
    const std::uint64_t number = ++requests_;
    const Fate fate = can_have_faults(request) ? service_.faults.next(Clock::now(), number, request) : Fate{};
    if (fate.delay.count() > 0) {
        co_await wait(fate.delay);
    }
    const Response response = answer_to(service_, request, fate);
    if (fate.reset) {
        stream_.reset();
        co_return After::silence;
    }
    const bool keep_alive = reader.keep_alive() && !draining_;
    const std::string bytes = to_bytes(response, keep_alive, request.method == "HEAD");
    if (fate.cut_after && *fate.cut_after < bytes.size()) {
        co_await send(std::string_view{bytes}.substr(0, *fate.cut_after));
        stream_.abort();
        co_return After::silence;
    }
    const bool sent = co_await send(bytes);
    co_return sent&& keep_alive && !fate.last ? After::next_request : After::goodbye;
}

/// Returns true if the response was sent.
asio::awaitable<bool> Connection::send(std::string_view bytes)
{
    stream_.expires_after(service_.patience.response);
    const auto error = co_await stream_.write(bytes);
    co_return !error;
}

/// Delays the response to a request, unless the server stops.
asio::awaitable<void> Connection::wait(std::chrono::milliseconds time)
{
    if (draining_) {
        co_return;
    }
    delay_.expires_after(time);
    co_await delay_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void Connection::check_deadline(Clock::time_point now)
{
    stream_.check_deadline(now);
    if (http2_) {
        http2_->check_deadlines(now);
    }
}

void Connection::drain()
{
    if (http2_) {
        http2_->drain();
        return;
    }
    draining_ = true;
    delay_.cancel();
    if (idle_) {
        stream_.expire();
    }
}

void Connection::abort()
{
    stream_.abort();
}

} // namespace passage::emulator
