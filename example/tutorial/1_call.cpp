#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;

asio::awaitable<void> show_app(passage::Client& psg)
{
    const passage::expected<passage::AppInfo> app = co_await psg.get_app();
    if (app)
        std::cout << "connected to the app " << app->id << '\n';
    else
        std::cerr << app.error() << '\n';
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
    asio::co_spawn(context, show_app(psg), asio::detached);
    context.run();
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
