#pragma once

#include <passage/detail/build.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace passage {

/// A position in a distributed trace, as the header field `traceparent` carries it (W3C Trace Context, section 3.2).
struct TraceParent
{
    TraceParent() = default;

    /// The id of the trace.
    std::array<std::uint8_t, 16> trace_id{};
    /// The id of the parent span.
    std::array<std::uint8_t, 8> parent_id{};
    /// Whether the trace is recorded.
    bool sampled = false;

    /// Parses the value of the header field, in version 00 or later. Returns `std::nullopt` if it is not valid.
    PASSAGE_EXPORT static std::optional<TraceParent> parse(std::string_view field) noexcept;

    /// Returns whether the position is valid, that is, neither id is all zeros. An invalid position is not sent.
    PASSAGE_EXPORT bool is_valid() const noexcept;

    /// Returns whether both are the same position.
    friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

/// Returns the value of the header field, in version 00: 55 characters.
PASSAGE_EXPORT std::string to_string(const TraceParent& place);

} // namespace passage
