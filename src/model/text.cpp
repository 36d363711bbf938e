#include "model/text.hpp"

#include "model/hex.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace passage {
namespace {

constexpr bool is_printable_ascii(char c) noexcept
{
    return c >= 0x20 && c <= 0x7e;
}

/// Whether all 8 bytes are printable ASCII. Borrows and carries between bytes do no harm: they begin at a byte that is
/// not printable, which is detected itself.
constexpr bool is_printable_ascii(std::uint64_t word) noexcept
{
    constexpr std::uint64_t each = 0x01'01'01'01'01'01'01'01;
    return (((word - 0x20 * each) | word | (word + each)) & (0x80 * each)) == 0;
}

std::string_view skip_printable_ascii(std::string_view text) noexcept
{
    return text.substr(printable_ascii_size(text));
}

/// The size of the UTF-8 sequence at the beginning of a text; 0 if it is not well-formed (Unicode, table 3-7).
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

/// Whether a well-formed sequence encodes a control character, as `has_control_character` defines it.
bool is_control(std::string_view sequence) noexcept
{
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(sequence[at]); };
    switch (sequence.size()) {
    case 1:
        return byte(0) < 0x20 || byte(0) == 0x7f;
    case 2: // U+0080 to U+009F; U+061C
        return (byte(0) == 0xc2 && byte(1) <= 0x9f) || sequence == "\xd8\x9c";
    case 3: // U+200E, U+200F, U+2028 to U+202E; U+2066 to U+2069
        if (sequence.starts_with("\xe2\x80"))
            return byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xa8 && byte(2) <= 0xae);
        return sequence.starts_with("\xe2\x81") && byte(2) >= 0xa6 && byte(2) <= 0xa9;
    default:
        return false;
    }
}

} // namespace

std::string printable(std::string_view text, std::size_t limit)
{
    std::string result;
    while (!text.empty()) {
        const std::size_t valid = sequence_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(valid, 1));
        const bool escaped = valid == 0 || is_control(character);
        if (result.size() + (escaped ? 4 : 1) * character.size() > limit)
            break;
        text.remove_prefix(character.size());
        if (!escaped) {
            result.append(character);
            continue;
        }
        for (const char c : character) {
            result.append("\\x");
            append_hex(result, c);
        }
    }
    return result;
}

std::size_t printable_ascii_size(std::string_view text) noexcept
{
    std::size_t size = 0;
    for (std::uint64_t word = 0; text.size() - size >= sizeof word; size += sizeof word) {
        std::memcpy(&word, text.data() + size, sizeof word);
        if (!is_printable_ascii(word))
            break;
    }
    while (size < text.size() && is_printable_ascii(text[size]))
        ++size;
    return size;
}

bool is_utf8(std::string_view text) noexcept
{
    for (text = skip_printable_ascii(text); !text.empty(); text = skip_printable_ascii(text)) {
        const std::size_t length = sequence_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

bool has_control_character(std::string_view text) noexcept
{
    for (text = skip_printable_ascii(text); !text.empty(); text = skip_printable_ascii(text)) {
        const std::size_t length = std::max<std::size_t>(sequence_length(text), 1);
        if (is_control(text.substr(0, length)))
            return true;
        text.remove_prefix(length);
    }
    return false;
}

std::string lower_case(std::string_view text)
{
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower_case(c); });
    return result;
}

} // namespace passage
