#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace passage {

/// Text of strangers, fit to be printed in one line: control characters and invalid UTF-8 escaped as `\xNN`, at most
/// `limit` bytes of it.
std::string printable(std::string_view text, std::size_t limit = 512);

/// The bytes at the beginning of a text, up to the first that is not printable ASCII. Most texts have no other.
std::size_t printable_ascii_size(std::string_view text) noexcept;

/// Whether a text is valid UTF-8 (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

/// Whether a text of valid UTF-8 has a control character: C0, DEL, C1, a separator of lines or paragraphs, or a mark of
/// direction, by which a text is shown as another one.
bool has_control_character(std::string_view text) noexcept;

/// Whether a character is an ASCII letter or digit. The C library's answer depends on the locale.
constexpr bool is_alphanumeric(char c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// An ASCII letter in lower case, and any other character as it is. The C library's answer depends on the locale.
constexpr char lower_case(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A text with its ASCII letters in lower case.
std::string lower_case(std::string_view text);

/// Whether two texts differ in the case of ASCII letters at most.
constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return a == b || lower_case(a) == lower_case(b); });
}

} // namespace passage
