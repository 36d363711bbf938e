#pragma once

#include <cstdint>
#include <initializer_list>

namespace passage::stress {

/// Random numbers that depend on what they are for, not on when they are asked for: whatever order threads and sockets
/// come in, the same seed decides the same for the same call.
class Dice
{
public:
    using result_type = std::uint64_t;

    /// `of`: the seed, and what the numbers are for.
    Dice(std::initializer_list<std::uint64_t> of) noexcept
    {
        for (const std::uint64_t part : of)
            state_ = mix(state_ ^ mix(part + step));
    }

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return ~result_type{0}; }
    result_type operator()() noexcept { return mix(state_ += step); }

    /// From 0 to `end` - 1.
    std::uint64_t below(std::uint64_t end) noexcept { return (*this)() % end; }
    bool chance(unsigned per_mille) noexcept { return below(1000) < per_mille; }

private:
    static constexpr std::uint64_t step = 0x9e3779b97f4a7c15;

    /// SplitMix64's.
    static constexpr std::uint64_t mix(std::uint64_t x) noexcept
    {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    std::uint64_t state_ = 0;
};

} // namespace passage::stress
