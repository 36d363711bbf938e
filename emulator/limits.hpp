#pragma once

#include <cstdint>

namespace passage::emulator {

// What a request may have, in bytes.

constexpr std::uint32_t max_header_size = 16 * 1024;
constexpr std::uint64_t max_body_size = 4 * 1024 * 1024;
/// A larger body is not read until the head is known to be worth it.
constexpr std::uint64_t max_small_body_size = 16 * 1024;

} // namespace passage::emulator
