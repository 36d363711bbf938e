#include "connection.hpp"

#include "routes.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <sstream>

namespace passage::emulator {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr std::uint32_t max_header_size = 16 * 1024;
constexpr std::uint64_t max_body_size = 4 * 1024 * 1024;
// A chunked body has more bytes on the wire than in it, for each chunk may have an extension.
constexpr std::size_t max_wire_size = max_header_size + 2 * max_body_size;
constexpr std::size_t read_size = 4096;
constexpr std::chrono::milliseconds farewell{2'000};

} // namespace

struct Connection::Received
{
    http::request_parser<http::string_body> parser;
    std::size_t wire_size = 0;

    Received()
    {
        parser.header_limit(max_header_size);
        parser.body_limit(max_body_size);
        parser.eager(true);
    }
};

namespace {

using Fields = http::fields;

std::string_view to_std(beast::string_view text)
{
    return {text.data(), text.size()};
}

/// A field that must stand alone; two of them, one after the other, are none that can be trusted.
std::optional<std::string_view> single(const Fields& fields, http::field name)
{
    const auto [first, last] = fields.equal_range(name);
    if (first == last) {
        return std::nullopt;
    }
    return std::next(first) == last ? to_std(first->value()) : std::string_view{};
}

/// What RFC 9112 has a server refuse and Beast lets pass; empty if the header is in order.
std::string_view fault_of(const http::request_header<>& header)
{
    const auto hosts = header.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && header.version() == 11)) {
        return "A request must have one Host header.";
    }
    const auto coding = header.find(http::field::transfer_encoding);
    if (coding != header.end() && (header.version() < 11 || !beast::iequals(coding->value(), "chunked") ||
                                   header.count(http::field::transfer_encoding) > 1)) {
        return "The only transfer coding that a request may have is chunked.";
    }
    return {};
}

/// Servers must take `https://host/path` too.
std::string_view path_of(std::string_view target)
{
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (beast::iequals(target.substr(0, scheme.size()), scheme)) {
            const std::size_t path = target.find('/', scheme.size());
            return path == std::string_view::npos ? "/" : target.substr(path);
        }
    }
    return target;
}

std::string_view reason_of(unsigned status)
{
    return to_std(http::obsolete_reason(static_cast<http::status>(status)));
}

std::string http_date()
{
    const std::time_t time = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&time, &parts);
    constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[48];
    const int size =
        std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday], parts.tm_mday,
                      months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return {text, static_cast<std::size_t>(size)};
}

} // namespace

Connection::Connection(asio::ip::tcp::socket socket, SSL_CTX* context, Service& service)
    : stream_(std::move(socket), context), service_(service)
{
    give(service_.patience.request);
}

// g++ 12 compiles a co_await inside &&, || and ?: wrongly: each stands in a statement of its own.

asio::awaitable<void> Connection::run()
{
    if (co_await stream_.handshake()) {
        co_return; // no TLS, no words
    }
    while (co_await next_request_begins()) {
        const bool keep_alive = co_await serve_request();
        if (!keep_alive) {
            stream_.say_goodbye();
            give(farewell);
            co_await stream_.discard_rest();
            co_return;
        }
    }
    stream_.say_goodbye();
}

/// False if the client has nothing more to ask, or may not any more.
asio::awaitable<bool> Connection::next_request_begins()
{
    idle_ = true;
    give(service_.patience.idle);
    while (true) {
        // Some clients end a body with an empty line too many.
        input_.erase(0, input_.find_first_not_of("\r\n"));
        if (!input_.empty()) {
            break;
        }
        if (draining_) {
            co_return false;
        }
        const bool more = co_await read_more();
        if (!more) {
            co_return false;
        }
    }
    idle_ = false;
    co_return true;
}

