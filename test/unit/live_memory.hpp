#pragma once

#include <cstddef>

namespace passage::test {

/// Counts the memory that is in use (`operator new`) beyond what was when it was made. One at a time, in one thread.
class LiveMemory
{
public:
    LiveMemory() noexcept;
    LiveMemory(const LiveMemory&) = delete;
    LiveMemory& operator=(const LiveMemory&) = delete;

    /// The most bytes at a time so far.
    std::size_t peak() const noexcept;

private:
    std::size_t before_;
};

} // namespace passage::test
