#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace passage::ctl {

class Sha256;

/// Reads a file from its beginning, in pieces that are no longer than a line.
class Pieces
{
public:
    /// Reads from a file descriptor, whose position is not used. If `hash` is not null, all bytes are added to it.
    explicit Pieces(int file, Sha256* hash = nullptr);

    /// Returns the next piece: a line with the CR or LF that ends it, or a part of a line that is long. An LF behind a
    /// CR is a piece of its own. Empty at the end of the file. Valid until the next call. Throws `Failure`.
    std::string_view next();

    /// Returns the position of the next piece in the file.
    std::uint64_t offset() const noexcept { return offset_; }
    /// Returns the number of the line that the next piece belongs to, from 1.
    std::uint64_t line() const noexcept { return line_; }

private:
    /// Returns whether there are bytes in the buffer.
    bool fill();

    int file_;
    Sha256* hash_;
    std::vector<char> buffer_;
    std::string_view rest_; ///< Of the buffer.
    std::uint64_t offset_ = 0;
    std::uint64_t line_ = 1;
    bool after_cr_ = false;
};

/// Returns whether a piece ends a line.
inline bool ends_line(std::string_view piece) noexcept
{
    return piece.ends_with('\n') || piece.ends_with('\r');
}

} // namespace passage::ctl
