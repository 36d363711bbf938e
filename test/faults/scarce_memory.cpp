#include "scarce_memory.hpp"

#include <passage/passage.hpp>

#include <cstdlib>
#include <new>

#if PASSAGE_HTTP2
#include <dlfcn.h>
#include <nghttp2/nghttp2.h>
#endif

namespace passage::test::scarce_memory {

std::atomic<long> allocations_left = -1;
std::atomic<bool> all_fail = false;
thread_local constinit bool takes_part = false;

bool fails_now() noexcept
{
    if (!takes_part || allocations_left < 0)
        return false;
    if (all_fail)
        return true;
    return allocations_left-- == 0;
}

} // namespace passage::test::scarce_memory

using passage::test::scarce_memory::fails_now;

void* operator new(std::size_t size)
{
    void* const memory = fails_now() ? nullptr : std::malloc(size > 0 ? size : 1);
    if (!memory)
        throw std::bad_alloc{};
    return memory;
}

void operator delete(void* memory) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

#if PASSAGE_HTTP2
namespace {

/// Counts what a session allocates by functions of its own.
nghttp2_mem counted(nghttp2_mem* by)
{
    return {by,
            [](std::size_t size, void* original) -> void* {
                const auto* const memory = static_cast<nghttp2_mem*>(original);
                return fails_now() ? nullptr : memory->malloc(size, memory->mem_user_data);
            },
            [](void* old, void* original) {
                const auto* const memory = static_cast<nghttp2_mem*>(original);
                memory->free(old, memory->mem_user_data);
            },
            [](std::size_t count, std::size_t size, void* original) -> void* {
                const auto* const memory = static_cast<nghttp2_mem*>(original);
                return fails_now() ? nullptr : memory->calloc(count, size, memory->mem_user_data);
            },
            [](void* old, std::size_t size, void* original) -> void* {
                const auto* const memory = static_cast<nghttp2_mem*>(original);
                return fails_now() ? nullptr : memory->realloc(old, size, memory->mem_user_data);
            }};
}

} // namespace

extern "C" [[gnu::visibility("default")]] int nghttp2_session_client_new3(nghttp2_session** made,
                                                                          const nghttp2_session_callbacks* callbacks,
                                                                          void* user_data, const nghttp2_option* option,
                                                                          nghttp2_mem* memory)
{
    static const auto original =
        reinterpret_cast<decltype(&nghttp2_session_client_new3)>(dlsym(RTLD_NEXT, "nghttp2_session_client_new3"));
    nghttp2_mem functions = counted(memory);
    return original(made, callbacks, user_data, option, &functions);
}
#endif
