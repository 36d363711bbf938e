// Calls over the network, on one thread.

#include "load.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <passage/passage.hpp>

#include <chrono>
#include <random>

namespace passage::bench {
namespace {

/// A connection lives only for the call that it was made for.
Config with_new_connections(const Settings& settings)
{
    Config config = settings.config;
    config.pool.max_lifetime = std::chrono::milliseconds{0};
    return config;
}

Report get_users(const Settings& settings, const Config& config, std::size_t callers)
{
    const std::vector<KnownUser> users = find_users(config);
    asio::io_context context{1};
    Client client{context, config};
    const auto user = [&](std::size_t number) -> const KnownUser& { return users[number % users.size()]; };
    Report report = measure_calls(
        context, settings, callers, [&](std::size_t, std::size_t number) { return client.get_user(user(number).id); },
        [&](std::size_t number, const expected<UserInfo>& result) { return wrong_user(user(number), result); });
    report.values["connections_used"] = static_cast<double>(client.stats().peak_connections);
    report.values["handshakes"] = static_cast<double>(client.stats().connections_made);
    return report;
}

/// Addresses that no earlier run has taken.
class NewAddresses
{
public:
    std::string operator()(std::size_t number) const
    {
        return "bench-" + run_ + "-" + std::to_string(number) + "@example.com";
    }

private:
    std::string run_ = std::to_string(std::random_device{}());
};

/// Creates a user in `creations` of ten calls, and reads one in the others.
Report create_and_get(const Settings& settings, std::size_t creations)
{
    const std::vector<KnownUser> users = find_users(settings.config);
    asio::io_context context{1};
    Client client{context, settings.config};
    // The warm-up's addresses are others than those of the calls that are measured.
    const auto creates = [&](std::size_t number) { return number % 10 < creations; };
    std::size_t created = 0;
    const NewAddresses address;
    const auto begin = [&](std::size_t, std::size_t number) {
        if (!creates(number))
            return client.get_user(users[number % users.size()].id);
        return client.create_user(CreateUserRequest{}.email(address(created++)).metadata("plan", "pro"));
    };
    const auto wrong = [&](std::size_t number, const expected<UserInfo>& result) -> std::optional<std::string> {
        if (!creates(number))
            return wrong_user(users[number % users.size()], result);
        if (!result)
            return to_string(result.error());
        if (result->id.empty() || result->user_metadata.at("plan") != "pro")
            return "a user was created otherwise than asked for";
        return std::nullopt;
    };
    return measure_calls(context, settings, settings.connections, begin, wrong);
}

} // namespace

Report get_user(const Settings& settings)
{
    return get_users(settings, settings.config, settings.connections);
}

Report connect_anew(const Settings& settings)
{
    return get_users(settings, with_new_connections(settings), settings.connections);
}

Report connect_unresumed(const Settings& settings)
{
    Config config = with_new_connections(settings);
    config.base_url = settings.unresumed_base_url;
    return get_users(settings, config, settings.connections);
}

Report create_user(const Settings& settings)
{
    return create_and_get(settings, 10);
}

Report mixed(const Settings& settings)
{
    return create_and_get(settings, 1);
}

Report list_users(const Settings& settings)
{
    asio::io_context context{1};
    Client client{context, settings.config};
    const auto begin = [&](std::size_t, std::size_t) { return client.list_users(ListUsersRequest{}.limit(500)); };
    const auto wrong = [&](std::size_t, const expected<UserPage>& page) -> std::optional<std::string> {
        if (!page)
            return to_string(page.error());
        if (page->users.size() != 500 || page->users.back().id.empty())
            return "the page has " + std::to_string(page->users.size()) + " users";
        return std::nullopt;
    };
    return measure_calls(context, settings, settings.connections, begin, wrong);
}

Report queued(const Settings& settings)
{
    return get_users(settings, settings.config, settings.config.pool.max_waiting);
}

Report burst(const Settings& settings)
{
    Settings cold = settings;
    cold.requests = settings.config.pool.max_waiting;
    cold.warm_up = 0;
    Report report = get_users(cold, cold.config, cold.requests);
    report.values["succeeded"] = static_cast<double>(report.requests - report.errors);
    return report;
}

} // namespace passage::bench
