// Calls on two threads.

#include "load.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <passage/passage.hpp>

#include <algorithm>
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

    std::vector<std::unique_ptr<asio::io_context>> contexts;
    std::vector<Client> all;
    for (std::size_t i = 0; i < clients; ++i) {
        contexts.push_back(std::make_unique<asio::io_context>(static_cast<int>(threads_each)));
        all.emplace_back(*contexts.back(), settings.config);
    }

    const auto wrong = [&](std::size_t number, const expected<UserInfo>& result) {
        return wrong_user(user(number), result);
    };
    const auto run = [&](std::size_t calls) {
        // A load for each client: threads that have nothing in common are not to meet in the harness.
        const auto begin_with = [&](Client& client) {
            return [&](std::size_t, std::size_t number) { return client.get_user(user(number).id); };
        };
        using LoadOfOne = Load<decltype(begin_with(all.front())), decltype(wrong)>;
        std::vector<std::unique_ptr<LoadOfOne>> loads;
        std::vector<std::function<void()>> work;
        for (std::size_t i = 0; i < clients; ++i) {
            loads.push_back(std::make_unique<LoadOfOne>(calls / clients, settings.rate / static_cast<double>(clients),
                                                        begin_with(all[i]), wrong));
            loads.back()->spawn(*contexts[i], settings.connections);
            contexts[i]->restart();
            for (std::size_t thread = 0; thread < threads_each; ++thread)
                work.emplace_back([&context = *contexts[i]] { context.run(); });
        }
        Usage usage = Meter{settings.server}.measure(work);
        Tally tally;
        for (const auto& load : loads) {
            usage.wall = std::max(usage.wall, load->duration());
            tally.add(load->tally());
        }
        return Report{calls / clients * clients, tally, usage};
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
