// A server that calls the service for each request: GET /users/{id} responds with some fields of a user. A call ends
// when its deadline passes, or when the peer has disconnected. Ctrl-C or SIGTERM shuts the server down gracefully.
//
//     example_6_http_server [PORT]

#include <passage/passage.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

using Response = http::response<http::string_body>;

constexpr auto request_time = 2s; ///< For the call of the service.
constexpr auto idle_time = 60s;   ///< For the next request to arrive.
constexpr auto write_time = 10s;
constexpr std::size_t max_connections = 1'000;
constexpr std::size_t max_header = 8 * 1024;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

Response respond(http::status status, boost::json::object body)
{
    Response response{status, 11, boost::json::serialize(body)};
    response.set(http::field::content_type, "application/json");
    return response;
}

Response refuse(http::status status)
{
    boost::json::object body;
    body["error"] = std::string{http::obsolete_reason(status)};
    return respond(status, std::move(body));
}

/// Returns the response for a failed call. The error itself is logged.
Response refuse(const passage::Error& error)
{
    if (passage::is_rate_limited(error)) {
        Response response = refuse(http::status::too_many_requests);
        const auto wait = std::chrono::ceil<std::chrono::seconds>(error.retry_after.value_or(1s));
        response.set(http::field::retry_after, std::to_string(wait.count()));
        return response;
    }
    if (passage::is_not_found(error))
        return refuse(http::status::not_found);
    if (passage::is_invalid_argument(error))
        return refuse(http::status::bad_request);
    switch (error.code) {
    case passage::Errc::timeout:
        return refuse(http::status::gateway_timeout);
    case passage::Errc::pool_timeout:
    case passage::Errc::shut_down:
        return refuse(http::status::service_unavailable);
    default:
        return refuse(http::status::bad_gateway);
    }
}

Response show(const passage::UserInfo& user)
{
    boost::json::object body;
    body["id"] = user.id;
    body["email"] = user.email;
    body["status"] = user.status.text();
    return respond(http::status::ok, std::move(body));
}

/// Returns whether the peer sent something that is not a request.
bool is_malformed(const error_code& error)
{
    const error_code end = http::error::end_of_stream;
    return error != end && error.category() == end.category();
}

/// Completes when the peer has disconnected.
asio::awaitable<void> peer_gone(tcp::socket& socket)
{
    // If the peer already sends its next request, this only peeks at it: the data stays for the next read.
    char next = 0;
    error_code error;
    do {
        co_await socket.async_wait(tcp::socket::wait_read, asio::use_awaitable);
        socket.receive(asio::buffer(&next, 1), tcp::socket::message_peek, error);
    } while (error == asio::error::would_block);
    // Until that request is read, only a reset of the connection can be detected.
    if (!error)
        co_await socket.async_wait(tcp::socket::wait_error, asio::use_awaitable);
}

/// Runs on one thread. If several threads ran the execution context, each connection would need a strand.
class Server
{
public:
    Server(asio::io_context& context, passage::Client& client, std::uint16_t port)
        : context_{context},
          client_{client},
          acceptor_{context, tcp::endpoint{asio::ip::address_v4::loopback(), port}},
          stop_{context, asio::steady_timer::time_point::max()}
    {
        asio::co_spawn(context_, accept(), rethrow);
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    /// Accepts no more requests. Requests in flight are completed.
    void stop()
    {
        acceptor_.close();
        stop_.expires_at(asio::steady_timer::time_point::min());
    }

private:
    static void rethrow(std::exception_ptr error)
    {
        if (error)
            std::rethrow_exception(error);
    }

    bool is_stopping() const { return !acceptor_.is_open(); }

    asio::awaitable<void> stopping() { co_await stop_.async_wait(as_tuple); }

    asio::awaitable<void> accept()
    {
        while (!is_stopping()) {
            auto [error, socket] = co_await acceptor_.async_accept(as_tuple);
            if (error && !is_stopping()) { // most likely too many files are open
                std::clog << "accept: " << error.message() << '\n';
                asio::steady_timer pause{context_, 100ms};
                co_await pause.async_wait(as_tuple);
            } else if (!error && connections_ < max_connections) {
                ++connections_;
                asio::co_spawn(context_, serve(beast::tcp_stream{std::move(socket)}),
                               [this](std::exception_ptr thrown) {
                                   --connections_;
                                   rethrow(std::move(thrown));
                               });
            }
        }
    }

    asio::awaitable<void> serve(beast::tcp_stream stream)
    {
        stream.socket().non_blocking(true);
        beast::flat_buffer buffer{2 * max_header};
        for (bool open = true; open;) {
            http::request_parser<http::empty_body> parser;
            parser.header_limit(max_header);
            stream.expires_after(idle_time);
            const auto request = co_await (http::async_read_header(stream, buffer, parser, as_tuple) || stopping());
            if (request.index() == 1)
                break;
            const error_code error = std::get<0>(std::get<0>(request));
            if (error && !is_malformed(error))
                break;

            Response response = refuse(http::status::bad_request);
            const bool is_sound = !error && parser.is_done(); // bodies are not read: no request here has one
            if (is_sound) {
                auto first = co_await (answer(parser.get()) || peer_gone(stream.socket()));
                if (first.index() == 1)
                    co_return;
                response = std::get<0>(std::move(first));
            }
            open = is_sound && parser.get().keep_alive() && !is_stopping();
            response.keep_alive(open);
            response.prepare_payload();
            stream.expires_after(write_time);
            const auto [failed, size] = co_await http::async_write(stream, response, as_tuple);
            if (failed)
                break;
        }
        error_code ignored;
        stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }

    asio::awaitable<Response> answer(const http::request<http::empty_body>& request)
    {
        constexpr std::string_view users = "/users/";
        const std::string_view target = request.target();
        if (target == "/health")
            co_return respond(http::status::ok, {});
        if (!target.starts_with(users))
            co_return refuse(http::status::not_found);
        if (request.method() != http::verb::get) {
            Response response = refuse(http::status::method_not_allowed);
            response.set(http::field::allow, "GET");
            co_return response;
        }

        const auto user =
            co_await client_.get_user(target.substr(users.size()), passage::CallOptions{}.timeout(request_time));
        if (!user) {
            std::clog << user.error() << '\n';
            co_return refuse(user.error());
        }
        co_return show(*user);
    }

    asio::io_context& context_;
    passage::Client& client_;
    tcp::acceptor acceptor_;
    asio::steady_timer stop_;
    std::size_t connections_ = 0;
};

} // namespace

int main(int argc, char** argv)
try {
    auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    const std::string_view text = argc > 1 ? argv[1] : "8080";
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) {
        std::cerr << "usage: example_6_http_server [PORT]\n";
        return 2;
    }
    asio::io_context context{1};
    passage::Client client{context, *config};
    Server server{context, client, port};

    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](error_code, int) {
        server.stop();
        signals.clear(); // a second signal ends the process immediately
    });
    std::cout << "http://127.0.0.1:" << server.port() << "/users/{id}" << std::endl;
    context.run();
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
