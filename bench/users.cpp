#include "users.hpp"

#include "load.hpp"

#include <passage/passage.hpp>

#include <stdexcept>

namespace passage::bench {

std::vector<KnownUser> find_users(const Config& config)
{
    asio::io_context context;
    Client client{context, config};
    expected<UserPage> page;
    const auto ask = [&]() -> asio::awaitable<void> {
        page = co_await client.list_users(ListUsersRequest{}.limit(500));
    };
    asio::co_spawn(context, ask, rethrow);
    context.run();
    if (!page)
        throw std::runtime_error{to_string(page.error())};
    if (page->users.empty())
        throw std::runtime_error{"the service has no users to ask for"};
    std::vector<KnownUser> users;
    for (const UserSummary& user : page->users)
        users.push_back({user.id, user.email});
    return users;
}

} // namespace passage::bench
