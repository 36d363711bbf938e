#include "client/flight.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

using passage::client::Flight;
namespace asio = boost::asio;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(flight)

BOOST_AUTO_TEST_CASE(it_may_land_on_any_thread_while_others_begin_to_wait)
{
    asio::thread_pool pool{4};
    std::mutex mutex;
    auto current = std::make_shared<Flight>(pool.get_executor());
    const auto take_off = [&](std::shared_ptr<Flight> next) {
        const std::lock_guard lock{mutex};
        return std::exchange(current, std::move(next));
    };
    const auto join = [&]() -> std::shared_ptr<Flight> {
        const std::lock_guard lock{mutex};
        return current;
    };
    constexpr int callers = 16;
    constexpr int waits = 2'000;
    std::atomic<int> landed{0};
    std::atomic<int> under_way{callers};
    const auto wait = [&](Flight::Clock::time_point deadline) -> asio::awaitable<void> {
        for (int i = 0; i < waits; ++i)
            landed += co_await Flight::landing(join(), deadline) == Flight::End::landed;
    };
    std::list<asio::cancellation_signal> signals; // connected, and never emitted
    for (int i = 0; i < callers; ++i) {
        const auto deadline = i % 2 == 0 ? Flight::Clock::now() + 1h : Flight::Clock::time_point::max();
        asio::co_spawn(
            pool, wait(deadline),
            asio::bind_cancellation_slot(signals.emplace_back().slot(), [&](std::exception_ptr) { --under_way; }));
    }
    while (under_way > 0)
        take_off(std::make_shared<Flight>(pool.get_executor()))->land();
    pool.join();
    BOOST_TEST(landed == callers * waits);
}

BOOST_AUTO_TEST_SUITE_END()
