#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace passage::ctl {

/// Returns whether a text is UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

/// Returns a text with the replacement character, U+FFFD, in place of each byte that is not UTF-8.
std::string made_utf8(std::string_view text);

/// Returns a text as it may be shown on a terminal: control characters, characters that change the direction of text,
/// and bytes that are not UTF-8 are escaped: `\x1b`, `\u202e`.
std::string printable(std::string_view text);

/// Returns the number of columns that a printable text takes on a terminal.
std::size_t width_of(std::string_view text);

/// Returns a printable text in at most so many columns. If something is cut off, it ends with an ellipsis.
std::string cut(std::string_view text, std::size_t columns);

/// Breaks a printable text into lines of at most so many columns, at spaces. Lines after the first begin with `indent`
/// spaces, and the first has that much less room.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns);

} // namespace passage::ctl
