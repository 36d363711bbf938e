#include <passage/passage.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <string_view>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

http::status status_for(const passage::Error& error)
{
    if (passage::is_not_found(error))
        return http::status::not_found;
    if (passage::is_invalid_argument(error))
        return http::status::bad_request;
    return passage::is_timeout(error) ? http::status::gateway_timeout : http::status::bad_gateway;
}

/// GET /users/{id} responds with the user, or with 504 if the service takes more than 300 ms.
asio::awaitable<Response> answer(passage::Client& psg, const Request& request)
{
    constexpr std::string_view users = "/users/";
    const std::string_view target = request.target();
    Response response{http::status::not_found, request.version()};
    if (target.starts_with(users)) {
        const auto options = passage::CallOptions{}.timeout(300ms);
        const auto user = co_await psg.get_user(target.substr(users.size()), options);
        if (user) {
            const boost::json::object body{{"id", user->id}, {"email", user->email}};
            response.result(http::status::ok);
            response.set(http::field::content_type, "application/json");
            response.body() = boost::json::serialize(body);
        } else {
            std::clog << user.error() << '\n';
            response.result(status_for(user.error()));
        }
    }
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    co_return response;
}

/// Completes when the peer has disconnected. Data that it has sent stays for the next read.
asio::awaitable<void> peer_gone(tcp::socket& socket)
{
    char next = 0;
    boost::system::error_code error;
    do {
        co_await socket.async_wait(tcp::socket::wait_read, asio::use_awaitable);
        socket.receive(asio::buffer(&next, 1), tcp::socket::message_peek, error);
    } while (error == asio::error::would_block);
    if (!error)
        co_await socket.async_wait(tcp::socket::wait_error, asio::use_awaitable);
}

asio::awaitable<void> serve(beast::tcp_stream stream, tcp::acceptor& acceptor, passage::Client& psg)
{
    stream.socket().non_blocking(true); // for peer_gone
    beast::flat_buffer buffer;
    for (;;) {
        Request request;
        stream.expires_after(10s); // for the next request
        const auto [failed, size] = co_await http::async_read(stream, buffer, request, as_tuple);
        if (failed)
            co_return;
        auto first = co_await (answer(psg, request) || peer_gone(stream.socket()));
        if (first.index() == 1)
            co_return; // and the call was cancelled
        Response response = std::get<0>(std::move(first));
        response.keep_alive(request.keep_alive() && acceptor.is_open());
        stream.expires_after(10s);
        const auto [broken, written] = co_await http::async_write(stream, response, as_tuple);
        if (broken || !response.keep_alive())
            co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, passage::Client& psg)
{
    while (acceptor.is_open()) {
        auto [failed, socket] = co_await acceptor.async_accept(as_tuple);
        if (failed) { // the acceptor was closed, or too many files are open
            asio::steady_timer pause{acceptor.get_executor(), 100ms};
            co_await pause.async_wait(as_tuple);
        } else {
            asio::co_spawn(acceptor.get_executor(), serve(beast::tcp_stream{std::move(socket)}, acceptor, psg),
                           asio::detached);
        }
    }
}

int main()
try {
    const auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    asio::io_context context{1}; // one thread carries thousands of calls
    passage::Client psg{context, *config};
    tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    asio::co_spawn(context, accept(acceptor, psg), asio::detached);

    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](boost::system::error_code, int) { acceptor.close(); });
    std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    context.run(); // returns when the last connection has ended
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
