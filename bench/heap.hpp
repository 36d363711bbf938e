#pragma once

#include <cstdint>

namespace passage::bench {

/// What was asked of the heap: by operator new, by malloc and its kin, in whatever library.
struct HeapUse
{
    std::uint64_t allocations = 0;
    std::uint64_t bytes = 0;

    HeapUse& operator+=(const HeapUse& other)
    {
        allocations += other.allocations;
        bytes += other.bytes;
        return *this;
    }
    friend HeapUse operator-(HeapUse left, const HeapUse& right)
    {
        left.allocations -= right.allocations;
        left.bytes -= right.bytes;
        return left;
    }
};

/// What the calling thread has asked for since its start.
HeapUse heap_use() noexcept;

} // namespace passage::bench
