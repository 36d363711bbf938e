#include "heap.hpp"

#include <cerrno>
#include <cstddef>

// The C library's own allocator, by the names under which it lets itself be replaced (glibc manual, 3.2.5).
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace passage::bench {
namespace {

constinit thread_local HeapUse used;

void count(std::size_t size) noexcept
{
    ++used.allocations;
    used.bytes += size;
}

} // namespace

HeapUse heap_use() noexcept
{
    return used;
}

} // namespace passage::bench

using passage::bench::count;

// operator new comes here too. Frees are not counted: what is freed stays the C library's business.
extern "C" {

void* malloc(std::size_t size) noexcept
{
    count(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) noexcept
{
    count(number * size);
    return __libc_calloc(number, size);
}

void* realloc(void* block, std::size_t size) noexcept
{
    count(size);
    return __libc_realloc(block, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept
{
    count(size);
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
}
