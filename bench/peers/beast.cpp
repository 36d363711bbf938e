// Stock Beast: what its documentation shows, with a connection for each caller and no pool.

#include "http/url.hpp"
#include "load.hpp"
#include "peers/dom.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <chrono>
#include <deque>
#include <stdexcept>

namespace passage::bench {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;

struct Service
{
    explicit Service(const Config& config) : url{passage::http::parse_base_url(config.base_url).value()}
    {
        context.set_verify_mode(ssl::verify_peer);
        context.load_verify_file(config.tls.ca_file);
        users_path = url.path + "/apps/" + config.app_id + "/users/";
        authorization = "Bearer " + std::string{config.api_key.reveal()};
    }

    passage::http::BaseUrl url;
    std::string users_path;
    std::string authorization;
    ssl::context context{ssl::context::tls_client};
};

class Connection
{
public:
    Connection(asio::io_context& context, Service& service) : service_{service}, stream_{context, service.context}
    {
        if (SSL_set_tlsext_host_name(stream_.native_handle(), service.url.host.c_str()) != 1)
            throw std::runtime_error{"the host's name can't be sent"};
        stream_.set_verify_callback(ssl::host_name_verification{service.url.host});
    }

    asio::awaitable<void> connect()
    {
        tcp::resolver resolver{stream_.get_executor()};
        const auto addresses =
            co_await resolver.async_resolve(service_.url.host, std::to_string(service_.url.port), asio::use_awaitable);
        co_await beast::get_lowest_layer(stream_).async_connect(addresses, asio::use_awaitable);
        beast::get_lowest_layer(stream_).socket().set_option(tcp::no_delay{true});
        co_await stream_.async_handshake(ssl::stream_base::client, asio::use_awaitable);
    }

    asio::awaitable<UserInfo> get_user(const std::string& id)
    {
        http::request<http::empty_body> request{http::verb::get, service_.users_path + id, 11};
        request.set(http::field::host, service_.url.host);
        request.set(http::field::authorization, service_.authorization);
        request.set(http::field::accept, "application/json");
        request.set(http::field::user_agent, "beast");
        beast::get_lowest_layer(stream_).expires_after(std::chrono::seconds{30});
        co_await http::async_write(stream_, request, asio::use_awaitable);
        http::response<http::string_body> response;
        co_await http::async_read(stream_, buffer_, response, asio::use_awaitable);
        if (response.result() != http::status::ok)
            throw std::runtime_error{"status " + std::to_string(response.result_int())};
        co_return user_from_dom(response.body());
    }

private:
    Service& service_;
    beast::ssl_stream<beast::tcp_stream> stream_;
    beast::flat_buffer buffer_;
};

/// Connections that are open.
class Connections
{
public:
    Connections(asio::io_context& context, Service& service, std::size_t count)
    {
        for (std::size_t i = 0; i < count; ++i)
            asio::co_spawn(context, connections_.emplace_back(context, service).connect(), rethrow);
        context.run();
    }

    Connection& operator[](std::size_t index) { return connections_[index]; }

private:
    std::deque<Connection> connections_;
};

} // namespace

Report beast_get_user(const Settings& settings)
{
    const std::vector<KnownUser> users = find_users(settings.config);
    Service service{settings.config};
    asio::io_context context{1};
    Connections connections{context, service, settings.connections};
    const auto user = [&](std::size_t number) -> const KnownUser& { return users[number % users.size()]; };
    return measure_calls(
        context, settings, settings.connections,
        [&](std::size_t caller, std::size_t number) { return connections[caller].get_user(user(number).id); },
        [&](std::size_t number, const UserInfo& result) { return wrong_user(user(number), result); });
}

Report beast_idle_memory(const Settings& settings)
{
    const std::vector<KnownUser> users = find_users(settings.config);
    Service service{settings.config};
    asio::io_context context{1};
    const MemoryUse before = memory_use();
    Connections connections{context, service, settings.connections};
    Load load{settings.connections, 0,
              [&](std::size_t caller, std::size_t) { return connections[caller].get_user(users.front().id); },
              [&](std::size_t, const UserInfo& result) { return wrong_user(users.front(), result); }};
    load.spawn(context, settings.connections);
    context.restart();
    context.run();
    return memory_report(memory_use() - before, settings.connections, load.tally());
}

} // namespace passage::bench
