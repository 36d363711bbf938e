#include "secrets.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

using structure::canary;

namespace {

std::string read(const std::filesystem::path& path)
{
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

struct Leak
{
    std::string form;
    std::string text;

    friend std::ostream& operator<<(std::ostream& stream, const Leak& leak) { return stream << leak.form; }
};

const std::string reference = "key_0f1e2d";
const std::vector<Leak> leaks{
    {"plain", "Authorization: Bearer key_0f1e2d\r\n"},
    {"plain", "KEY_0F1E2D"},
    {"hex", "6b65795f306631653264"},
    {"hex", "x6B65795F306631653264x"},
    {"percent", "?q=%6b%65%79%5f%30%66%31%65%32%64"},
    {"percent", "?q=key%5f0f1e2d"},
    {"percent", "?q=%6B%65%79%5F%30%66%31%65%32%64"},
    {"base64", "a2V5XzBmMWUyZA=="},             // key_0f1e2d
    {"base64", "LWtleV8wZjFlMmQt"},             // -key_0f1e2d-
    {"base64", "LS1rZXlfMGYxZTJkLS0="},         // --key_0f1e2d--
    {"base64", "QmVhcmVyIGtleV8wZjFlMmQNCg=="}, // Bearer key_0f1e2d, CR LF
};

} // namespace

BOOST_AUTO_TEST_CASE(no_test_shows_the_api_key)
{
    std::size_t logs = 0;
    for (const auto& entry : std::filesystem::directory_iterator{PASSAGE_TEST_OUTPUT}) {
        ++logs;
        for (const std::string& form : structure::shown_forms(read(entry.path()), canary))
            BOOST_ERROR(entry.path().filename().string() << " shows the API key, in its form: " << form);
    }
    BOOST_TEST(logs > 1U);
}

BOOST_AUTO_TEST_CASE(tests_use_the_key_that_is_searched_for)
{
    const std::filesystem::path root{PASSAGE_SOURCE_DIR "/test"};
    bool used = false;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root})
        used = used || (entry.path().extension() == ".hpp" && entry.path().parent_path() != root / "structure" &&
                        read(entry.path()).find(canary) != std::string::npos);
    BOOST_TEST(used, "no header of the tests names the canary");
}

BOOST_DATA_TEST_CASE(key_is_found_in_each_form, boost::unit_test::data::make(leaks), leak)
{
    const std::vector<std::string> forms = structure::shown_forms("before " + leak.text + " after", reference);
    BOOST_REQUIRE_EQUAL(forms.size(), 1U);
    BOOST_TEST(forms.front() == leak.form);
}

BOOST_AUTO_TEST_CASE(other_text_is_no_leak)
{
    BOOST_TEST(structure::shown_forms("key_0f1e2c and a2V5XzBmMWUyYw==", reference).empty());
    BOOST_TEST(structure::shown_forms("", reference).empty());
}
