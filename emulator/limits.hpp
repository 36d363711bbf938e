#pragma once

#include <cstddef>
#include <cstdint>

namespace passage::emulator {

// Limits of a request. Sizes are in bytes.

constexpr std::uint32_t max_header_size = 16 * 1024;
constexpr std::uint64_t max_body_size = 4 * 1024 * 1024;
/// Before a larger body is read, the head is checked.
constexpr std::uint64_t max_small_body_size = 16 * 1024;

/// How deep the objects and arrays of a body may nest. In a list of users their metadata is two levels deeper, and the
/// library decodes 32 levels.
constexpr std::size_t max_body_depth = 30;

} // namespace passage::emulator
