#include "server.hpp"

#include "session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace web {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t max_sessions = 1'000;
constexpr auto grace = 5s;

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

} // namespace

Server::Server(const asio::any_io_executor& executor, const tcp::endpoint& endpoint, const Site& site)
    : executor_{executor},
      acceptor_{asio::make_strand(executor), endpoint},
      changed_{acceptor_.get_executor(), asio::steady_timer::time_point::max()},
      site_{site}
{}

Server::~Server() = default;

void Server::start()
{
    asio::co_spawn(acceptor_.get_executor(), accept(), rethrow);
}

void Server::stop(std::function<void()> stopped)
{
    asio::co_spawn(acceptor_.get_executor(), shut_down(std::move(stopped)), rethrow);
}

asio::awaitable<void> Server::accept()
{
    const asio::any_io_executor strand = acceptor_.get_executor();
    while (acceptor_.is_open()) {
        if (sessions_.size() >= max_sessions) {
            co_await changed_.async_wait(use_tuple);
            continue;
        }
        const asio::any_io_executor own = asio::make_strand(executor_);
        auto [error, socket] = co_await acceptor_.async_accept(own, use_tuple);
        if (error) {
            // Exhausted resources, such as descriptors, may become available again.
            asio::steady_timer pause{strand, 100ms};
            if (acceptor_.is_open())
                co_await pause.async_wait(use_tuple);
            continue;
        }
        if (!acceptor_.is_open())
            break; // accepted while the server was being stopped, so nothing else would close it
        const auto session = *sessions_.insert(std::make_shared<Session>(std::move(socket), site_)).first;
        asio::co_spawn(own, session->run(), asio::bind_executor(strand, [this, session](std::exception_ptr failure) {
                           forget(session);
                           rethrow(failure);
                       }));
    }
}

asio::awaitable<void> Server::shut_down(std::function<void()> stopped)
{
    acceptor_.close();
    for (const auto& session : sessions_)
        session->finish();
    changed_.expires_after(grace);
    while (!sessions_.empty()) {
        const auto [error] = co_await changed_.async_wait(use_tuple);
        if (!error)
            break;
    }
    for (const auto& session : sessions_)
        session->cut();
    changed_.expires_at(asio::steady_timer::time_point::max());
    while (!sessions_.empty())
        co_await changed_.async_wait(use_tuple);
    stopped();
}

void Server::forget(const std::shared_ptr<Session>& session)
{
    sessions_.erase(session);
    changed_.cancel();
}

} // namespace web
