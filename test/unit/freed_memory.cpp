#include "freed_memory.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::string_view sought;
std::size_t freed = 0;
std::size_t shown = 0;

/// Before each block: how many bytes were asked for.
struct alignas(std::max_align_t) Header
{
    std::size_t size;
};

} // namespace

// In place of the standard library's, for the whole program; the other forms come down to these.
void* operator new(std::size_t size)
{
    auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
    if (!header)
        throw std::bad_alloc{};
    header->size = size;
    std::memset(header + 1, 0, size); // what was never written shows nothing
    return header + 1;
}

void operator delete(void* block) noexcept
{
    if (!block)
        return;
    Header* const header = static_cast<Header*>(block) - 1;
    if (!sought.empty()) {
        ++freed;
        const std::string_view bytes{static_cast<const char*>(block), header->size};
        shown += bytes.find(sought) != bytes.npos;
    }
    std::free(header);
}

void operator delete(void* block, std::size_t) noexcept
{
    operator delete(block);
}

namespace passage::test {

FreedMemory::FreedMemory(std::string_view text) noexcept
{
    freed = shown = 0;
    sought = text;
}

FreedMemory::~FreedMemory()
{
    sought = {};
}

std::size_t FreedMemory::blocks() const noexcept
{
    return freed;
}

std::size_t FreedMemory::showing() const noexcept
{
    return shown;
}

} // namespace passage::test
