#include "http/response_head.hpp"

#include <algorithm>

namespace passage::http {
namespace {

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

/// VCHAR, SP, HTAB or obs-text.
bool is_text(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
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

bool is_field_line(std::string_view line) noexcept
{
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == line.npos)
        return false;
    const std::string_view name = line.substr(0, colon);
    return std::all_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte < 0x7f;
    });
}

} // namespace

HeadCheck check_head(std::string_view head, std::size_t max_fields) noexcept
{
    std::size_t lines = 0;
    for (;;) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        if (line.empty())
            return lines > 0 ? HeadCheck::good : HeadCheck::malformed;
        if (!std::all_of(line.begin(), line.end(), is_text))
            return HeadCheck::malformed;
        if (!(lines == 0 ? is_status_line(line) : is_field_line(line)))
            return HeadCheck::malformed;
        if (lines++ > max_fields)
            return HeadCheck::too_many_fields;
        head.remove_prefix(line.size() + 2);
    }
}

} // namespace passage::http
