#include <passage/secret.hpp>

#include <memory_resource>
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

/// Shared by all secrets of the program: a page for each would make calls much slower. Never destroyed, as a static
/// object may hold a secret.
std::pmr::memory_resource& undumped_memory()
{
    constexpr std::pmr::pool_options options{.max_blocks_per_chunk = 0, .largest_required_pool_block = 64 * 1024};
    static auto& pool = *new std::pmr::synchronized_pool_resource{options, new UndumpedPages};
    return pool;
}

} // namespace

Secret Secret::join(std::initializer_list<std::string_view> parts)
{
    Secret joined;
    std::size_t size = 0;
    for (const std::string_view part : parts)
        size += part.size();
    if (size == 0)
        return joined;
    joined.text_ = static_cast<char*>(undumped_memory().allocate(size, 1));
    for (const std::string_view part : parts) {
        part.copy(joined.text_ + joined.size_, part.size());
        joined.size_ += part.size();
    }
    return joined;
}

Secret::Secret(std::string&& text) : Secret{std::string_view{text}}
{
    text.resize(text.capacity()); // does not allocate
    explicit_bzero(text.data(), text.size());
    text.clear();
}

Secret::~Secret()
{
    if (!text_)
        return;
    explicit_bzero(text_, size_);
    undumped_memory().deallocate(text_, size_, 1);
}

} // namespace passage
