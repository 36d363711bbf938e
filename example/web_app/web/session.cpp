#include "session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <string_view>
#include <utility>

namespace web {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

constexpr auto read_time = 30s;  ///< For a request to arrive, and for its body.
constexpr auto write_time = 30s; ///< For the browser to accept a response.
constexpr auto close_time = 2s;  ///< For the browser to read the last response.
constexpr std::size_t max_header = 32 * 1024;
constexpr std::string_view interim_answer = "HTTP/1.1 100 Continue\r\n\r\n"; ///< Clients ignore it.

/// Returns the status for a request that cannot be read; absent if the connection is closed without a response.
std::optional<http::status> refusal(const error_code& error)
{
    if (error == http::error::header_limit)
        return http::status::request_header_fields_too_large;
    if (error == http::error::body_limit)
        return http::status::payload_too_large;
    const bool is_parsers = error.category() == make_error_code(http::error::bad_method).category();
    if (!is_parsers || error == http::error::end_of_stream || error == http::error::partial_message)
        return std::nullopt;
    return http::status::bad_request;
}

} // namespace

Session::Session(asio::ip::tcp::socket socket, const Site& site)
    : stream_{std::move(socket)}, buffer_{max_header + 64 * 1024}, site_{site}
{
    stream_.socket().non_blocking(true); // peer_gone must not block a thread
}

void Session::finish()
{
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
        self->finishing_ = true;
        if (self->idle_)
            self->stream_.close();
    });
}

void Session::cut()
{
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->stream_.close(); });
}

asio::awaitable<void> Session::run()
{
    while (!finishing_) {
        idle_ = true;
        Parser parser;
        const bool has_come = co_await read_head(parser);
        idle_ = false;
        if (!has_come)
            co_return;
        const bool goes_on = co_await serve(parser);
        if (!goes_on)
            co_return;
    }
    co_await close();
}

/// Reads the head of a request. Returns whether the request is to be served.
asio::awaitable<bool> Session::read_head(Parser& parser)
{
    parser.header_limit(max_header);
    parser.body_limit(Site::max_body);
    stream_.expires_after(read_time);
    const auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, use_tuple);
    std::optional<http::status> refused = error ? refusal(error) : std::nullopt;
    if (!error && !parser.is_done()) {
        const auto length = parser.content_length();
        if (!length)
            refused = http::status::length_required; // the limit is known before the first byte is read
        else if (*length > site_.body_limit(parser.get()))
            refused = http::status::payload_too_large;
    }
    if (refused)
        co_await refuse(*refused);
    co_return !error && !refused;
}

/// Reads the body of a request. Returns whether it is complete.
asio::awaitable<bool> Session::read_body(Parser& parser)
{
    stream_.expires_after(read_time);
    const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, use_tuple);
    if (const auto refused = error ? refusal(error) : std::nullopt)
        co_await refuse(*refused);
    co_return !error;
}

/// Serves one request. Returns whether the connection stays open.
asio::awaitable<bool> Session::serve(Parser& parser)
{
    const bool keep_alive = parser.keep_alive();
    const bool is_head = parser.get().method() == http::verb::head;
    const bool may_probe = parser.get().version() > 10; // HTTP/1.0 has no interim responses
    Request request;
    request.message.base() = parser.get().base();
    stream_.expires_never(); // handlers have their own deadlines
    auto decision = co_await unless_gone(site_.admit(request), may_probe);
    if (!decision)
        co_return false;

    std::optional<Response> response;
    if (auto* const handler = std::get_if<Handler>(&*decision)) {
        if (!parser.is_done()) {
            const bool has_come = co_await read_body(parser);
            if (!has_come)
                co_return false;
        }
        request.message.body() = std::move(parser.get().body());
        stream_.expires_never();
        response = co_await unless_gone(site_.answer(request, std::move(*handler)), may_probe);
        if (!response)
            co_return false;
    } else {
        response = std::get<Response>(std::move(*decision));
    }
    // A body that was not read would be parsed as the next request.
    response->keep_alive(keep_alive && parser.is_done() && !finishing_);
    const bool goes_on = co_await write(std::move(*response), is_head);
    co_return goes_on;
}

/// Returns the result of `work`. If the browser disconnects first, cancels the work and returns no result.
template <class T>
asio::awaitable<std::optional<T>> Session::unless_gone(asio::awaitable<T> work, bool may_probe)
{
    std::optional<T> result;
    const auto finish = [&]() -> asio::awaitable<void> { result = co_await std::move(work); };
    co_await (finish() || peer_gone(may_probe));
    co_return result;
}

/// Completes when the browser has closed or reset the connection. If the browser has already sent more data, or uses
/// HTTP/1.0 and has shut down its sending side, only a reset is detected.
asio::awaitable<void> Session::peer_gone(bool may_probe)
{
    asio::ip::tcp::socket& socket = stream_.socket();
    error_code error = asio::error::would_block; // also the result of a wait that completes for data already read
    while (error == asio::error::would_block) {
        std::tie(error) = co_await socket.async_wait(asio::socket_base::wait_read, use_tuple);
        char byte{};
        if (!error)
            socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
    }
    if (error == asio::error::eof) {
        // The browser may have shut down its sending side and still read. If it does not read, it resets the connection
        // when it receives an interim response.
        error = {};
        if (may_probe)
            socket.send(asio::buffer(interim_answer), 0, error);
    }
    if (!error || error == asio::error::would_block)
        co_await socket.async_wait(asio::socket_base::wait_error, use_tuple);
}

/// Writes a response. Returns whether the connection stays open.
asio::awaitable<bool> Session::write(Response response, bool is_head)
{
    const bool keep_alive = response.keep_alive();
    error_code error;
    if (response.result() != http::status::not_modified) // its length is that of the file
        response.prepare_payload();
    stream_.expires_after(write_time);
    if (is_head) {
        http::response<http::empty_body> head{std::move(response.base())};
        std::tie(error, std::ignore) = co_await http::async_write(stream_, head, use_tuple);
    } else {
        std::tie(error, std::ignore) = co_await http::async_write(stream_, response, use_tuple);
    }
    if (!error && !keep_alive)
        co_await close();
    co_return !error && keep_alive;
}

asio::awaitable<void> Session::refuse(http::status status)
{
    Response response = respond(status, "text/plain; charset=utf-8", std::string{http::obsolete_reason(status)} + "\n");
    response.keep_alive(false);
    co_await write(std::move(response), false);
}

/// Shuts down the sending side and waits until the browser does the same. If the socket was closed while the browser
/// still sends, the browser could lose the last response.
asio::awaitable<void> Session::close()
{
    error_code error;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, error);
    stream_.expires_after(close_time);
    std::size_t size = 0;
    while (!error) {
        buffer_.clear();
        std::tie(error, size) = co_await stream_.async_read_some(buffer_.prepare(16 * 1024), use_tuple);
    }
}

} // namespace web
