#include "model/text.hpp"

#include <algorithm>

namespace passage {
namespace {

bool is_control(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

/// Bytes of the well-formed UTF-8 sequence at the beginning of a text; 0 if there is none (Unicode, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept
{
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const auto continues = [&](std::size_t at, unsigned low = 0x80, unsigned high = 0xbf) {
        return at < text.size() && byte(at) >= low && byte(at) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const bool second = first == 0xe0   ? continues(1, 0xa0)
                            : first == 0xed ? continues(1, 0x80, 0x9f)
                                            : continues(1);
        return second && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool second = first == 0xf0   ? continues(1, 0x90)
                            : first == 0xf4 ? continues(1, 0x80, 0x8f)
                                            : continues(1);
        return second && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

} // namespace

std::string printable(std::string_view text, std::size_t limit)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const bool escaped = length == 0 || is_control(text.front());
        const std::size_t added = escaped ? 4 : length;
        if (result.size() + added > limit)
            break;
        if (escaped) {
            const auto byte = static_cast<unsigned char>(text.front());
            result.append("\\x");
            result += digits[byte >> 4];
            result += digits[byte & 15];
            text.remove_prefix(1);
        } else {
            result.append(text.substr(0, length));
            text.remove_prefix(length);
        }
    }
    return result;
}

bool is_utf8(std::string_view text) noexcept
{
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

bool has_control_byte(std::string_view text) noexcept
{
    return std::any_of(text.begin(), text.end(), is_control);
}

} // namespace passage
