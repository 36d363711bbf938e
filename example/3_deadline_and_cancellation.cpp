// Makes a call that may take 200 ms, and a call that is cancelled as soon as something else happens.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <iostream>

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

asio::awaitable<bool> look_up(passage::Client& client)
{
    // A deadline is an option of the call. If it passes, the call fails with an error like any other.
    const auto user = co_await client.get_user("nobody", passage::CallOptions{}.timeout(200ms));
    std::cout << "within 200 ms: " << (user ? user->id : to_string(user.error())) << '\n';

    // The caller may wait for anything besides the call: here, for a timer that expires immediately. The call is then
    // cancelled, and its connection is dropped if the request was sent on it.
    asio::steady_timer other{co_await asio::this_coro::executor, 0ms};
    const auto first = co_await (client.get_user("nobody") || other.async_wait(asio::use_awaitable));
    std::cout << "the first to end: " << (first.index() == 0 ? "the call" : "the timer") << '\n';
    co_return !user && passage::is_not_found(user.error()) && first.index() == 1;
}

int main()
try {
    auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Client client{context, *config};
    bool good = false;
    asio::co_spawn(context, look_up(client), [&](std::exception_ptr error, bool expected) {
        if (error)
            std::rethrow_exception(error);
        good = expected;
    });
    context.run();
    return good ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
