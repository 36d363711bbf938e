#include "jwt/key_set.hpp"

#include "support/error_of.hpp"
#include "support/token_signer.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace passage;
using test::key_set;
using test::TokenSigner;

namespace {

const TokenSigner& signer()
{
    static const TokenSigner one{"k1"};
    return one;
}

std::size_t usable(const std::vector<std::string>& jwks)
{
    const auto set = jwt::read_key_set(key_set(jwks));
    BOOST_REQUIRE_MESSAGE(set.has_value(), passage::test::error_of(set).message);
    return set->size();
}

std::string rsa(std::string_view n, std::string_view e)
{
    return std::string{R"({"kty":"RSA","kid":"x","n":")"}.append(n).append(R"(","e":")").append(e).append("\"}");
}

/// A modulus of so many bits, all of them set but perhaps the last.
std::string modulus(std::size_t bits, bool odd = true)
{
    std::string bytes(bits / 8, '\xff');
    if (!odd)
        bytes.back() = '\xfe';
    return test::base64url(bytes);
}

} // namespace

BOOST_AUTO_TEST_SUITE(key_sets)

BOOST_AUTO_TEST_CASE(a_set_that_is_too_large_is_refused)
{
    const std::string set = key_set({signer().jwk()});
    BOOST_TEST(jwt::read_key_set(set, set.size()).has_value());
    const Error error = jwt::read_key_set(set, set.size() - 1).error();
    BOOST_TEST((error.code == Errc::too_large));
    BOOST_TEST(error.message == "the token keys exceed " + std::to_string(set.size() - 1) + " bytes");
    const std::string spaces(jwt::max_set_size, ' ');
    BOOST_TEST((jwt::read_key_set(spaces + set).error().code == Errc::too_large));
}

BOOST_AUTO_TEST_CASE(keys_are_found_by_their_ids)
{
    const TokenSigner other{"k2", 3072};
    const auto set = jwt::read_key_set(
        R"({"later":{"keys":1},"keys":[)" +
        signer().jwk(R"(,"use":"sig","alg":"RS256","key_ops":["sign","verify"],"x5c":["a"],"later":{"d":1})") + "," +
        other.jwk() + "]}");
    BOOST_TEST_REQUIRE(set.has_value(), passage::test::error_of(set).message);
    BOOST_TEST(set->size() == 2u);
    BOOST_TEST_REQUIRE(set->find("k1"));
    BOOST_TEST_REQUIRE(set->find("k2"));
    BOOST_TEST(!set->find("k"));
    BOOST_TEST(!set->find(""));
    BOOST_TEST(set->find("k1")->verifies("m", signer().signature("m")));
    BOOST_TEST(!set->find("k2")->verifies("m", signer().signature("m")));
    BOOST_TEST(set->find("k2")->verifies("m", other.signature("m")));
}

BOOST_AUTO_TEST_CASE(keys_for_something_else_are_left_out)
{
    for (const char* more :
         {R"(,"use":"enc")", R"(,"use":null)", R"(,"alg":"RS384")", R"(,"alg":"PS256")", R"(,"alg":"RSA1_5")",
          R"(,"alg":"none")", R"(,"alg":256)", R"(,"key_ops":["sign"])", R"(,"key_ops":[])", R"(,"key_ops":"verify")",
          R"(,"d":"AQAB")", R"(,"p":"AQAB")", R"(,"q":"AQAB")", R"(,"dp":"AQAB")", R"(,"dq":"AQAB")", R"(,"qi":"AQAB")",
          R"(,"oth":[])", R"(,"k":"AQAB")"})
        BOOST_TEST(usable({signer().jwk(more)}) == 0u, more);
    BOOST_TEST(usable({R"({"kty":"oct","kid":"o","k":"c2VjcmV0"})", R"({"kty":"EC","kid":"e","crv":"P-256"})",
                       R"({"kid":"none of its kind"})", "{}", signer().jwk()}) == 1u);
}

BOOST_AUTO_TEST_CASE(keys_without_an_id_are_left_out)
{
    const std::string numbers = R"("n":")" + signer().modulus() + R"(","e":"AQAB"})";
    BOOST_TEST(usable({R"({"kty":"RSA",)" + numbers}) == 0u);
    BOOST_TEST(usable({R"({"kty":"RSA","kid":"",)" + numbers}) == 0u);
    BOOST_TEST(usable({R"({"kty":"RSA","kid":7,)" + numbers}) == 0u);
    BOOST_TEST(usable({R"({"kty":"RSA","kid":"x",)" + numbers}) == 1u);
}

BOOST_AUTO_TEST_CASE(weak_and_odd_keys_are_left_out)
{
    const TokenSigner weak{"k", 1024};
    BOOST_TEST(usable({weak.jwk()}) == 0u);
    BOOST_TEST(usable({rsa(modulus(2040), "AQAB")}) == 0u);
    BOOST_TEST(usable({rsa(modulus(2048), "AQAB")}) == 1u);
    BOOST_TEST(usable({rsa(modulus(8192), "AQAB")}) == 1u);
    BOOST_TEST(usable({rsa(modulus(8200), "AQAB")}) == 0u);
    BOOST_TEST(usable({rsa(modulus(1'000'000), "AQAB")}) == 0u);
    BOOST_TEST(usable({rsa(modulus(2048, false), "AQAB")}) == 0u); // an even modulus
    BOOST_TEST(usable({rsa(modulus(2048), "Aw")}) == 1u);          // 3
    for (const char* exponent : {"AQ" /* 1 */, "AA" /* 0 */, "", "Ag" /* 2 */, "AQAA" /* 65536 */,
                                 "AQAAAAAAAAAB" /* more than 64 bits */, "AQAB=", "A QAB", "!"})
        BOOST_TEST(usable({rsa(modulus(2048), exponent)}) == 0u, exponent);
    BOOST_TEST(usable({rsa("", "AQAB")}) == 0u);
    BOOST_TEST(usable({rsa(signer().modulus() + "==", "AQAB")}) == 0u);
    BOOST_TEST(usable({R"({"kty":"RSA","kid":"x","n":5,"e":65537})"}) == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_no_key_set_is_refused)
{
    const std::string key = signer().jwk();
    for (const std::string& text :
         {std::string{}, std::string{"<html>"}, std::string{"{}"}, std::string{"[]"}, std::string{"null"},
          "[" + key + "]", key, std::string{R"({"keys":{}})"}, std::string{R"({"keys":null})"},
          std::string{R"({"keys":["a"]})"}, R"({"keys":[)" + key + "]", "\xef\xbb\xbf" + key_set({key}),
          key_set({key, key}), R"({"keys":[],"keys":[)" + key + "]}", key_set({signer().jwk(R"(,"kty":"RSA")")}),
          key_set({signer().jwk(R"(,"x":1,"x":1)")})}) {
        const auto set = jwt::read_key_set(text);
        BOOST_TEST(!set.has_value(), text);
        BOOST_TEST((set || set.error().code == Errc::decode));
    }
    BOOST_TEST(usable({}) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
