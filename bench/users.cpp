#include "users.hpp"

#include "load.hpp"

#include <passage/passage.hpp>

#include <stdexcept>

namespace passage::bench {

std::vector<KnownUser> find_users(const Config& config, std::size_t most)
{
    asio::io_context context;
    Client client{context, config};
    std::vector<KnownUser> users;
    const auto ask = [&]() -> asio::awaitable<void> {
        UserRange range = client.users(ListUsersRequest{}.limit(500));
        while (users.size() < most) {
            const auto user = co_await range.next();
            if (!user)
                throw std::runtime_error{to_string(user.error())};
            if (!*user)
                break;
            users.push_back({(*user)->id, (*user)->email});
        }
    };
    asio::co_spawn(context, ask, rethrow);
    context.run();
    if (users.empty())
        throw std::runtime_error{"the service has no users to ask for"};
    return users;
}

} // namespace passage::bench
