#include "jwt/key_set.hpp"
#include "jwt/token.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

/// The vectors of Wycheproof (https://github.com/C2SP/wycheproof), in the folder that is the program's argument.

using namespace passage;

namespace {

namespace unit_test = boost::unit_test;
namespace json = boost::json;

std::filesystem::path folder()
{
    const auto& suite = unit_test::framework::master_test_suite();
    return suite.argc > 1 ? std::filesystem::path{suite.argv[1]} / "wycheproof" : std::filesystem::path{};
}

boost::test_tools::assertion_result vectors_are_there(unit_test::test_unit_id)
{
    const bool present = std::filesystem::is_directory(folder());
    if (!present)
        std::cout << "Skipped: no signature vectors in " << folder() << "; PASSAGE_VECTORS says where they are.\n";
    return present;
}

json::array groups(const char* name)
{
    std::ifstream file{folder() / name};
    return json::parse(std::string{std::istreambuf_iterator<char>{file}, {}}).at("testGroups").as_array();
}

std::string text(const json::value& value)
{
    return std::string{value.as_string()};
}

std::string from_hex(const json::value& hex)
{
    std::string bytes;
    const std::string digits = text(hex);
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

/// Whether a token is signed with the key that it names, which must be in a set. Does not check claims, as some vectors
/// have other payloads.
bool is_signed(const std::string& token, const std::string& key_set)
{
    const auto keys = jwt::read_key_set(key_set);
    const auto parts = jwt::read_token(token);
    if (!keys || !parts)
        return false;
    const auto* const key = keys->find(parts->key_id());
    return key && jwt::is_signed_by(*parts, *key);
}

} // namespace

BOOST_AUTO_TEST_SUITE(wycheproof, *unit_test::precondition(vectors_are_there))

BOOST_AUTO_TEST_CASE(of_the_signatures_of_tokens_those_by_rs256_are_taken)
{
    std::set<std::int64_t> taken;
    std::size_t count = 0;
    for (const json::value& group : groups("json_web_signature_test.json")) {
        const json::value* const key = group.as_object().if_contains("public");
        const std::string keys = key ? R"({"keys":[)" + json::serialize(*key) + "]}" : R"({"keys":[]})";
        for (const json::value& test : group.at("tests").as_array()) {
            ++count;
            if (is_signed(text(test.at("jws")), keys))
                taken.insert(test.at("tcId").as_int64());
        }
    }
    BOOST_TEST(count > 390u);
    BOOST_TEST((taken == std::set<std::int64_t>{33, 259, 260, 261, 262, 263, 345, 349}));
}

BOOST_AUTO_TEST_CASE(of_the_key_sets_those_with_a_good_key_for_rs256_are_taken)
{
    std::set<std::int64_t> taken;
    for (const json::value& group : groups("json_web_key_test.json")) {
        const json::value* const keys = group.as_object().if_contains("public");
        for (const json::value& test : group.at("tests").as_array())
            if (keys && is_signed(text(test.at("jws")), json::serialize(*keys)))
                taken.insert(test.at("tcId").as_int64());
    }
    // 7 has a key made by a weak generator (ROCA), which the library does not detect.
    BOOST_TEST((taken == std::set<std::int64_t>{5, 7}));
}

BOOST_AUTO_TEST_CASE(only_signatures_in_their_one_form_are_taken)
{
    std::size_t count = 0;
    for (const char* name : {"rsa_signature_2048_sha256_test.json", "rsa_signature_3072_sha256_test.json",
                             "rsa_signature_4096_sha256_test.json"}) {
        for (const json::value& group : groups(name)) {
            const auto keys = jwt::read_key_set(R"({"keys":[)" + json::serialize(group.at("keyJwk")) + "]}");
            BOOST_TEST_REQUIRE(keys.has_value());
            const auto* const key = keys->find(text(group.at("keyJwk").at("kid")));
            BOOST_TEST_REQUIRE(key);
            for (const json::value& test : group.at("tests").as_array()) {
                ++count;
                BOOST_TEST(key->verifies(from_hex(test.at("msg")), from_hex(test.at("sig"))) ==
                               (test.at("result") == "valid"),
                           name << " " << test.at("tcId"));
            }
        }
    }
    BOOST_TEST(count == 776u);
}

BOOST_AUTO_TEST_SUITE_END()
