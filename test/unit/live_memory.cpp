#include "live_memory.hpp"

#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

std::size_t live = 0;
std::size_t most = 0;

} // namespace

// In place of the standard library's, for the whole program; the other forms come down to these.
void* operator new(std::size_t size)
{
    void* const block = std::malloc(size);
    if (!block)
        throw std::bad_alloc{};
    live += malloc_usable_size(block);
    most = live > most ? live : most;
    return block;
}

void operator delete(void* block) noexcept
{
    live -= malloc_usable_size(block);
    std::free(block);
}

void operator delete(void* block, std::size_t) noexcept
{
    operator delete(block);
}

namespace passage::test {

LiveMemory::LiveMemory() noexcept : before_{live}
{
    most = live;
}

std::size_t LiveMemory::peak() const noexcept
{
    return most - before_;
}

} // namespace passage::test
