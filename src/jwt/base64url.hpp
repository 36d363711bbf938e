#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace passage::jwt {

/// Decodes base64url as RFC 7515, section 2, has it: no padding, no other characters, no bits left over.
///
/// The bytes are put at the front of `room`, which is shortened to what remains. None for anything else, or if there
/// is too little room.
std::optional<std::string_view> decode_base64url(std::string_view text, std::span<char>& room) noexcept;

/// The most bytes that so much text decodes to.
constexpr std::size_t decoded_size(std::size_t text_size) noexcept
{
    return text_size / 4 * 3 + text_size % 4;
}

} // namespace passage::jwt
