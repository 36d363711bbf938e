#pragma once

#include <cstddef>
#include <string_view>

namespace passage::http {

/// Checks a block of lines that frame a response against the grammar of RFC 9112, sections 4, 5 and 7.1, as they come:
/// no folded lines, no control bytes, no bare CR or LF, no space around names, a status of 100 to 599, at most 16
/// digits of a chunk's size.
///
/// Names of fields and a chunk's extensions are checked only so far that nobody can take them for something else.
class LineBlock
{
public:
    /// What a block begins with.
    enum class Line {
        status,     ///< A status line; then fields, up to and with an empty line.
        chunk_size, ///< A chunk's size; after the size 0 fields, up to and with an empty line.
        data_end,   ///< The line's end that follows a chunk's data; then as `chunk_size`.
        field,      ///< A field, or the empty line that ends the block.
    };
    explicit LineBlock(Line first) noexcept : next_{first} {}

    enum class Result { incomplete, good, malformed, too_many_fields };

    /// `bytes` begin where the block does, and are those given before with what came after them.
    Result check(std::string_view bytes, std::size_t max_fields) noexcept;

    /// Bytes of the block, once it is good.
    std::size_t size() const noexcept { return checked_; }

private:
    Line next_;
    std::size_t checked_ = 0;
    std::size_t fields_ = 0;
};

} // namespace passage::http
