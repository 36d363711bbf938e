#include "secrets.hpp"

#include <algorithm>
#include <charconv>

namespace structure {

namespace {

std::string lower(std::string_view text)
{
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

std::string hex(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        result += digits[byte >> 4U];
        result += digits[byte & 0xfU];
    }
    return result;
}

std::string percent_decoded(std::string_view text)
{
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        unsigned char byte = 0;
        const std::string_view digits = text.substr(at + 1, 2);
        if (text[at] == '%' && digits.size() == 2 &&
            std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2) {
            result += static_cast<char>(byte);
            at += 2;
        } else {
            result += text[at];
        }
    }
    return result;
}

// The characters that `bytes` alone decide when base64 encodes them after `offset` other ones.
std::string base64(std::string_view bytes, std::size_t offset)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    unsigned bits = 0;
    unsigned held = 0;
    const auto add = [&](unsigned char byte) {
        bits = (bits << 8U | byte) & 0xffffU;
        held += 8;
        for (; held >= 6; held -= 6)
            result += alphabet[bits >> (held - 6) & 0x3fU];
    };
    for (std::size_t i = 0; i < offset; ++i)
        add(0);
    for (const char c : bytes)
        add(static_cast<unsigned char>(c));
    const std::size_t mixed = (offset * 8 + 5) / 6;
    return result.substr(mixed);
}

} // namespace

std::vector<std::string> shown_forms(std::string_view text, std::string_view secret)
{
    const auto shows = [](std::string_view where, std::string_view what) {
        return where.find(what) != std::string_view::npos;
    };
    const std::string lower_text = lower(text);

    std::vector<std::string> forms;
    if (shows(lower_text, lower(secret)))
        forms.emplace_back("plain");
    else if (shows(lower(percent_decoded(text)), lower(secret)))
        forms.emplace_back("percent");
    if (shows(lower_text, hex(secret)))
        forms.emplace_back("hex");
    if (shows(text, base64(secret, 0)) || shows(text, base64(secret, 1)) || shows(text, base64(secret, 2)))
        forms.emplace_back("base64");
    return forms;
}

} // namespace structure
