#include "api/redact.hpp"
#include "freed_memory.hpp"

#include <passage/secret.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>
#include <string>
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
