// Creates, reads and deletes a few hundred users, several at a time, and shows the progress.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;

namespace {

asio::awaitable<bool> work(passage::Client& client)
{
    std::vector<passage::CreateUserRequest> requests;
    for (int i = 0; i < 300; ++i)
        requests.push_back(passage::CreateUserRequest{}.email("user" + std::to_string(i) + "@import.example"));

    passage::BatchOptions options;
    options.window(32).on_progress([](const passage::BatchProgress& now) {
        if (now.done % 100 == 0)
            std::cout << now.done << " done, " << now.failed << " failed\n";
    });
    std::cout << "creating\n";
    const auto users = co_await passage::create_users(client, requests, options);
    std::vector<std::string> ids;
    for (const auto& user : users)
        if (user)
            ids.push_back(user->id);
        else
            std::cerr << user.error() << '\n';

    // The range may be of any length. Results are delivered one by one.
    std::cout << "reading\n";
    std::size_t pending = 0;
    auto read = [&](const std::string& id, const passage::CallOptions& call) { return client.get_user(id, call); };
    auto count = [&](std::size_t, passage::expected<passage::UserInfo>&& user) {
        pending += user && user->status == passage::UserStatus::pending;
    };
    const passage::BatchSummary summary = co_await passage::for_each(ids, read, count, options);
    std::cout << pending << " of " << summary.done << " have not signed in yet\n";

    std::cout << "deleting\n";
    const auto results = co_await passage::delete_users(client, ids, options);
    std::size_t deleted = 0;
    for (const auto& result : results)
        deleted += result.has_value();
    co_return deleted == 300;
}

} // namespace

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
    asio::co_spawn(context, work(client), [&](std::exception_ptr error, bool all) {
        if (error)
            std::rethrow_exception(error);
        good = all;
    });
    context.run();
    return good ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
