#pragma once

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

/// A text with its ASCII letters in lower case.
std::string lower_case(std::string_view text);

/// Whether two texts differ in the case of ASCII letters at most.
bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;

} // namespace passage
