#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace passage::bench {

/// How often which time was seen, to 1.6 %; adding allocates nothing. Any thread may add at any time.
class Histogram
{
public:
    void add(std::chrono::nanoseconds time) noexcept
    {
        const auto value = static_cast<std::uint64_t>(time.count() < 0 ? 0 : time.count());
        counts_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    }

    void add(const Histogram& other) noexcept
    {
        for (std::size_t i = 0; i < counts_.size(); ++i)
            counts_[i].fetch_add(other.counts_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    /// The time that a share of all did not exceed, in nanoseconds; 0 if there are none.
    std::uint64_t percentile(double share) const noexcept
    {
        std::uint64_t all = 0;
        for (const auto& each : counts_)
            all += each.load(std::memory_order_relaxed);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i].load(std::memory_order_relaxed);
            if (seen > 0 && static_cast<double>(seen) >= share * static_cast<double>(all))
                return end_of(i);
        }
        return 0;
    }

private:
    static constexpr unsigned fine_bits = 6; // buckets to each power of two, as a power of two

    // Below 2^fine_bits each value has its own bucket; above, values that agree in their fine_bits + 1 highest bits.
    static std::size_t bucket_of(std::uint64_t value) noexcept
    {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned dropped = width > fine_bits + 1 ? width - fine_bits - 1 : 0;
        return (std::size_t{dropped} << fine_bits) + static_cast<std::size_t>(value >> dropped);
    }

    /// The highest value of a bucket.
    static std::uint64_t end_of(std::size_t bucket) noexcept
    {
        constexpr std::size_t fine = std::size_t{1} << fine_bits;
        const std::size_t dropped = bucket < 2 * fine ? 0 : bucket / fine - 1;
        return ((std::uint64_t{bucket - dropped * fine} + 1) << dropped) - 1;
    }

    std::array<std::atomic<std::uint64_t>, (64 - fine_bits + 1) << fine_bits> counts_{};
};

} // namespace passage::bench
