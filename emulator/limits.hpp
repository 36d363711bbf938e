#pragma once

#include <cstdint>

namespace passage::emulator {

// Limits of a request, in bytes.

constexpr std::uint32_t max_header_size = 16 * 1024;
constexpr std::uint64_t max_body_size = 4 * 1024 * 1024;
/// Before a larger body is read, the head is checked.
constexpr std::uint64_t max_small_body_size = 16 * 1024;

} // namespace passage::emulator
