#pragma once

#include <cstddef>
#include <string_view>

namespace passage::test {

/// Searches all memory that is freed (`operator delete`) during its lifetime for a text that should have been wiped.
/// One at a time, in one thread.
class FreedMemory
{
public:
    /// `text` must stay where it is.
    explicit FreedMemory(std::string_view text) noexcept;
    ~FreedMemory();
    FreedMemory(const FreedMemory&) = delete;
    FreedMemory& operator=(const FreedMemory&) = delete;

    /// Blocks freed so far.
    std::size_t blocks() const noexcept;
    /// Blocks freed so far that contained the text.
    std::size_t showing() const noexcept;
};

} // namespace passage::test
