// A server with four threads where users sign up and sign in: POST /sign-up takes an e-mail address, GET /me a token.
// Calls of the service may take 300 ms, and are cancelled when the peer disconnects.
//
//     example_8_sign_up [PORT]

#include <passage/passage.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
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

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);
constexpr unsigned thread_count = 4;
constexpr std::size_t max_body = 4 * 1024;

Response respond(http::status status, boost::json::object body)
{
    Response response{status, 11, boost::json::serialize(body)};
    response.set(http::field::content_type, "application/json");
    return response;
}

/// As doc/errors.md says: "What to answer to your own client".
http::status status_for(const passage::Error& error)
{
    using passage::Errc;
    if (passage::is_token_refused(error))
        return http::status::unauthorized;
    if (passage::is_not_found(error))
        return http::status::not_found;
    if (passage::is_invalid_argument(error))
        return http::status::bad_request;
    if (passage::is_rate_limited(error))
        return http::status::too_many_requests;
    if (passage::is_unauthorized(error) || passage::is_forbidden(error))
        return http::status::bad_gateway;
    if (error.code == Errc::pool_timeout || error.code == Errc::shut_down || error.code == Errc::jwks ||
        error.code == Errc::no_memory)
        return http::status::service_unavailable;
    if (error.code == Errc::timeout)
        return http::status::gateway_timeout;
    return error.retry_after ? http::status::service_unavailable : http::status::bad_gateway;
}

/// Returns the response for a failed call. The error itself is logged.
Response refuse(const passage::Error& error)
{
    std::clog << error << '\n';
    const http::status status = status_for(error);
    Response response = respond(status, {{"error", http::obsolete_reason(status)}});
    if (status == http::status::unauthorized)
        response.set(http::field::www_authenticate, "Bearer");
    if (error.retry_after)
        response.set(http::field::retry_after,
                     std::to_string(std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count()));
    return response;
}

/// Used by connections on all threads.
struct Users
{
    passage::Client client;
    passage::Authenticator authenticator;

    asio::awaitable<passage::expected<passage::UserInfo>> sign_up(std::string email, passage::CallOptions options)
    {
        const auto request = passage::CreateUserRequest{}.email(email);
        auto user = co_await client.create_user(request, options);
        if (user || user.error().effect != passage::Effect::unknown)
            co_return user;
        // No response arrived, or it does not say: the service may have created the user.
        auto found = co_await client.get_user_by_identifier(email, options);
        if (!found && passage::is_not_found(found.error()))
            co_return user;
        co_return found;
    }

    asio::awaitable<passage::expected<passage::UserInfo>> me(const Request& request, passage::CallOptions options)
    {
        const auto claims = co_await authenticator.authenticate_request(request, options);
        if (!claims)
            co_return passage::unexpected{claims.error()};
        co_return co_await client.coalesced_get_user(claims->user_id, options);
    }

    asio::awaitable<Response> answer(const Request& request)
    {
        const auto options = passage::CallOptions{}.deadline(std::chrono::steady_clock::now() + 300ms);
        passage::expected<passage::UserInfo> user;
        if (request.method() == http::verb::post && request.target() == "/sign-up") {
            error_code malformed;
            const auto body = boost::json::parse(request.body(), malformed);
            const auto* const fields = malformed ? nullptr : body.if_object();
            const auto* const email = fields ? fields->if_contains("email") : nullptr;
            if (!email || !email->is_string())
                co_return respond(http::status::bad_request, {{"error", "an e-mail address is needed"}});
            user = co_await sign_up(std::string{email->as_string()}, options);
        } else if (request.method() == http::verb::get && request.target() == "/me") {
            user = co_await me(request, options);
        } else {
            co_return respond(http::status::not_found, {{"error", "Not Found"}});
        }
        if (!user)
            co_return refuse(user.error());
        co_return respond(http::status::ok, {{"id", user->id}, {"email", user->email}});
    }
};

/// Completes when the peer has disconnected. If the peer has sent more data, which stays for the next read, only a
/// reset is detected.
asio::awaitable<void> peer_gone(tcp::socket& socket)
{
    char next = 0;
    error_code error;
    do {
        co_await socket.async_wait(tcp::socket::wait_read, asio::use_awaitable);
        socket.receive(asio::buffer(&next, 1), tcp::socket::message_peek, error);
    } while (error == asio::error::would_block);
    if (!error)
        co_await socket.async_wait(tcp::socket::wait_error, asio::use_awaitable);
}

asio::awaitable<void> serve(beast::tcp_stream stream, Users& users)
{
    stream.socket().non_blocking(true); // for `peer_gone`
    beast::flat_buffer buffer;
    for (bool open = true; open;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(max_body);
        stream.expires_after(30s);
        const auto [error, size] = co_await http::async_read(stream, buffer, parser, as_tuple);
        if (error)
            co_return;
        auto first = co_await (users.answer(parser.get()) || peer_gone(stream.socket()));
        if (first.index() == 1)
            co_return;
        Response response = std::get<0>(std::move(first));
        open = parser.get().keep_alive();
        response.keep_alive(open);
        response.prepare_payload();
        stream.expires_after(10s);
        const auto [failed, written] = co_await http::async_write(stream, response, as_tuple);
        if (failed)
            co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, Users& users)
{
    for (;;) {
        // Each connection runs on its own strand, whichever thread runs the strand.
        auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(acceptor.get_executor()), as_tuple);
        if (error == asio::error::operation_aborted)
            co_return;
        if (error) { // most likely too many files are open
            asio::steady_timer pause{acceptor.get_executor(), 100ms};
            co_await pause.async_wait(as_tuple);
            continue;
        }
        const auto executor = socket.get_executor();
        asio::co_spawn(executor, serve(beast::tcp_stream{std::move(socket)}, users), [](std::exception_ptr thrown) {
            try {
                if (thrown)
                    std::rethrow_exception(thrown);
            } catch (const std::exception& problem) {
                std::clog << "a connection ended: " << problem.what() << '\n';
            }
        });
    }
}

} // namespace

int main(int argc, char** argv)
try {
    const auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    const std::string_view text = argc > 1 ? argv[1] : "8080";
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) {
        std::cerr << "usage: example_8_sign_up [PORT]\n";
        return 2;
    }
    asio::io_context context{thread_count};
    Users users{{context, *config}, {context, *config}};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), port}};
    asio::co_spawn(context, accept(acceptor, users), [](std::exception_ptr) {});
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](error_code, int) { context.stop(); });
    std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;

    asio::thread_pool others{thread_count - 1};
    for (unsigned i = 1; i < thread_count; ++i)
        asio::post(others, [&] { context.run(); });
    context.run();
    others.join();
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
