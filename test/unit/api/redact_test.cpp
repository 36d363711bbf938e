#include "api/redact.hpp"
#include "freed_memory.hpp"

#include <passage/secret.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace passage;

namespace {

constexpr std::string_view key = "pk_live.7Qz0+Xw4Lr9/Ht2Vb6Nm==";

std::string redacted(std::string_view text, std::string_view secret = key)
{
    Error error{Errc::api, std::string{text}};
    api::redact(error, secret);
    return error.message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(redaction)

BOOST_AUTO_TEST_CASE(the_key_is_masked_in_every_form)
{
    struct Case
    {
        const char* form;
        std::string text;
    };
    const std::vector<Case> cases{
        {"plain", "pk_live.7Qz0+Xw4Lr9/Ht2Vb6Nm=="},
        {"lower case", "pk_live.7qz0+xw4lr9/ht2vb6nm=="},
        {"percent-encoded", "pk_live.7Qz0%2BXw4Lr9%2FHt2Vb6Nm%3D%3D"},
        {"percent-encoded, lower case", "pk_live.7Qz0%2bXw4Lr9%2fHt2Vb6Nm%3d%3d"},
        {"hexadecimal", "706b5f6c6976652e37517a302b5877344c72392f48743256"},
        {"base64", "cGtfbGl2ZS43UXowK1h3NExyOS9IdDJWYjZObT09"},
        {"base64 after one byte", "OnBrX2xpdmUuN1F6MCtYdzRMcjkvSHQyVmI2Tm09PQ=="},
        {"base64 after two bytes", "dTpwa19saXZlLjdRejArWHc0THI5L0h0MlZiNk5tPT0="},
    };
    for (const Case& test : cases) {
        const std::string masked = redacted("<" + test.text + ">");
        BOOST_TEST_CONTEXT(test.form << ": " << masked)
        {
            BOOST_TEST(masked.starts_with("<"));
            BOOST_TEST(masked.ends_with(">"));
            BOOST_TEST(masked.find("***") != masked.npos);
            BOOST_TEST(masked.size() < 16u); // a few characters at an edge are mixed with others
            for (std::size_t at = 0; at + 8 <= test.text.size(); ++at)
                BOOST_TEST(masked.find(test.text.substr(at, 8)) == masked.npos);
        }
    }
}

/// One way to write a character.
using Form = std::function<std::string(unsigned char)>;

std::string digits(unsigned number, const char* format)
{
    char text[16];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

Form formatted(const char* format)
{
    return [format](unsigned char c) { return digits(c, format); };
}

std::string written(std::string_view text, const Form& form, std::string_view separator = {})
{
    std::string result;
    for (const char c : text)
        result.append(result.empty() ? "" : separator).append(form(static_cast<unsigned char>(c)));
    return result;
}

const std::vector<std::pair<const char*, Form>> escapes{
    {"plain", [](unsigned char c) { return std::string(1, static_cast<char>(c)); }},
    {"percent", formatted("%%%02X")},
    {"percent, lower case", formatted("%%%02x")},
    {"\\x", formatted("\\x%02x")},
    {"\\x, upper case", formatted("\\x%02X")},
    {"\\u", formatted("\\u%04x")},
    {"\\\\u", formatted("\\\\u%04X")},
    {"HTML", formatted("&#%u;")},
    {"HTML, hexadecimal", formatted("&#x%x;")},
    {"HTML, hexadecimal with zeros", formatted("&#X%04X;")},
    {"0x", formatted("0x%02x")},
    {"hexadecimal", formatted("%02x")},
    {"hexadecimal, upper case", formatted("%02X")},
};

BOOST_AUTO_TEST_CASE(the_key_is_masked_however_its_characters_are_escaped)
{
    for (const auto& [name, form] : escapes)
        for (const char* separator : {"", " ", ":", "-", ",", ", "}) {
            if (std::string_view{name} == "plain" && *separator)
                continue;
            for (std::size_t at = 0; at + 8 <= key.size(); ++at) {
                const std::string text = written(key.substr(at, 8), form, separator);
                BOOST_TEST(redacted("<" + text + ">") == "<***>", name << ", '" << separator << "': " << text);
            }
            const std::string text = "<" + written(key, form, separator) + ">";
            BOOST_TEST(redacted(text) == "<***>", text);
        }
}

BOOST_AUTO_TEST_CASE(the_key_is_masked_in_any_mix_of_escapes)
{
    std::mt19937 random{1};
    for (int i = 0; i < 2'000; ++i) {
        const std::size_t at = random() % (key.size() - 7);
        const std::string text = written(key.substr(at, 8 + random() % 8),
                                         [&](unsigned char c) { return escapes[random() % escapes.size()].second(c); });
        BOOST_TEST(redacted("<" + text + ">") == "<***>", text);
    }
}

BOOST_AUTO_TEST_CASE(base64_is_masked_though_it_is_escaped)
{
    // As a server writes it into a URL, or into JSON within JSON.
    BOOST_TEST(redacted("<cGtfbGl2ZS43UXowK1h3NExyOS9IdDJWYjZObT09>") == "<***>");
    BOOST_TEST(redacted("<%63%47%74%66%62%47%6C%32%5A%53%34%33>") == "<***>");
    constexpr std::string_view slashes = "????????????"; // "Pz8/Pz8/Pz8/Pz8/" in base64
    BOOST_TEST(redacted("<Pz8\\/Pz8\\/Pz8\\/Pz8\\/>", slashes) == "<***>");
    BOOST_TEST(redacted("<Pz8%2FPz8%2FPz8%2FPz8%2F>", slashes) == "<***>");
}

BOOST_AUTO_TEST_CASE(fewer_than_eight_characters_stay_however_they_are_escaped)
{
    for (const auto& [name, form] : escapes)
        for (std::size_t at = 0; at + 3 <= key.size(); ++at) {
            const std::string text = "<" + written(key.substr(at, 3), form) + ">";
            BOOST_TEST(redacted(text) == text, name);
        }
    const std::string seven = "<" + written(key.substr(0, 7), formatted("%%%02X")) + ">";
    BOOST_TEST(redacted(seven) == seven);
}

BOOST_AUTO_TEST_CASE(a_key_that_looks_escaped_itself_is_masked)
{
    for (const std::string_view secret :
         {"a%41b%42c%43d%44", "\\x41\\x42\\x43\\x44", "&#65;&#66;&#67;&#68;", "4142434445464748", "0x410x420x430x44"})
        for (const auto& [name, form] : escapes)
            BOOST_TEST(redacted("<" + written(secret, form) + ">", secret) == "<***>", secret << " as " << name);
}

BOOST_AUTO_TEST_CASE(no_text_has_too_many_ways_to_be_read)
{
    // The longest possible text and key. Trying all combinations of escapes would take exponential time.
    using Clock = std::chrono::steady_clock;
    for (const std::string& secret : {std::string(4'096, '4'), std::string(4'096, '\\')})
        for (const char c : {'4', '\\', 'a', ' '}) {
            const auto begin = Clock::now();
            BOOST_TEST(redacted(std::string(512, c), secret).size() <= 512u);
            BOOST_TEST((Clock::now() - begin < std::chrono::seconds{10}));
        }
}

BOOST_AUTO_TEST_CASE(every_piece_of_eight_characters_is_masked)
{
    for (std::size_t at = 0; at + 8 <= key.size(); ++at)
        for (std::size_t size = 8; at + size <= key.size(); ++size)
            BOOST_TEST(redacted("a " + std::string{key.substr(at, size)} + " z") == "a *** z");
    BOOST_TEST(redacted(key.substr(0, 7)) == key.substr(0, 7));
}

BOOST_AUTO_TEST_CASE(what_is_not_the_key_stays)
{
    for (const char* text : {"", "User not found.", "pk_live", "user_not_found", "0123456789abcdef0123456789abcdef",
                             "AAAAAAAAAAAAAAAAAAAAAAAA", "***"})
        BOOST_TEST(redacted(text) == text);
}

BOOST_AUTO_TEST_CASE(each_occurrence_is_masked)
{
    const std::string text{key};
    BOOST_TEST(redacted(text + " and " + text) == "*** and ***");
    BOOST_TEST(redacted(text + text) == "******");
    BOOST_TEST(redacted("x" + text + "y") == "x***y");
}

BOOST_AUTO_TEST_CASE(a_short_secret_is_masked_as_a_whole)
{
    BOOST_TEST(redacted("the key is k3y!", "k3y") == "the key is ***!");
    BOOST_TEST(redacted("aXbXc", "X") == "a*b*c");
    BOOST_TEST(redacted("k3", "k3y") == "k3");
    BOOST_TEST(redacted("anything", "") == "anything");
}

BOOST_AUTO_TEST_CASE(all_texts_that_a_server_sets_are_masked)
{
    Error error{Errc::api, std::string{key}};
    error.api_code = key;
    error.request_id = key;
    api::redact(error, key);
    BOOST_TEST(error.message == "***");
    BOOST_TEST(error.api_code == "***");
    BOOST_TEST(error.request_id == "***");
}

BOOST_AUTO_TEST_CASE(a_text_does_not_grow)
{
    for (const std::string_view secret : {key, std::string_view{"a"}, std::string_view{"ab"}})
        for (const std::string& text : {std::string(512, 'a'), std::string(256, 'b') + std::string{secret}})
            BOOST_TEST(redacted(text, secret).size() <= text.size());
}

BOOST_AUTO_TEST_CASE(freed_memory_does_not_show_the_key_where_the_text_does_not)
{
    const Secret secret{key};
    const test::FreedMemory freed{key};
    BOOST_TEST(redacted(std::string(100, 'x'), secret.reveal()).size() == 100u);
    BOOST_TEST(freed.blocks() > 2u);
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
