// The shortest whole program: finds a user by e-mail address, or creates it.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

asio::awaitable<bool> find_or_create(passage::Client& psg, std::string email)
{
    auto user = co_await psg.get_user_by_identifier(email);
    if (!user && passage::is_not_found(user.error()))
        user = co_await psg.create_user(passage::CreateUserRequest{}.email(email));
    if (user)
        std::cout << user->id << ' ' << user->email << '\n';
    else
        std::cerr << user.error() << '\n'; // create_user: 400 invalid_request: ... (attempt 1, 12 ms)
    co_return user.has_value();
}

int main()
try {
    const auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Client psg{context, *config};
    auto good = asio::co_spawn(context, find_or_create(psg, "jane.doe@example.com"), asio::use_future);
    context.run();
    return good.get() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
