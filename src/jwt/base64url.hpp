#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace passage::jwt {

/// Decodes base64url as RFC 7515, section 2, defines it: no padding, no other characters, no bits left over.
///
/// Writes the bytes to the beginning of `room`, and sets `room` to the unused rest. Null if the text is malformed or
/// `room` is too small.
std::optional<std::string_view> decode_base64url(std::string_view text, std::span<char>& room) noexcept;

/// The most bytes that a text of a size decodes to.
constexpr std::size_t decoded_size(std::size_t text_size) noexcept
{
    return text_size / 4 * 3 + text_size % 4;
}

} // namespace passage::jwt
