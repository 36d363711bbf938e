#pragma once

#include <array>
#include <cstddef>
#include <nghttp2/nghttp2.h>

namespace passage::http2 {

/// The memory of one nghttp2 session.
///
/// The Huffman code of the API key passes through it, so it comes from `undumped_memory`. Small blocks that are freed
/// are kept for the next of their size, of which each stream needs about 20.
class SessionMemory
{
public:
    SessionMemory() noexcept;
    ~SessionMemory();
    SessionMemory(const SessionMemory&) = delete;
    SessionMemory& operator=(const SessionMemory&) = delete;

    /// To be passed to nghttp2. Valid while this object exists.
    nghttp2_mem* functions() noexcept { return &functions_; }

private:
    struct Block;
    struct Chunk;

    static void* allocate(std::size_t size, void* memory) noexcept;
    static void release(void* bytes, void* memory) noexcept;
    static void* allocate_zeros(std::size_t count, std::size_t size, void* memory) noexcept;
    static void* resize(void* bytes, std::size_t size, void* memory) noexcept;

    Block* take(std::size_t size);
    void give_back(Block* block) noexcept;
    Block* carve(std::size_t size);

    static constexpr std::size_t granule = 32;
    static constexpr std::size_t largest_kept = 1024; ///< Larger blocks are few.

    nghttp2_mem functions_;
    std::array<Block*, largest_kept / granule + 1> kept_{}; ///< By size in granules.
    Chunk* chunks_ = nullptr;
    std::size_t chunk_used_;
};

} // namespace passage::http2
