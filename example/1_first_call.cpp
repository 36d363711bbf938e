// The shortest whole program: reads one page of users and prints their addresses.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;

asio::awaitable<bool> print_users(passage::Client& client)
{
    passage::expected<passage::UserPage> page = co_await client.list_users(passage::ListUsersRequest{}.limit(10));
    if (!page) {
        std::cerr << page.error() << '\n';
        co_return false;
    }
    for (const passage::UserSummary& user : page->users)
        std::cout << user.id << "  " << user.email << '\n';
    co_return true;
}

int main()
try {
    passage::expected<passage::Config> config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Client client{context, *config};
    bool good = false;
    asio::co_spawn(context, print_users(client), [&](std::exception_ptr error, bool printed) {
        if (error)
            std::rethrow_exception(error);
        good = printed;
    });
    context.run();
    return good ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
