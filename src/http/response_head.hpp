#pragma once

#include <cstddef>
#include <string_view>

namespace passage::http {

/// What is wrong with the head of a response.
enum class HeadCheck { good, malformed, too_many_fields };

/// Checks the bytes of a status line and its fields, up to and with the empty line, against the grammar of RFC 9112,
/// sections 4 and 5: no folded lines, no control bytes, no bare CR or LF, no space around names, a status of 100 to
/// 599.
HeadCheck check_head(std::string_view head, std::size_t max_fields) noexcept;

} // namespace passage::http
