#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

using User = passage::expected<passage::UserInfo>;

/// Finds a user by e-mail address, or creates the user. Both calls together may take 2 s.
asio::awaitable<User> find_or_create(passage::Client& psg, std::string email)
{
    const auto options = passage::CallOptions{}.deadline(std::chrono::steady_clock::now() + 2s);
    User user = co_await psg.get_user_by_identifier(email, options);
    if (!user && passage::is_not_found(user.error()))
        user = co_await psg.create_user(passage::CreateUserRequest{}.email(email).metadata("plan", "free"), options);
    co_return user;
}

int main(int argc, char** argv)
try {
    const auto config = passage::Config::from_environment();
    if (!config || argc != 2) {
        std::cerr << (config ? "usage: users EMAIL" : to_string(config.error())) << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Client psg{context, *config};
    auto future = asio::co_spawn(context, find_or_create(psg, argv[1]), asio::use_future);
    context.run();

    const User user = future.get();
    if (!user) {
        std::cerr << user.error() << '\n'; // such as "create_user: 400 invalid_request: ... (attempt 1, 12 ms)"
        return 1;
    }
    std::cout << user->id << ' ' << user->email << '\n';
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
