#pragma once

#include <passage/detail/build.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace passage {

/// A place in a distributed trace, as the header field `traceparent` carries it (W3C Trace Context, section 3.2).
///
/// A value type.
struct TraceParent
{
    TraceParent() = default;

    /// The trace.
    std::array<std::uint8_t, 16> trace_id{};
    /// The span in it that is the parent of what comes.
    std::array<std::uint8_t, 8> parent_id{};
    /// Whether the trace is recorded.
    bool sampled = false;

    /// Reads a field's value, of version 00 or a later one; none if it is not valid.
    PASSAGE_EXPORT static std::optional<TraceParent> parse(std::string_view field) noexcept;

    /// Whether neither id is all zeros. One that is not valid is not sent.
    PASSAGE_EXPORT bool is_valid() const noexcept;

    /// Whether both are the same place.
    friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

/// The field's value, in version 00: 55 characters.
PASSAGE_EXPORT std::string to_string(const TraceParent& place);

} // namespace passage
