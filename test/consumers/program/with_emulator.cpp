// A user's test: a call over verified TLS to an emulator in the same process.

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <iostream>

namespace asio = boost::asio;

int main()
{
    passage::Emulator emulator;

    passage::Config config;
    config.app_id = emulator.app_id();
    config.api_key = emulator.api_key();
    config.base_url = emulator.base_url();
    config.tls.ca_pem = emulator.ca_pem();

    asio::io_context context;
    passage::Client psg{context, config};
    auto outcome = asio::co_spawn(context, psg.create_user(passage::CreateUserRequest{}.email("jane@example.com")),
                                  asio::use_future);
    context.run();

    const passage::expected<passage::UserInfo> user = outcome.get();
    if (!user) {
        std::cerr << user.error() << '\n';
        return 1;
    }
    std::cout << user->email << '\n';
    return user->email == "jane@example.com" ? 0 : 1;
}
