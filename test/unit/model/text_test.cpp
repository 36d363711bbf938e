#include "model/text.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace passage;
using namespace std::string_literals;

namespace {

std::string encoded(unsigned code)
{
    const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80)
        return {static_cast<char>(code)};
    if (code < 0x800)
        return {static_cast<char>(0xc0 | code >> 6), tail(0)};
    if (code < 0x10000)
        return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

bool is_control(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

} // namespace

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(every_code_point_is_utf8_but_surrogates)
{
    std::size_t wrong = 0;
    for (unsigned code = 0; code <= 0x1fffff; ++code) {
        const std::string sequence = encoded(code);
        const bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        wrong += is_utf8(sequence) != valid;
        wrong += is_utf8("a" + sequence + "b") != valid;
        for (std::size_t cut = 1; cut < sequence.size(); ++cut)
            wrong +=
                is_utf8(std::string_view{sequence}.substr(0, cut)) || is_utf8(std::string_view{sequence}.substr(cut));
    }
    BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_utf8_is_none)
{
    for (const std::string& text : {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x80\x80"s, "\xe0\x9f\xbf"s,
                                    "\xf0\x80\x80\x80"s, "\xf0\x8f\xbf\xbf"s, "\xf5\x80\x80\x80"s, "\xfe"s, "\xff"s,
                                    "\xed\xa0\x80\xed\xb0\x80"s, "\xc3("s, "\xe2\x28\xa1"s, "\xf0\x9f\x98"s})
        BOOST_TEST(!is_utf8(text));
    BOOST_TEST(is_utf8(""));
}

BOOST_AUTO_TEST_CASE(every_control_character_is_found_and_escaped)
{
    std::size_t wrong = 0;
    for (unsigned code = 0; code <= 0x10ffff; ++code) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        const std::string text = "a" + encoded(code) + "b";
        wrong += has_control_character(text) != is_control(code);
        wrong += (printable(text) == text) == is_control(code);
    }
    BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(a_printable_text_is_one_line_of_valid_utf8)
{
    struct Case
    {
        std::string text;
        std::string printed;
    };
    const std::vector<Case> cases{
        {"", ""},
        {"User not found.", "User not found."},
        {"j\xc3\xbcrg \xf0\x9f\x98\x80", "j\xc3\xbcrg \xf0\x9f\x98\x80"},
        {"a\r\nb\tc\0d\x7f"s, "a\\x0d\\x0ab\\x09c\\x00d\\x7f"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"},
        {"gpj\xe2\x80\xae"
         "exe",
         "gpj\\xe2\\x80\\xaeexe"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xc3(", "\\xc3("},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"C:\\x41", "C:\\x41"},
    };
    for (const Case& test : cases)
        BOOST_TEST(printable(test.text) == test.printed);
}

BOOST_AUTO_TEST_CASE(a_printable_text_is_cut_between_characters)
{
    BOOST_TEST(printable("abcdef", 3) == "abc");
    BOOST_TEST(printable("abcdef", 0) == "");
    BOOST_TEST(printable("ab\xc3\xa9", 3) == "ab");
    BOOST_TEST(printable("ab\xc3\xa9", 4) == "ab\xc3\xa9");
    BOOST_TEST(printable("ab\n", 5) == "ab");
    BOOST_TEST(printable("ab\n", 6) == "ab\\x0a");
    BOOST_TEST(printable("a\xe2\x80\xae", 12) == "a");
    BOOST_TEST(printable("a\xe2\x80\xae", 13) == "a\\xe2\\x80\\xae");
    BOOST_TEST(printable(std::string(10'000, 'x')).size() == 512u);
    BOOST_TEST(printable(std::string(10'000, '\0')).size() == 512u);
}

BOOST_AUTO_TEST_CASE(printable_ascii_ends_before_the_first_other_byte)
{
    int wrong = 0;
    for (std::size_t size = 0; size <= 20; ++size) {
        wrong += printable_ascii_size(std::string(size, '~')) != size;
        for (std::size_t at = 0; at < size; ++at) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                // Neighbours of the lowest and the highest value: a borrow or carry must not reach them.
                for (const char around : {' ', '~'}) {
                    std::string text(size, around);
                    text[at] = static_cast<char>(byte);
                    const bool printable = byte >= 0x20 && byte <= 0x7e;
                    wrong += printable_ascii_size(text) != (printable ? size : at);
                }
            }
        }
    }
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(only_ascii_letters_have_another_case)
{
    constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
    constexpr std::string_view digits = "0123456789";
    int wrong = 0;
    for (int byte = 0; byte < 256; ++byte) {
        const auto c = static_cast<char>(byte);
        const std::size_t letter = upper.find(c);
        wrong += lower_case(c) != (letter == upper.npos ? c : lower[letter]);
        wrong += is_digit(c) != (digits.find(c) != digits.npos);
        wrong += is_alphanumeric(c) !=
                 (letter != upper.npos || lower.find(c) != lower.npos || digits.find(c) != digits.npos);
        for (int other = 0; other < 256; ++other) {
            const auto d = static_cast<char>(other);
            const std::size_t same = upper.find(d);
            const bool equal =
                c == d || (letter != upper.npos && lower[letter] == d) || (same != upper.npos && lower[same] == c);
            wrong += equal_ignoring_case({&c, 1}, {&d, 1}) != equal;
        }
    }
    BOOST_TEST(wrong == 0);
    BOOST_TEST(lower_case("Content-TYPE @[`{ \xc3\x84") == "content-type @[`{ \xc3\x84");
    BOOST_TEST(equal_ignoring_case("Bearer", "bEARER"));
    BOOST_TEST(!equal_ignoring_case("Bearer", "Beare"));
    BOOST_TEST(!equal_ignoring_case("Beare", "Bearer"));
    BOOST_TEST(equal_ignoring_case("", ""));
}

BOOST_AUTO_TEST_SUITE_END()
