#include "support/openssl_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <openssl/crypto.h>

namespace passage::test {
namespace {

/// Allocations until one fails; negative if none does.
thread_local long allocations_left = -1;
thread_local bool all_fail = false;
thread_local bool has_failed = false;

bool fails_now() noexcept
{
    if (allocations_left < 0)
        return false;
    if (allocations_left > 0) {
        --allocations_left;
        return false;
    }
    has_failed = true;
    if (!all_fail)
        allocations_left = -1;
    return true;
}

void* allocate(std::size_t size, const char*, int)
{
    return fails_now() ? nullptr : std::malloc(size);
}

void* reallocate(void* memory, std::size_t size, const char*, int)
{
    return fails_now() ? nullptr : std::realloc(memory, size);
}

void release(void* memory, const char*, int)
{
    std::free(memory);
}

const bool in_place = CRYPTO_set_mem_functions(&allocate, &reallocate, &release) == 1;

} // namespace

bool OpensslMemory::is_in_place() noexcept
{
    return in_place;
}

void OpensslMemory::fail_from(long n, bool all) noexcept
{
    allocations_left = n;
    all_fail = all;
    has_failed = false;
}

bool OpensslMemory::stop() noexcept
{
    allocations_left = -1;
    return has_failed;
}

} // namespace passage::test
