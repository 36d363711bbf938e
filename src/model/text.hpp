#pragma once

#include <string>
#include <string_view>

namespace passage {

/// Text of strangers, fit to be printed in one line: control bytes and invalid UTF-8 escaped as `\xNN`, at most `limit`
/// bytes of it.
std::string printable(std::string_view text, std::size_t limit = 512);

/// Whether a text is valid UTF-8 (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

/// Whether a text has a control byte: 0 to 31, or DEL.
bool has_control_byte(std::string_view text) noexcept;

} // namespace passage
