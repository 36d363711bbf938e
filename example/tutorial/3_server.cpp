#include <passage/passage.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>

#include <exception>
#include <iostream>
#include <string_view>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

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

/// GET /users/{id} responds with the user.
asio::awaitable<Response> answer(passage::Client& psg, const Request& request)
{
    constexpr std::string_view users = "/users/";
    const std::string_view target = request.target();
    Response response{http::status::not_found, request.version()};
    if (target.starts_with(users)) {
        const auto user = co_await psg.get_user(target.substr(users.size()));
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

asio::awaitable<void> serve(tcp::socket socket, passage::Client& psg)
{
    beast::flat_buffer buffer;
    for (;;) {
        Request request;
        const auto [failed, size] = co_await http::async_read(socket, buffer, request, as_tuple);
        if (failed)
            co_return;
        const Response response = co_await answer(psg, request);
        const auto [broken, written] = co_await http::async_write(socket, response, as_tuple);
        if (broken || !response.keep_alive())
            co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, passage::Client& psg)
{
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), psg), asio::detached);
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
    std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    context.run();
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
