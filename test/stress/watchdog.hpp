#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace passage::stress {

/// Ends the program when nothing ended for long: something hangs.
class Watchdog
{
public:
    /// `describe` prints what is under way; it may read what other threads write, as nothing moves any more.
    explicit Watchdog(std::function<void()> describe) : describe_{std::move(describe)}, thread_{[this] { watch(); }} {}

    ~Watchdog()
    {
        {
            const std::lock_guard lock{mutex_};
            stopped_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    /// Something ended. Any thread.
    void tick() noexcept { ticks_.fetch_add(1, std::memory_order_relaxed); }

private:
    static constexpr std::chrono::seconds patience{120};

    void watch()
    {
        std::unique_lock lock{mutex_};
        std::uint64_t seen = 0;
        while (!changed_.wait_for(lock, patience, [this] { return stopped_; })) {
            const std::uint64_t now = ticks_.load(std::memory_order_relaxed);
            if (now == seen) {
                std::printf("  WRONG: nothing ended for %d seconds\n", static_cast<int>(patience.count()));
                describe_();
                std::fflush(stdout);
                std::_Exit(1);
            }
            seen = now;
        }
    }

    std::function<void()> describe_;
    std::atomic<std::uint64_t> ticks_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace passage::stress
