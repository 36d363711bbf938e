#include "net/origin.hpp"

#include <atomic>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace passage::net {
namespace {

using CachedProcess = std::atomic<pid_t>;

/// Maps a page that is zeroed in a child made by fork(). Null if the system does not support that.
CachedProcess* make_cache() noexcept
{
    void* const page = mmap(nullptr, sizeof(CachedProcess), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return nullptr;
    if (madvise(page, sizeof(CachedProcess), MADV_WIPEONFORK) != 0) {
        munmap(page, sizeof(CachedProcess));
        return nullptr;
    }
    return new (page) CachedProcess{0};
}

} // namespace

pid_t Origin::current_process() noexcept
{
    static CachedProcess* const cache = make_cache();
    if (!cache)
        return getpid();
    pid_t process = cache->load(std::memory_order_relaxed);
    if (process == 0) {
        process = getpid();
        cache->store(process, std::memory_order_relaxed);
    }
    return process;
}

} // namespace passage::net
