#include "api/redact.hpp"

#include "http/url.hpp"
#include "model/hex.hpp"
#include "model/text.hpp"

#include <passage/secret.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace passage::api {
namespace {

/// Shorter pieces of a secret are not masked.
constexpr std::size_t max_piece = 8;

/// Makes letters of both cases, and digits of both base64 alphabets (RFC 4648), equal.
char fold(char c) noexcept
{
    return c == '-' ? '+' : c == '_' ? '/' : lower_case(c);
}

/// Appends the base64 digits that depend on `bytes` alone if `before` other bytes precede them.
void append_base64(std::string& out, std::string_view bytes, unsigned before)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    unsigned held = 0;
    unsigned mixed = (6 - 8 * before % 6) % 6; // bits of the first byte in a digit shared with the bytes before
    for (const char c : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
        held += 8 - mixed;
        mixed = 0;
        for (; held >= 6; held -= 6)
            out += alphabet[bits >> (held - 6) & 63];
    }
}

constexpr bool is_separator(char c) noexcept
{
    return c == ' ' || c == ':' || c == '-' || c == ',' || c == ';';
}

/// The ways to read one character at a position of a text: the character itself, or an escape, possibly after
/// separators.
class Readings
{
public:
    struct Reading
    {
        char character;
        bool is_first; ///< There are no separators before it.
        std::size_t end;
    };

    /// The longest reading.
    static constexpr std::size_t longest = 15;

    /// `bare`: two hexadecimal digits alone count as an escape.
    Readings(std::string_view text, std::size_t at, bool bare) : text_{text}, bare_{bare}
    {
        constexpr std::size_t max_separators = 2;
        add(text[at], at + 1);
        add_escapes(at);
        is_first_ = false;
        for (std::size_t n = 0; n < max_separators && is_separator(character(at)); ++n)
            add_escapes(++at);
    }

    const Reading* begin() const noexcept { return readings_.data(); }
    const Reading* end() const noexcept { return readings_.data() + count_; }

private:
    char character(std::size_t at) const noexcept { return at < text_.size() ? text_[at] : '\0'; }

    void add(char character, std::size_t end) noexcept { readings_[count_++] = {fold(character), is_first_, end}; }

    void add_escapes(std::size_t at) noexcept
    {
        if (bare_)
            add_hexadecimal(at, 2);
        switch (character(at)) {
        case '%':
            add_hexadecimal(at + 1, 2);
            break;
        case '0':
            if (fold(character(at + 1)) == 'x')
                add_hexadecimal(at + 2, 2);
            break;
        case '\\':
            add_backslash(at + 1);
            break;
        case '&':
            if (character(at + 1) == '#')
                add_html(at + 2);
            break;
        default:
            break;
        }
    }

    /// Adds the character with a number, if there is one.
    void add_number(unsigned number, std::size_t end) noexcept
    {
        if (number > 0 && number <= 0xff)
            add(static_cast<char>(number), end);
    }

    /// Reads `count` hexadecimal digits.
    void add_hexadecimal(std::size_t at, std::size_t count) noexcept
    {
        unsigned number = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const char c = character(at + i);
            if (!is_hex_digit(c))
                return;
            number = number * 16 + hex_digit(c);
        }
        add_number(number, at + count);
    }

    /// Reads what follows a backslash: more backslashes, then `x41`, `u0041` or the character itself.
    void add_backslash(std::size_t at) noexcept
    {
        constexpr std::size_t max_more = 3;
        for (std::size_t more = 0; more < max_more && character(at) == '\\'; ++more)
            ++at;
        if (at == text_.size())
            return;
        if (fold(text_[at]) == 'x')
            add_hexadecimal(at + 1, 2);
        else if (fold(text_[at]) == 'u')
            add_hexadecimal(at + 1, 4);
        else
            add(text_[at], at + 1);
    }

    /// Reads what follows `&#`: `65;` or `x41;`.
    void add_html(std::size_t at) noexcept
    {
        constexpr std::size_t max_digits = 7;
        const unsigned base = fold(character(at)) == 'x' ? 16 : 10;
        at += base == 16;
        unsigned number = 0;
        for (std::size_t i = 0; i < max_digits && hex_digit(character(at)) < base; ++i)
            number = number * base + hex_digit(text_[at++]);
        if (character(at) == ';')
            add_number(number, at + 1);
    }

    std::string_view text_;
    bool bare_;
    bool is_first_ = true;
    std::array<Reading, 8> readings_;
    std::size_t count_ = 0;
};

/// All forms of a secret, concatenated.
class Forms
{
public:
    explicit Forms(std::string_view secret) : piece_{std::min(secret.size(), max_piece)}
    {
        std::string forms;
        forms.reserve(16 + secret.size() * 12); // enough: growth would leave a copy of the secret behind
        forms.append(secret) += separator;
        if (piece_ == max_piece) {
            forms.append(Secret{http::percent_encode(secret)}.reveal()) += separator;
            for (const char c : secret)
                append_hex(forms, c);
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
        if (text.size() < piece_)
            return std::string{text};
        const std::vector<std::size_t> shown = find(text);
        std::string result;
        for (std::size_t at = 0; at < text.size();) {
            if (shown[at] == 0) {
                result += text[at++];
                continue;
            }
            const std::size_t begin = at;
            std::size_t end = shown[at];
            for (; at < end; ++at)
                end = std::max(end, shown[at]);
            result.append(mask.substr(0, end - begin)); // not longer than what it masks
        }
        return result;
    }

private:
    static constexpr char separator = '\0';

    /// The number of characters that match, from one position in the forms and one in the text.
    struct Run
    {
        std::uint32_t length = 0;
        std::uint32_t end = 0; ///< Position in the text.
    };

    /// For each position in a text: the end of the piece of the secret that begins there; 0 if none does.
    ///
    /// Goes backwards: the matches at a position follow from those after it. So each pair of positions in text and
    /// forms is looked at once for each reading.
    std::vector<std::size_t> find(std::string_view text) const
    {
        const std::string_view forms = forms_.reveal();
        std::vector<std::size_t> shown(text.size());
        const std::size_t width = forms.size() + 1;
        const std::size_t rows = std::min(text.size(), Readings::longest) + 1;
        std::vector<Run> runs(rows * width); // a ring buffer of the next positions
        for (std::size_t at = text.size(); at-- > 0;) {
            Run* const here = &runs[at % rows * width];
            std::fill(here, here + width, Run{});
            for (const auto& [character, is_first, end] : Readings{text, at, piece_ == max_piece}) {
                const Run* const next = &runs[end % rows * width];
                for (std::size_t k = forms.find(character); k != forms.npos; k = forms.find(character, k + 1)) {
                    const Run& rest = next[k + 1];
                    const Run run{rest.length + 1, rest.length > 0 ? rest.end : static_cast<std::uint32_t>(end)};
                    if (run.length > here[k].length || (run.length == here[k].length && run.end > here[k].end))
                        here[k] = run;
                    if (is_first && run.length >= piece_)
                        shown[at] = std::max<std::size_t>(shown[at], run.end);
                }
            }
        }
        return shown;
    }

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
