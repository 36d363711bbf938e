#include "support/error_of.hpp"
#include "json/decode.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

/// The vectors of JSONTestSuite (https://github.com/nst/JSONTestSuite), in the folder that is the
/// program's argument.

namespace {

namespace unit_test = boost::unit_test;

std::filesystem::path folder()
{
    const auto& suite = unit_test::framework::master_test_suite();
    return suite.argc > 1 ? std::filesystem::path{suite.argv[1]} / "json" / "test_parsing" : std::filesystem::path{};
}

boost::test_tools::assertion_result vectors_are_there(unit_test::test_unit_id)
{
    const bool present = std::filesystem::is_directory(folder());
    if (!present)
        std::cout << "Skipped: no JSON vectors in " << folder() << "; PASSAGE_VECTORS says where they are.\n";
    return present;
}

/// The files whose names begin with a letter: their contents by name.
std::map<std::string, std::string> vectors(char letter)
{
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{folder()}) {
        const std::string name = entry.path().stem().string();
        if (entry.path().extension() != ".json" || name.front() != letter)
            continue;
        std::ifstream file{entry.path(), std::ios::binary};
        files.emplace(name, std::string{std::istreambuf_iterator<char>{file}, {}});
    }
    return files;
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_test_suite, *unit_test::precondition(vectors_are_there))

BOOST_AUTO_TEST_CASE(documents_that_must_be_read_are_read)
{
    const auto files = vectors('y');
    BOOST_TEST(files.size() == 95u);
    for (const auto& [name, text] : files) {
        const auto value = passage::json::decode_value(text);
        BOOST_TEST(value.has_value(), name << ": " << passage::test::error_of(value).message);
    }
}

BOOST_AUTO_TEST_CASE(documents_that_must_be_refused_are_refused)
{
    const auto files = vectors('n');
    BOOST_TEST(files.size() == 188u);
    for (const auto& [name, text] : files) {
        const auto value = passage::json::decode_value(text);
        BOOST_TEST(!value.has_value(), name << " was read");
        BOOST_TEST((value || value.error().code == passage::Errc::decode));
    }
}

BOOST_AUTO_TEST_CASE(documents_that_are_left_to_the_reader_are_read_as_decided)
{
    enum Decision { is_read, is_refused };
    const std::map<std::string, Decision> decisions{
        // Too small for a double: zero is the nearest.
        {"i_number_double_huge_neg_exp", is_read},
        {"i_number_real_underflow", is_read},
        // Integers beyond 64 bits are doubles.
        {"i_number_too_big_neg_int", is_read},
        {"i_number_too_big_pos_int", is_read},
        {"i_number_very_big_negative_int", is_read},
        // Too great for a double: infinity would be another number.
        {"i_number_huge_exp", is_refused},
        {"i_number_neg_int_huge_exp", is_refused},
        {"i_number_pos_double_huge_exp", is_refused},
        {"i_number_real_neg_overflow", is_refused},
        {"i_number_real_pos_overflow", is_refused},
        // Surrogates without their other half stand for no character.
        {"i_object_key_lone_2nd_surrogate", is_refused},
        {"i_string_1st_surrogate_but_2nd_missing", is_refused},
        {"i_string_1st_valid_surrogate_2nd_invalid", is_refused},
        {"i_string_UTF8_surrogate_U+D800", is_refused},
        {"i_string_incomplete_surrogate_and_escape_valid", is_refused},
        {"i_string_incomplete_surrogate_pair", is_refused},
        {"i_string_incomplete_surrogates_escape_valid", is_refused},
        {"i_string_invalid_lonely_surrogate", is_refused},
        {"i_string_invalid_surrogate", is_refused},
        {"i_string_inverted_surrogates_U+1D11E", is_refused},
        {"i_string_lone_second_surrogate", is_refused},
        // JSON between systems is UTF-8, without a byte order mark (RFC 8259, section 8.1).
        {"i_string_UTF-16LE_with_BOM", is_refused},
        {"i_string_UTF-8_invalid_sequence", is_refused},
        {"i_string_invalid_utf-8", is_refused},
        {"i_string_iso_latin_1", is_refused},
        {"i_string_lone_utf8_continuation_byte", is_refused},
        {"i_string_not_in_unicode_range", is_refused},
        {"i_string_overlong_sequence_2_bytes", is_refused},
        {"i_string_overlong_sequence_6_bytes", is_refused},
        {"i_string_overlong_sequence_6_bytes_null", is_refused},
        {"i_string_truncated-utf-8", is_refused},
        {"i_string_utf16BE_no_BOM", is_refused},
        {"i_string_utf16LE_no_BOM", is_refused},
        {"i_structure_UTF-8_BOM_empty_object", is_refused},
        // Deeper than the limit.
        {"i_structure_500_nested_arrays", is_refused},
    };
    const auto files = vectors('i');
    BOOST_TEST(files.size() == decisions.size());
    for (const auto& [name, text] : files) {
        const auto decision = decisions.find(name);
        BOOST_TEST_REQUIRE((decision != decisions.end()), name << " is not decided");
        BOOST_TEST(passage::json::decode_value(text).has_value() == (decision->second == is_read), name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
