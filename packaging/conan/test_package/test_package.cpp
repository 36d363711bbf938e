#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <iostream>

namespace asio = boost::asio;

// The library refuses this call itself, so no service is needed.
int main()
{
    passage::Config config;
    config.app_id = "package";
    config.api_key = passage::Secret{"unused"};
    config.base_url = "https://localhost:1/v1";

    asio::io_context context;
    passage::Client psg{context, config};
    auto outcome = asio::co_spawn(context, psg.create_user(passage::CreateUserRequest{}), asio::use_future);
    context.run();
    const passage::expected<passage::UserInfo> user = outcome.get();
    std::cout << "passage " PASSAGE_VERSION << (user ? "" : ": " + user.error().message) << '\n';
    return !user && user.error().code == passage::Errc::invalid_argument ? 0 : 1;
}
