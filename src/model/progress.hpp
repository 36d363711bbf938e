#pragma once

#include <passage/error.hpp>

#include <chrono>
#include <optional>

namespace passage {

/// How far an exchange has got.
struct Progress
{
    Stage stage = Stage::none;
    /// At least one byte of the request was passed to the network.
    bool request_sent = false;
    /// At least one byte of a response was received.
    bool response_begun = false;
    /// When that byte was received; absent if it was just now.
    std::optional<std::chrono::steady_clock::time_point> response_begun_at = std::nullopt;
};

} // namespace passage
