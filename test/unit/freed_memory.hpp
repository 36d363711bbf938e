#pragma once

#include <cstddef>
#include <string_view>

namespace passage::test {

/// Looks into memory that is given back (`operator delete`) while it lives: what is found there was not wiped. One at a
/// time, in one thread.
class FreedMemory
{
public:
    /// `text` must stay where it is.
    explicit FreedMemory(std::string_view text) noexcept;
    ~FreedMemory();
    FreedMemory(const FreedMemory&) = delete;
    FreedMemory& operator=(const FreedMemory&) = delete;

    /// Blocks given back so far.
    std::size_t blocks() const noexcept;
    /// Those of them that had the text in them.
    std::size_t showing() const noexcept;
};

} // namespace passage::test
