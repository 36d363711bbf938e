#include "api/redact.hpp"

#include "http/url.hpp"

#include <passage/secret.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace passage::api {
namespace {

/// Fewer characters in a row say nothing of a secret.
constexpr std::size_t max_piece = 8;

/// Letters without their case, and one of the two alphabets of base64 (RFC 4648) for both.
char fold(char c) noexcept
{
    if (c >= 'A' && c <= 'Z')
        return static_cast<char>(c - 'A' + 'a');
    return c == '-' ? '+' : c == '_' ? '/' : c;
}

void append_hexadecimal(std::string& out, std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

/// The characters that `bytes` alone decide where they follow `before` others.
void append_base64(std::string& out, std::string_view bytes, unsigned before)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    unsigned held = 0;
    unsigned mixed = (6 - 8 * before % 6) % 6; // bits of the first byte in a character that `before` begins
    for (const char c : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
        held += 8 - mixed;
        mixed = 0;
        for (; held >= 6; held -= 6)
            out += alphabet[bits >> (held - 6) & 63];
    }
}

/// A secret in all its forms, one behind the other.
class Forms
{
public:
    explicit Forms(std::string_view secret) : piece_{std::min(secret.size(), max_piece)}
    {
        std::string forms;
        forms.reserve(16 + secret.size() * 12); // in full: no smaller buffer is left behind
        forms.append(secret) += separator;
        if (piece_ == max_piece) {
            forms.append(Secret{http::percent_encode(secret)}.reveal()) += separator;
            append_hexadecimal(forms, secret);
            for (unsigned before = 0; before < 3; ++before) {
                forms += separator;
                append_base64(forms, secret, before);
            }
        }
        std::transform(forms.begin(), forms.end(), forms.begin(), fold);
        forms_ = Secret{std::move(forms)};
    }

    std::string masked(std::string_view text) const
    {
        constexpr std::string_view mask = "***";
        std::string folded{text};
        std::transform(folded.begin(), folded.end(), folded.begin(), fold);
        const auto shown = [&](std::size_t at) {
            return at + piece_ <= folded.size() &&
                   forms_.reveal().find(folded.data() + at, 0, piece_) != std::string::npos;
        };
        std::string result;
        for (std::size_t at = 0; at < text.size();) {
            if (!shown(at)) {
                result += text[at++];
                continue;
            }
            const std::size_t begin = at;
            while (shown(at + 1))
                ++at;
            at += piece_;
            result.append(mask.substr(0, at - begin)); // never longer than what it hides
        }
        return result;
    }

private:
    static constexpr char separator = '\0';

    std::size_t piece_;
    Secret forms_;
};

} // namespace

void redact(Error& error, std::string_view secret)
{
    if (secret.empty())
        return;
    const Forms forms{secret};
    for (std::string* text : {&error.api_code, &error.message, &error.request_id})
        *text = forms.masked(*text);
}

} // namespace passage::api
