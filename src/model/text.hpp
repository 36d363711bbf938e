#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace passage {

/// Makes untrusted text safe to print in one line: escapes control characters and invalid UTF-8 as `\xNN`, and returns
/// at most `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 512);

/// The number of bytes before the first one that is not printable ASCII.
std::size_t printable_ascii_size(std::string_view text) noexcept;

/// Whether a text is valid UTF-8 (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

/// Whether a text of valid UTF-8 has a control character: C0, DEL, C1, a line or paragraph separator, or a directional
/// mark, which can make the text look like another one.
bool has_control_character(std::string_view text) noexcept;

// Unlike the C library's functions these do not depend on the locale.

/// Whether a character is a decimal digit.
constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

/// Whether a character is an ASCII letter or digit.
constexpr bool is_alphanumeric(char c) noexcept
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// Converts an ASCII letter to lower case, and returns any other character unchanged.
constexpr char lower_case(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Converts the ASCII letters of a text to lower case.
std::string lower_case(std::string_view text);

/// Whether two texts are equal if the case of ASCII letters is ignored.
constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return a == b || lower_case(a) == lower_case(b); });
}

} // namespace passage
