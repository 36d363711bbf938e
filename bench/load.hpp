#pragma once

#include "report.hpp"
#include "settings.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>

namespace passage::bench {

namespace asio = boost::asio;

inline void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

/// Makes so many calls in a closed loop: each caller begins its next call when its last one has ended.
///
/// `begin(caller, number)` is an awaitable of a result, and `wrong(number, result)` an `optional<string>`: what is
/// wrong with it. With a rate, a call's time counts from when it was due, so that a server which holds up callers does
/// not hide that from them.
template <class Begin, class Wrong>
class Load
{
public:
    Load(std::size_t calls, double rate, Begin begin, Wrong wrong)
        : calls_{calls}, rate_{rate}, begin_{std::move(begin)}, wrong_{std::move(wrong)}
    {}

    void spawn(asio::io_context& context, std::size_t callers)
    {
        for (std::size_t i = 0; i < callers; ++i)
            asio::co_spawn(context, call(i), rethrow);
    }

    const Tally& tally() const { return tally_; }

    /// From the beginning to the end of the last call so far. A context may have other things to do after that.
    std::chrono::nanoseconds duration() const { return last_end_.load() - start_; }

private:
    using Clock = std::chrono::steady_clock;

    asio::awaitable<void> call(std::size_t caller)
    {
        for (std::size_t number = next_++; number < calls_; number = next_++) {
            if (rate_ > 0)
                co_await until(due(number));
            const Clock::time_point from = rate_ > 0 ? due(number) : Clock::now();
            const auto result = co_await begin_(caller, number);
            tally_.latency.add(Clock::now() - from);
            if (std::optional<std::string> what = wrong_(number, result))
                tally_.fail(std::move(*what));
        }
        last_end_ = Clock::now();
    }

    Clock::time_point due(std::size_t number) const
    {
        const std::chrono::duration<double> after{static_cast<double>(number) / rate_};
        return start_ + std::chrono::duration_cast<Clock::duration>(after);
    }

    static asio::awaitable<void> until(Clock::time_point time)
    {
        asio::steady_timer timer{co_await asio::this_coro::executor, time};
        co_await timer.async_wait(asio::use_awaitable);
    }

    std::size_t calls_;
    double rate_;
    Begin begin_;
    Wrong wrong_;
    Clock::time_point start_ = Clock::now();
    std::atomic<Clock::time_point> last_end_{start_};
    // What threads write is on lines of its own, so that nobody waits who only reads.
    alignas(64) std::atomic<std::size_t> next_{0};
    alignas(64) Tally tally_;
};

/// Warms up and measures calls that run on one thread.
template <class Begin, class Wrong>
Report measure_calls(asio::io_context& context, const Settings& settings, std::size_t callers, const Begin& begin,
                     const Wrong& wrong)
{
    const auto run = [&](std::size_t calls) {
        Load<Begin, Wrong> load{calls, settings.rate, begin, wrong};
        load.spawn(context, callers);
        Usage usage = Meter{settings.server}.measure([&] {
            context.restart();
            context.run();
        });
        usage.wall = load.duration();
        return Report{calls, load.tally(), usage};
    };
    if (settings.warm_up > 0) {
        Report report = run(settings.warm_up);
        if (report.errors > 0)
            return report;
    }
    return run(settings.requests);
}

} // namespace passage::bench
