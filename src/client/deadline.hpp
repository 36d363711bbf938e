#pragma once

#include <passage/call_options.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace passage::client {

/// The time by which a call ends that begins now, by its options; `total` is its timeout if they have neither a
/// deadline nor a timeout.
inline std::chrono::steady_clock::time_point deadline(const CallOptions& options,
                                                      std::chrono::steady_clock::time_point now,
                                                      std::optional<std::chrono::milliseconds> total = std::nullopt)
{
    using std::chrono::milliseconds;
    auto end = std::chrono::steady_clock::time_point::max();
    if (options.deadline()) {
        end = *options.deadline();
    } else if (const auto timeout = options.timeout() ? options.timeout() : total) {
        // Clamped first, because the range of the caller's values exceeds that of the clock.
        const auto longest = std::chrono::floor<milliseconds>(end - now);
        end = now + std::clamp(*timeout, milliseconds{0}, longest);
    }
    return std::min(end, options.no_later_than());
}

} // namespace passage::client
