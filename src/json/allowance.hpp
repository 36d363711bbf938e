#pragma once

#include <algorithm>
#include <cstddef>

namespace passage::json {

/// What reading a body may hold in memory, unless a configuration says otherwise.
inline constexpr std::size_t default_limit = 64 * 1024 * 1024;
/// What reading any body may hold. Small ones need more than their size suggests.
inline constexpr std::size_t small_limit = 1024 * 1024;

/// Counts the memory that reading a body takes: what is taken is not given back, but for blocks that larger ones
/// replace.
class Allowance
{
public:
    /// Eight times the body, or a small body's share if that is more; but no more than the limit.
    Allowance(std::size_t body_size, std::size_t limit) noexcept
        : limit_{std::min(limit, std::max(small_limit, body_size > limit / 8 ? limit : 8 * body_size))}, left_{limit_}
    {}

    std::size_t limit() const noexcept { return limit_; }

    /// Takes so many bytes; false if they are more than is left.
    bool take(std::size_t bytes) noexcept
    {
        if (bytes > left_)
            return false;
        left_ -= bytes;
        return true;
    }

    /// Takes what a block of the heap of so many bytes costs.
    bool take_block(std::size_t bytes) noexcept { return take(bytes + block_overhead); }

    /// Has a block replaced by a larger one; for a moment there are both.
    bool replace(std::size_t smaller, std::size_t larger) noexcept
    {
        if (!take_block(larger))
            return false;
        left_ += smaller;
        return true;
    }

    /// Counts the growth of a vector or a string to so many elements: it is the double of before if that suffices, as
    /// all standard libraries for the platforms have it.
    template <class Container>
    bool grow(const Container& container, std::size_t size) noexcept
    {
        constexpr std::size_t each = sizeof(typename Container::value_type);
        const std::size_t capacity = container.capacity();
        return size <= capacity || replace(capacity * each, std::max(size, 2 * capacity) * each);
    }

private:
    /// What a heap adds to a block, and rounding.
    static constexpr std::size_t block_overhead = 32;

    const std::size_t limit_;
    std::size_t left_;
};

} // namespace passage::json