/// False if the client has left, or was told why it gets no answer.
asio::awaitable<bool> Connection::receive(Received& received)
{
    auto& parser = received.parser;
    bool header_seen = false;
    while (true) {
        if (!input_.empty()) {
            beast::error_code error;
            const std::size_t used = parser.put(asio::buffer(input_), error);
            input_.erase(0, used);
            received.wire_size += used;
            if (error == http::error::header_limit || error == http::error::buffer_overflow) {
                co_return co_await refuse(431, "header_too_large", "The header is too large.");
            }
            if (error == http::error::body_limit || received.wire_size > max_wire_size) {
                co_return co_await refuse(413, "body_too_large", "The body is too large.");
            }
            if (error && error != http::error::need_more) {
                co_return co_await refuse(400, "invalid_request", "This is no HTTP request: " + error.message() + ".");
            }
        }
        if (parser.is_header_done() && !header_seen) {
            header_seen = true;
            if (const std::string_view fault = fault_of(parser.get()); !fault.empty()) {
                co_return co_await refuse(400, "invalid_request", fault);
            }
            if (!parser.is_done() && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
                co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
        if (parser.is_done()) {
            co_return true;
        }
        // What the parser leaves is a part too large to be read whole: of a header, or of the lines
        // between chunks and after them.
        if (input_.size() > max_header_size) {
            co_return co_await refuse(413, "body_too_large", "The body is too large.");
        }
        const bool more = co_await read_more();
        if (!more && Clock::now() >= deadline_) {
            co_return co_await refuse(408, "request_timeout", "The request took too long to arrive.");
        }
        if (!more) {
            co_return false; // the client has left
        }
    }
}

/// False if there is nothing to come, or if the time is up.
asio::awaitable<bool> Connection::read_more()
{
    const std::size_t size = input_.size();
    input_.resize(size + read_size);
    TlsStream::ErrorCode error;
    const std::size_t added = co_await stream_.read_some(asio::buffer(input_.data() + size, read_size), error);
    input_.resize(size + added);
    co_return !error;
}

/// False, for the connection ends with it: what follows on it cannot be told apart any more.
asio::awaitable<bool> Connection::refuse(unsigned status, std::string_view code, std::string_view text)
{
    co_await send(refusal(status, code, text), false, false);
    co_return false;
}

/// False if the connection is to end.
asio::awaitable<bool> Connection::serve_request()
{
    give(service_.patience.request);
    Received received;
    const bool complete = co_await receive(received);
    if (!complete) {
        co_return false;
    }
    const auto& message = received.parser.get();
    const Response response = answer_to(received);
    ++service_.requests_served;
    // HTTP/1.0 keeps connections only where both sides say so; nobody needs it.
    const bool keep_alive = received.parser.keep_alive() && message.version() == 11 && !draining_;
    const bool head_only = message.method() == http::verb::head;
    const bool sent = co_await send(response, keep_alive, head_only);
    if (!sent) {
        co_return false;
    }
    co_return keep_alive;
}

asio::awaitable<bool> Connection::send(const Response& response, bool keep_alive, bool head_only)
{
    std::string bytes;
    bytes.reserve(256 + response.body.size());
    bytes.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    bytes.append(reason_of(response.status)).append("\r\nDate: ").append(http_date());
    if (!response.body.empty()) {
        bytes.append("\r\nContent-Type: application/json; charset=utf-8");
    }
    if (!response.allow.empty()) {
        bytes.append("\r\nAllow: ").append(response.allow);
    }
    if (response.status == 401) {
        bytes.append("\r\nWWW-Authenticate: Bearer");
    }
    if (!keep_alive) {
        bytes.append("\r\nConnection: close");
    }
    bytes.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
    bytes.append("\r\n\r\n");
    if (!head_only) {
        bytes.append(response.body);
    }
    give(service_.patience.response);
    co_return !co_await stream_.write(bytes);
}

Response Connection::answer_to(const Received& received)
{
    const auto& message = received.parser.get();
    Request request;
    request.method = to_std(message.method_string());
    request.target = path_of(to_std(message.target()));
    request.user_agent = single(message, http::field::user_agent);
    request.authorization = single(message, http::field::authorization);
    request.body = message.body();

    const auto start = Clock::now();
    Response response = answer(service_.store, request);
    if (service_.verbose) {
        const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
        std::ostringstream line; // written at once, for other threads write too
        line << request.method << ' ' << request.target << ' ' << response.status << ' ' << time.count() << " us\n";
        std::clog << line.str() << std::flush;
    }
    return response;
}

void Connection::check_deadline(Clock::time_point now)
{
    if (now >= deadline_) {
        stream_.cancel();
    }
}

void Connection::drain()
{
    draining_ = true;
    if (idle_) {
        stream_.cancel();
    }
}

void Connection::abort()
{
    stream_.abort();
}

} // namespace passage::emulator
