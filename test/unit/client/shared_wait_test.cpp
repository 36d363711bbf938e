#include "client/shared_wait.hpp"

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

using passage::client::SharedWait;
namespace asio = boost::asio;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(shared_wait)

BOOST_AUTO_TEST_CASE(it_may_finish_on_any_thread_while_others_begin_to_wait)
{
    asio::thread_pool pool{4};
    std::mutex mutex;
    auto current = std::make_shared<SharedWait>(pool.get_executor());
    const auto replace = [&](std::shared_ptr<SharedWait> next) {
        const std::lock_guard lock{mutex};
        return std::exchange(current, std::move(next));
    };
    const auto join = [&]() -> std::shared_ptr<SharedWait> {
        const std::lock_guard lock{mutex};
        return current;
    };
    constexpr int callers = 16;
    constexpr int waits = 2'000;
    std::atomic<int> finished{0};
    std::atomic<int> under_way{callers};
    const auto wait = [&](SharedWait::Clock::time_point deadline) -> asio::awaitable<void> {
        for (int i = 0; i < waits; ++i)
            finished += co_await SharedWait::wait(join(), deadline) == SharedWait::End::finished;
    };
    std::list<asio::cancellation_signal> signals; // connected, and never emitted
    for (int i = 0; i < callers; ++i) {
        const auto deadline = i % 2 == 0 ? SharedWait::Clock::now() + 1h : SharedWait::Clock::time_point::max();
        asio::co_spawn(
            pool, wait(deadline),
            asio::bind_cancellation_slot(signals.emplace_back().slot(), [&](std::exception_ptr) { --under_way; }));
    }
    while (under_way > 0)
        replace(std::make_shared<SharedWait>(pool.get_executor()))->finish();
    pool.join();
    BOOST_TEST(finished == callers * waits);
}

BOOST_AUTO_TEST_SUITE_END()
