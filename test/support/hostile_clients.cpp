#include "support/hostile_clients.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <openssl/ssl.h>

#include <chrono>
#include <string>
#include <string_view>

namespace passage::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Stream = asio::ssl::stream<tcp::socket>;
using namespace std::chrono_literals;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t flood_size = 64 * 1024;
constexpr std::string_view get = "GET /v1/apps/demo/users HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n";
constexpr std::string_view post =
    "POST /v1/apps/demo/users HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nContent-Length: 4000000\r\n\r\n";

std::string repeated(std::string_view text)
{
    std::string all;
    while (all.size() < flood_size)
        all += text;
    return all;
}

/// What is sent again and again, after a beginning.
struct Words
{
    std::string beginning;
    std::string rest;
};

Words words_of(Attack attack)
{
    switch (attack) {
    case Attack::empty_lines:
        return {{}, repeated("\r\n")};
    case Attack::header:
        return {"GET / HTTP/1.1\r\n", repeated("X: y\r\n")};
    case Attack::after_the_end:
        return {"hello\r\n\r\n", repeated("more")};
    case Attack::requests:
        return {{}, repeated(get)};
    case Attack::body:
        return {std::string{post}, repeated(" ")};
    case Attack::trickle:
        return {"GET / HTTP/1.1\r\nX: ", "y"};
    case Attack::broken_request:
        return {std::string{post.substr(0, post.size() / 2)}, {}};
    case Attack::key_updates:
    case Attack::silence:
    case Attack::broken_handshake:
        break;
    }
    return {};
}

asio::awaitable<error_code> send(Stream& stream, std::string_view bytes)
{
    const auto [error, size] = co_await asio::async_write(stream, asio::buffer(bytes), as_tuple);
    co_return error;
}

asio::awaitable<error_code> update_key(Stream& stream)
{
    SSL_key_update(stream.native_handle(), SSL_KEY_UPDATE_NOT_REQUESTED);
    const auto [error] = co_await stream.async_handshake(Stream::client, as_tuple);
    co_return error;
}

asio::awaitable<void> pause(std::chrono::milliseconds time)
{
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(as_tuple);
}

/// Until the server ends the connection.
asio::awaitable<void> wait_for_end(tcp::socket& socket)
{
    char byte = 0;
    co_await socket.async_read_some(asio::buffer(&byte, 1), as_tuple);
}

} // namespace

HostileClients::HostileClients(std::uint16_t port)
    : work_{context_.get_executor()}, tls_{asio::ssl::context::tls_client}, port_{port}, thread_{[this] {
          context_.run();
      }}
{}

HostileClients::~HostileClients()
{
    context_.stop();
    thread_.join();
}

void HostileClients::add(Attack attack, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        asio::co_spawn(context_, run(attack), asio::detached);
}

asio::awaitable<void> HostileClients::run(Attack attack)
{
    for (;;) {
        co_await attack_once(attack);
        co_await pause(1ms);
    }
}

asio::awaitable<void> HostileClients::attack_once(Attack attack)
{
    auto& steps = steps_[static_cast<std::size_t>(attack)];
    Stream stream{context_, tls_};
    tcp::socket& socket = stream.next_layer();
    const auto [refused] = co_await socket.async_connect({asio::ip::address_v4::loopback(), port_}, as_tuple);
    if (refused)
        co_return;
    if (attack == Attack::silence) {
        ++steps;
        co_return co_await wait_for_end(socket);
    }
    if (attack == Attack::broken_handshake) {
        co_await asio::async_write(socket, asio::buffer(get), as_tuple);
        ++steps;
        co_return co_await wait_for_end(socket);
    }
    const auto [failed] = co_await stream.async_handshake(Stream::client, as_tuple);
    if (failed)
        co_return;

    const Words words = words_of(attack);
    error_code error = co_await send(stream, words.beginning);
    if (attack == Attack::broken_request) {
        ++steps;
        socket.set_option(asio::socket_base::linger{true, 0}, error);
        co_return;
    }
    while (!error) {
        if (attack == Attack::key_updates)
            error = co_await update_key(stream);
        else
            error = co_await send(stream, words.rest);
        ++steps;
        if (attack == Attack::trickle)
            co_await pause(10ms);
    }
}

} // namespace passage::test
