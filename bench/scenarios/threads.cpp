// Calls on two threads.

#include "load.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <passage/passage.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace passage::bench {
namespace {

constexpr std::size_t thread_count = 2;

/// Calls through so many clients, each on a context of its own; all threads together run all contexts.
Report run_threads(const Settings& settings, std::size_t clients)
{
    const std::vector<KnownUser> users = find_users(settings.config);
    const auto user = [&](std::size_t number) -> const KnownUser& { return users[number % users.size()]; };
    const std::size_t threads_each = thread_count / clients;
    Config config = settings.config;
    config.pool.max_connections = settings.connections / clients;

    std::vector<std::unique_ptr<asio::io_context>> contexts;
    std::vector<Client> all;
    for (std::size_t i = 0; i < clients; ++i) {
        contexts.push_back(std::make_unique<asio::io_context>(static_cast<int>(threads_each)));
        all.emplace_back(*contexts.back(), config);
    }

    const auto run = [&](std::size_t calls) {
        Load load{
            calls, settings.rate,
            [&](std::size_t caller, std::size_t number) { return all[caller % clients].get_user(user(number).id); },
            [&](std::size_t number, const expected<UserInfo>& result) { return wrong_user(user(number), result); }};
        for (std::size_t i = 0; i < settings.connections; ++i)
            load.spawn_one(*contexts[i % clients], i);
        std::vector<std::function<void()>> work;
        for (const auto& context : contexts) {
            context->restart();
            for (std::size_t i = 0; i < threads_each; ++i)
                work.emplace_back([&context = *context] { context.run(); });
        }
        Usage usage = Meter{settings.server}.measure(work);
        usage.wall = load.duration();
        return Report{calls, load.tally(), usage};
    };
    run(settings.warm_up);
    return run(settings.requests);
}

} // namespace

Report threads_one_client(const Settings& settings)
{
    return run_threads(settings, 1);
}

Report threads_own_clients(const Settings& settings)
{
    return run_threads(settings, thread_count);
}

} // namespace passage::bench
