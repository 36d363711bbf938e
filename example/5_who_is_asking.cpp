// Says whose token PASSAGE_TOKEN contains, as a server does for the token of a request. The emulator issues
// tokens: doc/emulator.md, "Tokens".

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

namespace {

/// Returns the status for a request that has this `Authorization` field.
asio::awaitable<int> answer(passage::Authenticator& authenticator, std::string authorization)
{
    const auto claims = co_await authenticator.authenticate_request(authorization, "");
    if (claims) {
        std::cout << "200: " << claims->user_id << " is signed in\n";
        co_return 200;
    }
    // If the token is refused, the user must sign in again (401). If no keys are available, the server has failed
    // (503).
    const int status = passage::is_token_refused(claims.error()) ? 401 : 503;
    std::cout << status << ": " << claims.error() << '\n';
    co_return status;
}

asio::awaitable<bool> work(passage::Authenticator& authenticator, std::string token)
{
    const int good = co_await answer(authenticator, "Bearer " + token);
    const int none = co_await answer(authenticator, "");
    const int forged = co_await answer(authenticator, "Bearer " + token.substr(0, token.rfind('.')) + ".Zm9yZ2Vk");
    co_return good == 200 && none == 401 && forged == 401;
}

} // namespace

int main()
try {
    const char* const token = std::getenv("PASSAGE_TOKEN");
    auto config = passage::Config::from_environment();
    if (!config || !token) {
        std::cerr << (config ? "the environment variable PASSAGE_TOKEN is not set" : to_string(config.error())) << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Authenticator authenticator{context, *config};
    bool good = false;
    asio::co_spawn(context, work(authenticator, token), [&](std::exception_ptr error, bool expected) {
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
