// What needs no network: the harness itself, and parts of the library.

#include "load.hpp"
#include "pool/pool_fsm.hpp"
#include "scenario.hpp"
#include "json/decode.hpp"

#include <boost/json/parse.hpp>

#include <chrono>
#include <stdexcept>

namespace passage::bench {
namespace {

/// A user of 1.1 KB, as served.
constexpr std::string_view user_document =
    R"({"user":{"id":"h7dOU3v2QkrhVNcdBuTKCzpE","created_at":"2023-01-20T15:04:05.123456Z",)"
    R"("updated_at":"2024-03-11T09:21:44.001827Z","last_login_at":"2024-03-11T09:21:43.998112Z",)"
    R"("email":"jane.doe@example.com","email_verified":true,"phone":"+15005550006","phone_verified":false,)"
    R"("external_id":"","login_count":42,"status":"active","webauthn":true,"webauthn_types":["passkey"],)"
    R"("webauthn_devices":[{"id":"Xk29dLwq0PzR","cred_id":"m5gxRWC3kI9sJ2q8VnB0Tw","friendly_name":"Chrome on Mac",)"
    R"("type":"passkey","usage_count":17,"created_at":"2023-01-20T15:05:00Z","updated_at":"2024-03-11T09:21:43Z",)"
    R"("last_login_at":"2024-03-11T09:21:43Z","icons":{"light":null,"dark":null}}],"recent_events":[)"
    R"({"id":"evt_8aT3","type":"passkey_login","action":"login","status":"complete",)"
    R"("created_at":"2024-03-11T09:21:43Z","completed_at":"2024-03-11T09:21:44Z","ip_addr":"203.0.113.17",)"
    R"("user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",)"
    R"("user_agent_display":"Chrome on Mac","social_login_type":null}],"social_connections":{},)"
    R"("user_metadata":{"plan":"pro","seats":5,"beta":true}}})";

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
    return repeat(settings, [] {
        const boost::json::value user = boost::json::parse(user_document);
        if (user.at("user").at("recent_events").as_array().size() != 1)
            throw std::runtime_error{"the user was not parsed"};
    });
}

Report pool_only(const Settings& settings)
{
    using namespace std::chrono;
    pool::TimePoint now = steady_clock::now();
    pool::PoolFsm fsm{{settings.connections, 1, hours{1}}};
    const auto drain = [&] {
        while (const auto action = fsm.next_action()) {
            if (action->kind == pool::PoolAction::Kind::dial)
                fsm.dialled(action->slot, now, now + hours{24});
        }
    };
    pool::Waiter waiter;
    if (!fsm.enqueue(waiter))
        throw std::runtime_error{"the pool turned a call away"};
    drain();
    fsm.released(waiter.slot.value(), now);
    return repeat(settings, [&] {
        now += microseconds{10};
        const std::optional<pool::Slot> slot = fsm.take_idle(now);
        drain();
        fsm.released(slot.value(), now);
        drain();
    });
}

} // namespace passage::bench
