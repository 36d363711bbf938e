#pragma once

#include <algorithm>
#include <cstddef>

namespace passage::json {

/// Bytes of memory that decoding a body may use by default.
inline constexpr std::size_t default_limit = 64 * 1024 * 1024;
/// Bytes of memory that decoding any body may use: small bodies need more than their size suggests.
inline constexpr std::size_t small_limit = 1024 * 1024;

/// Limits the memory that decoding a body uses. Nothing is returned to it, except for blocks that are replaced by
/// larger ones.
class Allowance
{
public:
    /// Allows 8 times the body, at least `small_limit`, but never more than `limit`.
    Allowance(std::size_t body_size, std::size_t limit) noexcept
        : limit_{std::min(limit, std::max(small_limit, body_size > limit / 8 ? limit : 8 * body_size))}, left_{limit_}
    {}

    std::size_t limit() const noexcept { return limit_; }

    /// Takes bytes. False if there are not enough left.
    bool take(std::size_t bytes) noexcept
    {
        if (bytes > left_)
            return false;
        left_ -= bytes;
        return true;
    }

    /// Takes the cost of a heap block of a size.
    bool take_block(std::size_t bytes) noexcept { return take(bytes + block_overhead); }

    /// Replaces a block by a larger one. Both exist while the content is moved.
    bool replace(std::size_t smaller, std::size_t larger) noexcept
    {
        if (!take_block(larger))
            return false;
        left_ += smaller;
        return true;
    }

    /// Takes the cost of growing a vector or a string to a number of elements. Assumes that the capacity doubles,
    /// if that is enough, as it does in the standard libraries of all supported platforms.
    template <class Container>
    bool grow(const Container& container, std::size_t size) noexcept
    {
        constexpr std::size_t each = sizeof(typename Container::value_type);
        const std::size_t capacity = container.capacity();
        return size <= capacity || replace(capacity * each, std::max(size, 2 * capacity) * each);
    }

private:
    /// The heap's own data for a block, and rounding.
    static constexpr std::size_t block_overhead = 32;

    const std::size_t limit_;
    std::size_t left_;
};

} // namespace passage::json
