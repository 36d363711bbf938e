#pragma once

#include <cstddef>
#include <string_view>

namespace passage::http {

/// Checks a block of lines that frame a response (RFC 9112, sections 4, 5 and 7.1) while it is received: no folded
/// lines, no control bytes, no bare CR or LF, no space around names, a status of 100 to 599, at most 16 digits of a
/// chunk's size.
///
/// Does not fully check field names and chunk extensions, only that they can't be mistaken for other elements.
class LineBlock
{
public:
    /// The kinds of lines. The first line of a block determines what follows it.
    enum class Line {
        status,     ///< A status line; fields and an empty line follow.
        chunk_size, ///< A chunk's size; after the size 0, fields and an empty line follow.
        data_end,   ///< The line end after a chunk's data; `chunk_size` follows.
        field,      ///< A field, or the empty line that ends the block.
    };
    explicit LineBlock(Line first) noexcept : next_{first} {}

    enum class Result { incomplete, good, malformed, too_many_fields };

    /// `bytes` begins at the beginning of the block. A further call repeats the bytes of the call before, with more
    /// after them.
    Result check(std::string_view bytes, std::size_t max_fields) noexcept;

    /// The size of the block in bytes, once it is good.
    std::size_t size() const noexcept { return checked_; }

private:
    Line next_;
    std::size_t checked_ = 0;
    std::size_t fields_ = 0;
};

} // namespace passage::http
