// One client of the emulator among many that mean no good: its calls must all be answered, and soon.

#include "runs.hpp"
#include "support/hostile_clients.hpp"

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;
using test::Attack;
using test::HostileClients;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t calls_alone = 500;
constexpr Milliseconds bound{50};
/// In a build with a sanitizer, and on a machine with other work, the client alone is slow already.
constexpr double times_alone = 50;
constexpr std::chrono::seconds stop_bound{10};

Milliseconds percentile_99(std::vector<Milliseconds> times)
{
    if (times.empty())
        return Milliseconds{0};
    const auto place = times.begin() + static_cast<std::ptrdiff_t>(times.size() * 99 / 100);
    std::nth_element(times.begin(), place, times.end());
    return *place;
}

class HostileRun
{
public:
    explicit HostileRun(const Bounds& bounds) : bounds_{bounds} {}

    bool operator()()
    {
        const Milliseconds alone = percentile_99(call(calls_alone));

        HostileClients hostile{emulator_.port()};
        for (const Attack attack : {Attack::empty_lines, Attack::header, Attack::after_the_end, Attack::requests,
                                    Attack::body, Attack::key_updates, Attack::broken_handshake})
            hostile.add(attack, 2);
        for (const Attack attack : {Attack::trickle, Attack::silence, Attack::broken_request})
            hostile.add(attack, 20);
        const auto steps = [&](std::size_t attack) { return hostile.steps(static_cast<Attack>(attack)); };
        for (std::size_t attack = 0; attack < test::attack_count; ++attack) {
            while (steps(attack) == 0)
                std::this_thread::yield();
        }

        const std::vector<Milliseconds> times = call(bounds_.calls);
        const Milliseconds among_attacks = percentile_99(times);
        std::printf("hostile-clients: %zu calls, p99 %.2f ms, %.2f ms alone\n  attacks:", times.size(),
                    among_attacks.count(), alone.count());
        for (std::size_t attack = 0; attack < test::attack_count; ++attack)
            std::printf(" %s %llu,", test::attack_names[attack], static_cast<unsigned long long>(steps(attack)));
        std::printf(" connections %llu\n", static_cast<unsigned long long>(emulator_.connections_accepted()));
        if (times.empty() || among_attacks > std::max(bound, times_alone * alone))
            wrong("calls take too long");

        const auto begin = Clock::now();
        emulator_.stop();
        if (Clock::now() - begin > stop_bound)
            wrong("the emulator takes too long to stop");
        return good_;
    }

private:
    Config config() const
    {
        Config config;
        config.app_id = emulator_.app_id();
        config.api_key = emulator_.api_key();
        config.base_url = emulator_.base_url();
        config.tls.ca_pem = emulator_.ca_pem();
        config.retry.max_attempts = 1;
        return config;
    }

    void wrong(const std::string& what)
    {
        good_ = false;
        std::cout << "  WRONG: " << what << '\n';
    }

    /// Makes calls one after the other; how long each took.
    std::vector<Milliseconds> call(std::size_t count)
    {
        asio::io_context context{1};
        Client client{context, config()};
        std::vector<Milliseconds> times;
        const auto caller = [&]() -> asio::awaitable<void> {
            while (times.size() < count && Clock::now() < bounds_.end && good_) {
                const auto begin = Clock::now();
                const expected<UserInfo> user = co_await client.get_user(user_);
                times.emplace_back(Clock::now() - begin);
                if (!user)
                    wrong(user.error().message);
                else if (user->id != user_)
                    wrong("another user");
            }
        };
        asio::co_spawn(context, caller, [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
        context.run();
        return times;
    }

    const Bounds& bounds_;
    Emulator emulator_;
    std::string user_ = emulator_.plant_user(R"({"email":"jane.doe@example.com"})");
    bool good_ = true;
};

} // namespace

bool run_hostile_clients(const Bounds& bounds)
{
    return HostileRun{bounds}();
}

} // namespace passage::stress
