#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cwchar>

namespace passage::ctl {
namespace {

/// The character at the front of a text.
struct Character
{
    std::size_t bytes = 1;
    wchar_t code = 0;
    bool valid = false; ///< Whether it is UTF-8. If it is not, it is one byte.
};

Character first_character(std::string_view text)
{
    std::mbstate_t state{};
    Character first;
    const std::size_t bytes = std::mbrtowc(&first.code, text.data(), text.size(), &state);
    if (bytes == 0)
        return {1, L'\0', true};
    if (bytes > text.size()) // invalid, or cut off
        return {1, static_cast<unsigned char>(text.front()), false};
    first.bytes = bytes;
    first.valid = true;
    return first;
}

/// Whether a character changes the direction of the text around it, which could make one text look like another.
bool changes_direction(wchar_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

std::string escaped(const Character& character)
{
    std::array<char, 16> text{};
    const auto code = static_cast<unsigned long>(character.code);
    const char* const form = code < 0x80 || !character.valid ? "\\x%02lx" : code < 0x10000 ? "\\u%04lx" : "\\U%08lx";
    std::snprintf(text.data(), text.size(), form, code);
    return text.data();
}

std::size_t width_of(wchar_t c)
{
    return static_cast<std::size_t>(std::max(wcwidth(c), 0));
}

/// The number of bytes of the UTF-8 character at the beginning of a text; 0 if there is none (RFC 3629).
std::size_t utf8_character(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
    const unsigned char first = byte(0);
    if (first < 0x80)
        return 1;
    const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xC0U) != 0x80)
            return 0;
    const unsigned char second = byte(1);
    const bool is_invalid = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                            (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return is_invalid ? 0 : size;
}

} // namespace

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t size = utf8_character(text);
        if (size == 0)
            return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string made_utf8(std::string_view text)
{
    std::string result;
    while (!text.empty()) {
        const std::size_t size = utf8_character(text);
        result += size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return result;
}

std::string printable(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const Character first = first_character(text);
        if (first.valid && wcwidth(first.code) >= 0 && first.code != L'\0' && !changes_direction(first.code))
            result += text.substr(0, first.bytes);
        else
            result += escaped(first);
        text.remove_prefix(first.bytes);
    }
    return result;
}

std::size_t width_of(std::string_view text)
{
    std::size_t width = 0;
    while (!text.empty()) {
        const Character first = first_character(text);
        width += width_of(first.code);
        text.remove_prefix(first.bytes);
    }
    return width;
}

std::string cut(std::string_view text, std::size_t columns)
{
    if (width_of(text) <= columns)
        return std::string{text};
    if (columns == 0)
        return {};
    std::size_t width = 1; // that of the ellipsis
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        const Character next = first_character(text.substr(bytes));
        if (width + width_of(next.code) > columns)
            break;
        width += width_of(next.code);
        bytes += next.bytes;
    }
    return std::string{text.substr(0, bytes)} + "…";
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns)
{
    std::string result;
    std::size_t column = indent;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        if (column > indent && column + 1 + width_of(word) > columns) {
            result.append("\n").append(indent, ' ');
            column = indent;
        } else if (column > indent) {
            result += ' ';
            ++column;
        }
        result += word;
        column += width_of(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

} // namespace passage::ctl
