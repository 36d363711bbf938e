// What connections and calls hold while nothing happens to them.

#include "load.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <passage/passage.hpp>

#include <algorithm>
#include <stdexcept>

namespace passage::bench {
namespace {

auto get_one(Client& client, const KnownUser& user)
{
    return [&](std::size_t, std::size_t) { return client.get_user(user.id); };
}

auto check_one(const KnownUser& user)
{
    return [&](std::size_t, const expected<UserInfo>& result) { return wrong_user(user, result); };
}

} // namespace

Report idle_memory(const Settings& settings)
{
    const KnownUser user = find_users(settings.config).front();
    asio::io_context context{1};
    Client client{context, settings.config};
    const MemoryUse before = memory_use();
    // As many calls as connections: each has one dialled, and waits while it is.
    Load load{settings.connections, 0, get_one(client, user), check_one(user)};
    load.spawn(context, settings.connections);
    context.run();
    const MemoryUse after = memory_use();
    if (client.stats().idle_connections != settings.connections)
        throw std::runtime_error{"not all connections are idle"};
    return memory_report(after - before, settings.connections, load.tally());
}

Report flight_memory(const Settings& settings)
{
    constexpr std::size_t calls_each = 10;
    const KnownUser user = find_users(settings.config).front();
    asio::io_context context{1};
    Client client{context, settings.config};
    const ResidentPeak peak;
    const std::size_t heap_before = memory_use().heap;
    Load load{calls_each * settings.connections, 0, get_one(client, user), check_one(user)};
    load.spawn(context, settings.connections);
    std::size_t heap = heap_before;
    for (std::size_t turn = 0; context.run_one() != 0; ++turn) {
        if (turn % 100 == 0)
            heap = std::max(heap, memory_use().heap);
    }
    Report report;
    report.errors = load.tally().errors;
    report.first_error = load.tally().first_error();
    report.values = {{"peak_resident_bytes", static_cast<double>(peak.grown())},
                     {"peak_heap_bytes", static_cast<double>(heap - heap_before)},
                     {"connections_used", static_cast<double>(client.stats().peak_connections)},
                     {"handshakes", static_cast<double>(client.stats().connections_made)}};
    return report;
}

Report growth(const Settings& settings)
{
    const KnownUser user = find_users(settings.config).front();
    asio::io_context context{1};
    Client client{context, settings.config};
    const auto run = [&](auto& load) {
        load.spawn(context, settings.connections);
        context.restart();
        context.run();
    };
    Load first{settings.warm_up, 0, get_one(client, user), check_one(user)};
    Load load{settings.requests, 0, get_one(client, user), check_one(user)};
    run(first);
    const MemoryUse before = memory_use();
    run(load);
    const MemoryUse after = memory_use();
    Report report;
    report.requests = settings.requests;
    report.errors = load.tally().errors;
    report.first_error = load.tally().first_error();
    const auto grown = [](std::size_t to, std::size_t from) {
        return static_cast<double>(to) - static_cast<double>(from);
    };
    report.values = {{"resident_growth_bytes", grown(after.resident, before.resident)},
                     {"heap_growth_bytes", grown(after.heap, before.heap)}};
    return report;
}

Report queued_memory(const Settings& settings)
{
    constexpr std::size_t waiting = 10'000;
    Config config = settings.config;
    config.pool.max_waiting = 2 * waiting;
    const KnownUser user = find_users(config).front();
    asio::io_context context{1};
    Client client{context, config};
    // With connections that are open already, waiting is all that is added.
    Load first{settings.connections, 0, get_one(client, user), check_one(user)};
    first.spawn(context, settings.connections);
    context.run();

    const MemoryUse before = memory_use();
    const std::size_t callers = waiting + 2 * settings.connections;
    Load load{callers, 0, get_one(client, user), check_one(user)};
    load.spawn(context, callers);
    context.restart();
    while (client.stats().waiting_calls < waiting) {
        if (context.run_one() == 0)
            throw std::runtime_error{"fewer calls wait than are to be measured"};
    }
    const MemoryUse after = memory_use();
    context.run();
    return memory_report(after - before, waiting, load.tally());
}

} // namespace passage::bench
