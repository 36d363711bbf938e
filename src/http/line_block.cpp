#include "http/line_block.hpp"

#include "model/hex.hpp"
#include "model/text.hpp"

#include <algorithm>

namespace passage::http {
namespace {

/// Hexadecimal digits of a chunk's size: what a 64-bit number needs.
constexpr std::size_t max_size_digits = 16;

/// VCHAR, SP, HTAB or obs-text
bool is_text(std::string_view bytes) noexcept
{
    return std::all_of(bytes.begin(), bytes.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\t';
    });
}

/// `HTTP/1.x SP 3DIGIT SP reason`
bool is_status_line(std::string_view line) noexcept
{
    if (line.size() < 13 || !(line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")))
        return false;
    const std::string_view status = line.substr(9, 3);
    if (status[0] < '1' || status[0] > '5' || !is_digit(status[1]) || !is_digit(status[2]))
        return false;
    return line[12] == ' ' && (line.size() == 13 || line[13] != ' ');
}

bool begins_like_status_line(std::string_view bytes) noexcept
{
    constexpr std::string_view beginning = "HTTP/1.";
    return beginning.starts_with(bytes.substr(0, beginning.size()));
}

/// `printable` is the size of the printable ASCII at the beginning of the line.
bool is_field_line(std::string_view line, std::size_t printable) noexcept
{
    const std::size_t colon = line.find(':');
    return colon > 0 && colon < printable && line.substr(0, colon).find(' ') == line.npos;
}

/// `1*HEXDIG [ chunk-ext ]`
bool is_size_line(std::string_view line) noexcept
{
    const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(line, is_hex_digit) - line.begin());
    return digits > 0 && digits <= max_size_digits &&
           (digits == line.size() || std::string_view{"; \t"}.find(line[digits]) != std::string_view::npos);
}

bool is_last_chunk(std::string_view size_line) noexcept
{
    const std::size_t zeros = size_line.find_first_not_of('0');
    return zeros == size_line.npos || std::string_view{"; \t"}.find(size_line[zeros]) != std::string_view::npos;
}

} // namespace

LineBlock::Result LineBlock::check(std::string_view bytes, std::size_t max_fields) noexcept
{
    for (;;) {
        const std::size_t feed = bytes.find('\n', checked_);
        if (feed == bytes.npos) {
            // A peer that does not speak HTTP may never end the line.
            const bool hopeless = next_ == Line::status && !begins_like_status_line(bytes);
            return hopeless ? Result::malformed : Result::incomplete;
        }
        if (feed == checked_ || bytes[feed - 1] != '\r')
            return Result::malformed;
        const std::string_view line = bytes.substr(checked_, feed - 1 - checked_);
        checked_ = feed + 1;
        const std::size_t printable = printable_ascii_size(line);
        if (!is_text(line.substr(printable)))
            return Result::malformed;

        switch (next_) {
        case Line::status:
            if (!is_status_line(line))
                return Result::malformed;
            next_ = Line::field;
            break;
        case Line::data_end:
            if (!line.empty())
                return Result::malformed;
            next_ = Line::chunk_size;
            break;
        case Line::chunk_size:
            if (!is_size_line(line))
                return Result::malformed;
            if (!is_last_chunk(line))
                return Result::good;
            next_ = Line::field;
            break;
        case Line::field:
            if (line.empty())
                return Result::good;
            if (!is_field_line(line, printable))
                return Result::malformed;
            if (++fields_ > max_fields)
                return Result::too_many_fields;
            break;
        }
    }
}

} // namespace passage::http
