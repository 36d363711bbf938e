// A call that the library answers itself: it runs the client's code without a service.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <iostream>

namespace asio = boost::asio;

namespace {

asio::awaitable<passage::expected<passage::UserInfo>> create_nobody(passage::Client& psg)
{
    co_return co_await psg.create_user(passage::CreateUserRequest{}.metadata("plan", "pro"));
}

} // namespace

int main()
{
    passage::Config config;
    config.app_id = "consumer";
    config.api_key = passage::Secret{"psg_canary_5e1f0c9d2b7a4836"};
    config.base_url = "https://localhost:1/v1";

    asio::io_context context;
    passage::Client psg{context, config};
    auto outcome = asio::co_spawn(context, create_nobody(psg), asio::use_future);
    context.run();

    const passage::expected<passage::UserInfo> user = outcome.get();
    if (user) {
        std::cerr << "a user without an identifier was created\n";
        return 1;
    }
    std::cout << "passage " PASSAGE_VERSION ": " << user.error() << '\n';
    return user.error().code == passage::Errc::invalid_argument ? 0 : 1;
}
