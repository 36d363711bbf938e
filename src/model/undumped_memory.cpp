#include "model/undumped_memory.hpp"

#include <new>
#include <string.h> // explicit_bzero, which is not optimised away
#include <sys/mman.h>

namespace passage {
namespace {

/// Allocates pages that are left out of core dumps.
class UndumpedPages final : public std::pmr::memory_resource
{
    void* do_allocate(std::size_t size, std::size_t) override
    {
        void* const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED)
            throw std::bad_alloc{};
        madvise(pages, size, MADV_DONTDUMP); // not all systems can
        return pages;
    }

    void do_deallocate(void* pages, std::size_t size, std::size_t) override { munmap(pages, size); }

    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

class UndumpedMemory final : public std::pmr::memory_resource
{
    void* do_allocate(std::size_t size, std::size_t alignment) override { return pool_.allocate(size, alignment); }

    void do_deallocate(void* bytes, std::size_t size, std::size_t alignment) override
    {
        explicit_bzero(bytes, size);
        pool_.deallocate(bytes, size, alignment);
    }

    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    UndumpedPages pages_;
    // A page for each allocation would make calls much slower.
    std::pmr::synchronized_pool_resource pool_{{.max_blocks_per_chunk = 0, .largest_required_pool_block = 64 * 1024},
                                               &pages_};
};

} // namespace

std::pmr::memory_resource& undumped_memory()
{
    static auto& memory = *new UndumpedMemory;
    return memory;
}

} // namespace passage
