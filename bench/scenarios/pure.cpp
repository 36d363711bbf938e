// What needs no network: the harness itself, and parts of the library.

#include "load.hpp"
#include "peers/dom.hpp"
#include "pool/pool_fsm.hpp"
#include "scenario.hpp"
#include "user_document.hpp"
#include "json/decode.hpp"

#include <chrono>
#include <stdexcept>

namespace passage::bench {
namespace {

template <class Work>
Report repeat(const Settings& settings, Work work)
{
    for (std::size_t i = 0; i < settings.warm_up; ++i)
        work();
    const Usage usage = Meter{}.measure([&] {
        for (std::size_t i = 0; i < settings.requests; ++i)
            work();
    });
    return Report{settings.requests, usage};
}

} // namespace

Report no_operation(const Settings& settings)
{
    asio::io_context context{1};
    return measure_calls(
        context, settings, settings.connections,
        [](std::size_t, std::size_t number) -> asio::awaitable<std::size_t> { co_return number; },
        [](std::size_t number, std::size_t result) -> std::optional<std::string> {
            if (number == result)
                return std::nullopt;
            return "another one's answer";
        });
}

Report decode(const Settings& settings)
{
    Report report = repeat(settings, [] {
        const expected<UserInfo> user = json::decode_user(user_document);
        if (!user || user->recent_events.size() != 1)
            throw std::runtime_error{"the user was not decoded"};
    });
    // What a caller who wants a user can't do without: a copy asks for as much as the user itself holds.
    const expected<UserInfo> user = json::decode_user(user_document);
    const HeapUse before = heap_use();
    const UserInfo copy = *user;
    report.values["allocations_of_the_user"] = static_cast<double>((heap_use() - before).allocations);
    return report;
}

Report decode_dom(const Settings& settings)
{
    return repeat(settings, [] { parse_into_dom(user_document); });
}

Report decode_monotonic_dom(const Settings& settings)
{
    return repeat(settings, [] { parse_into_monotonic_dom(user_document); });
}

Report pool_only(const Settings& settings)
{
    using namespace std::chrono;
    pool::TimePoint now = steady_clock::now();
    pool::PoolFsm fsm{{settings.connections, 1, hours{1}, 1, 1}};
    const auto drain = [&] {
        while (const auto action = fsm.next_action()) {
            if (action->kind == pool::PoolAction::Kind::dial)
                fsm.dialled(action->slot, now, now + hours{24}, 1, false);
        }
    };
    pool::Waiter waiter;
    if (!fsm.enqueue(waiter))
        throw std::runtime_error{"the pool turned a call away"};
    drain();
    fsm.released(waiter.slot.value(), now);
    return repeat(settings, [&] {
        now += microseconds{10};
        const std::optional<pool::Slot> slot = fsm.take_place(now);
        drain();
        fsm.released(slot.value(), now);
        drain();
    });
}

} // namespace passage::bench
