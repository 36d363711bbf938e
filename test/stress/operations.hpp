#pragma once

#include <passage/passage.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace passage::stress {

namespace asio = boost::asio;

/// Every member function of `Client` that makes a call.
enum class Operation {
    get,
    find,
    create,
    update,
    activate,
    deactivate,
    erase,
    erase_device,
    revoke_tokens,
    devices,
    list,
    range,
    link,
    app,
    coalesced,
};
inline constexpr std::size_t operation_count = 15;
inline constexpr std::array<const char*, operation_count> operation_names{
    "get_user",
    "get_user_by_identifier",
    "create_user",
    "update_user",
    "activate_user",
    "deactivate_user",
    "delete_user",
    "delete_user_device",
    "revoke_user_refresh_tokens",
    "list_user_devices",
    "list_users",
    "users",
    "create_magic_link",
    "get_app",
    "coalesced_get_user",
};

inline const char* name_of(Operation operation)
{
    return operation_names[static_cast<std::size_t>(operation)];
}

inline std::string id_of(std::size_t number)
{
    return "u" + std::to_string(number);
}

inline std::string email_of(std::size_t number)
{
    return std::to_string(number) + "@example.com";
}

/// With metadata so large that it is not sent at once, or little.
inline CreateUserRequest creation(std::size_t number, bool large)
{
    return CreateUserRequest{}.email(email_of(number)).metadata("text", std::string(large ? 40'000 : 4, 'x'));
}

inline UpdateUserRequest update(bool large)
{
    return UpdateUserRequest{}.metadata("text", std::string(large ? 40'000 : 4, 'x'));
}

/// The ids of a range.
inline asio::awaitable<expected<std::vector<std::string>>> all(UserRange users)
{
    co_await asio::this_coro::throw_if_cancelled(false); // it is an error of `next`
    std::vector<std::string> ids;
    for (;;) {
        const expected<std::optional<UserSummary>> user = co_await users.next();
        if (!user)
            co_return unexpected{user.error()};
        if (!*user)
            co_return ids;
        ids.push_back((*user)->id);
    }
}

/// Begins a call about a user of a number, as answers.hpp has it; `take(call, is_own)` takes it. `is_own` tells
/// whether a result is the one asked for. Yields what `take` does.
template <class Take>
auto ask(Client& client, Operation operation, std::size_t number, CallOptions options, bool large, Take take)
{
    const std::string id = id_of(number);
    const auto is_user = [number](const UserInfo& user) {
        return user.email == email_of(number) && user.id == id_of(number);
    };
    const auto is_nothing = [](const auto&...) { return true; };
    if (operation == Operation::coalesced) // with a field of its own it is not shared
        return take(client.coalesced_get_user(id, options), is_user);
    options.header("X-Call", std::to_string(number));
    switch (operation) {
    case Operation::find:
        return take(client.get_user_by_identifier(email_of(number), options), is_user);
    case Operation::create:
        return take(client.create_user(creation(number, large), options), is_user);
    case Operation::update:
        return take(client.update_user(id, update(large), options), is_user);
    case Operation::activate:
        return take(client.activate_user(id, options), is_user);
    case Operation::deactivate:
        return take(client.deactivate_user(id, options), is_user);
    case Operation::erase:
        return take(client.delete_user(id, options), is_nothing);
    case Operation::erase_device:
        return take(client.delete_user_device(id, "d", options), is_nothing);
    case Operation::revoke_tokens:
        return take(client.revoke_user_refresh_tokens(id, options), is_nothing);
    case Operation::devices:
        return take(client.list_user_devices(id, options), [id](const std::vector<WebAuthnDevice>& devices) {
            return devices.size() == 1 && devices.front().id == id + "-d";
        });
    case Operation::list:
        return take(client.list_users(ListUsersRequest{}.page(2).limit(2), options), [id](const UserPage& page) {
            return page.page == 2 && page.users.size() == 2 && page.users.front().id == id + "-2-0";
        });
    case Operation::range:
        return take(all(client.users(ListUsersRequest{}.limit(2), options)), [id](const std::vector<std::string>& ids) {
            return ids == std::vector<std::string>{id + "-1-0", id + "-1-1", id + "-2-0",
                                                   id + "-2-1", id + "-3-0", id + "-3-1"};
        });
    case Operation::link:
        return take(client.create_magic_link(CreateMagicLinkRequest::for_email(email_of(number)), options),
                    [number](const MagicLink& link) { return link.identifier == email_of(number); });
    case Operation::app:
        return take(client.get_app(options), [id](const AppInfo& app) { return app.name == id; });
    case Operation::get:
    case Operation::coalesced:
        break;
    }
    return take(client.get_user(id, options), is_user);
}

} // namespace passage::stress
