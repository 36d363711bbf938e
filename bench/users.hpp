#pragma once

#include <passage/client.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace passage::bench {

/// A user that the service has, by what each answer is checked against.
struct KnownUser
{
    std::string id;
    std::string email;
};

/// Users of the service, as many as asked for if it has them. Throws `runtime_error` if it has none.
std::vector<KnownUser> find_users(const Config& config, std::size_t most = 500);

/// What is wrong with an answer about a user.
template <class User>
std::optional<std::string> wrong_user(const KnownUser& expected, const User& user)
{
    if (user.id == expected.id && user.email == expected.email)
        return std::nullopt;
    return "user " + expected.id + " was asked for and " + user.id + " came";
}

template <class User>
std::optional<std::string> wrong_user(const KnownUser& known, const expected<User>& user)
{
    return user ? wrong_user(known, *user) : to_string(user.error());
}

} // namespace passage::bench
