#pragma once

#include <cstddef>

namespace passage::test {

/// Counts the memory allocated (`operator new`) and not freed since its construction. One at a time, in one thread.
class LiveMemory
{
public:
    LiveMemory() noexcept;
    LiveMemory(const LiveMemory&) = delete;
    LiveMemory& operator=(const LiveMemory&) = delete;

    /// The maximum so far, in bytes.
    std::size_t peak() const noexcept;

private:
    std::size_t before_;
};

} // namespace passage::test
