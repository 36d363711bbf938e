#include "http2/session_memory.hpp"

#include "model/undumped_memory.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace passage::http2 {

/// Precedes the bytes that nghttp2 was given.
struct alignas(std::max_align_t) SessionMemory::Block
{
    std::size_t size; ///< With this header, in bytes.
    Block* next;      ///< While it is kept.

    void* bytes() noexcept { return this + 1; }
    static Block* of(void* bytes) noexcept { return static_cast<Block*>(bytes) - 1; }
};

/// Is divided into blocks.
struct alignas(std::max_align_t) SessionMemory::Chunk
{
    static constexpr std::size_t size = 4096;

    Chunk* next;
};

SessionMemory::SessionMemory() noexcept
    : functions_{this, &allocate, &release, &allocate_zeros, &resize}, chunk_used_{Chunk::size}
{}

SessionMemory::~SessionMemory()
{
    while (Chunk* const chunk = chunks_) {
        chunks_ = chunk->next;
        undumped_memory().deallocate(chunk, Chunk::size);
    }
}

void* SessionMemory::allocate(std::size_t size, void* memory) noexcept
try {
    if (size > std::numeric_limits<std::size_t>::max() - sizeof(Block) - granule)
        return nullptr;
    return static_cast<SessionMemory*>(memory)->take(size + sizeof(Block))->bytes();
} catch (const std::bad_alloc&) {
    return nullptr;
}

void SessionMemory::release(void* bytes, void* memory) noexcept
{
    if (bytes)
        static_cast<SessionMemory*>(memory)->give_back(Block::of(bytes));
}

void* SessionMemory::allocate_zeros(std::size_t count, std::size_t size, void* memory) noexcept
{
    if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size)
        return nullptr;
    void* const bytes = allocate(count * size, memory);
    return bytes ? std::memset(bytes, 0, count * size) : nullptr;
}

void* SessionMemory::resize(void* bytes, std::size_t size, void* memory) noexcept
{
    void* const resized = allocate(size, memory);
    if (bytes && resized) {
        std::memcpy(resized, bytes, std::min(size, Block::of(bytes)->size - sizeof(Block)));
        release(bytes, memory);
    }
    return resized;
}

SessionMemory::Block* SessionMemory::take(std::size_t size)
{
    const std::size_t granules = (size + granule - 1) / granule;
    size = granules * granule;
    if (size > largest_kept)
        return new (undumped_memory().allocate(size)) Block{size, nullptr};
    Block*& kept = kept_[granules];
    Block* const block = kept;
    if (!block)
        return carve(size);
    kept = block->next;
    return block;
}

void SessionMemory::give_back(Block* block) noexcept
{
    if (const std::size_t size = block->size; size > largest_kept) {
        undumped_memory().deallocate(block, size);
        return;
    }
    Block*& kept = kept_[block->size / granule];
    block->next = kept;
    kept = block;
}

SessionMemory::Block* SessionMemory::carve(std::size_t size)
{
    if (chunk_used_ + size > Chunk::size) {
        chunks_ = new (undumped_memory().allocate(Chunk::size)) Chunk{chunks_};
        chunk_used_ = sizeof(Chunk);
    }
    void* const place = reinterpret_cast<std::byte*>(chunks_) + chunk_used_;
    chunk_used_ += size;
    return new (place) Block{size, nullptr};
}

} // namespace passage::http2
