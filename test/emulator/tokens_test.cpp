#include "local_service.hpp"
#include "temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <chrono>
#include <memory>
#include <vector>

namespace json = boost::json;
using namespace passage::emulator;

namespace {

using Bytes = std::vector<unsigned char>;

template <auto free>
struct Free
{
    template <class T>
    void operator()(T* object) const
    {
        free(object);
    }
};
using Number = std::unique_ptr<BIGNUM, Free<&BN_free>>;

/// Decodes by OpenSSL, which knows the common alphabet, with padding.
Bytes from_base64url(std::string text)
{
    BOOST_TEST_REQUIRE(text.find_first_of("+/=") == std::string::npos);
    for (char& c : text) {
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    const std::size_t padding = (4 - text.size() % 4) % 4;
    text.append(padding, '=');
    Bytes bytes(text.size() / 4 * 3);
    const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    BOOST_TEST_REQUIRE(size == static_cast<int>(bytes.size()));
    bytes.resize(bytes.size() - padding);
    return bytes;
}

std::string text(const json::value& value)
{
    return {value.as_string().data(), value.as_string().size()};
}

/// A token, taken apart.
struct Token
{
    explicit Token(const std::string& token)
    {
        const std::size_t first = token.find('.');
        const std::size_t last = token.rfind('.');
        BOOST_TEST_REQUIRE((first != std::string::npos && first < last));
        const auto part = [](const std::string& encoded) {
            const Bytes bytes = from_base64url(encoded);
            return json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        };
        header = part(token.substr(0, first));
        claims = part(token.substr(first + 1, last - first - 1)).as_object();
        signed_text = token.substr(0, last);
        signature = from_base64url(token.substr(last + 1));
    }

    std::string kid() const { return text(header.at("kid")); }

    json::value header;
    json::object claims;
    std::string signed_text;
    Bytes signature;
};

Number number_of(const json::value& encoded)
{
    const Bytes bytes = from_base64url(text(encoded));
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

bool is_signed_by(const Token& token, const json::value& jwk)
{
    const Number modulus = number_of(jwk.at("n"));
    const Number exponent = number_of(jwk.at("e"));
    BOOST_TEST(BN_num_bits(modulus.get()) == 2048);
    const std::unique_ptr<OSSL_PARAM_BLD, Free<&OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
    const std::unique_ptr<OSSL_PARAM, Free<&OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const std::unique_ptr<EVP_PKEY_CTX, Free<&EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* made = nullptr;
    BOOST_TEST_REQUIRE(EVP_PKEY_fromdata_init(context.get()) == 1);
    BOOST_TEST_REQUIRE(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
    const std::unique_ptr<EVP_PKEY, Free<&EVP_PKEY_free>> key(made);

    const std::unique_ptr<EVP_MD_CTX, Free<&EVP_MD_CTX_free>> digest(EVP_MD_CTX_new());
    EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get());
    return EVP_DigestVerify(digest.get(), token.signature.data(), token.signature.size(),
                            reinterpret_cast<const unsigned char*>(token.signed_text.data()),
                            token.signed_text.size()) == 1;
}

struct WithTokens : LocalService
{
    std::string id = create(R"({"email":"jane@example.com"})");

    explicit WithTokens(const std::filesystem::path& file = {}) : LocalService(file) {}

    Response issue(const std::string& claims = "{}", const std::string& user = {})
    {
        return call("POST", "/admin/apps/app/users/" + (user.empty() ? id : user) + "/tokens", claims);
    }
    Token token(const std::string& claims = "{}")
    {
        const Response response = issue(claims);
        BOOST_TEST_REQUIRE(response.status == 201U, response.body);
        return Token(text(json::parse(response.body).at("token")));
    }
    json::array keys(const std::string& of_app = "app")
    {
        const Response response = call("GET", "/v1/apps/" + of_app + "/.well-known/jwks.json", {}, std::nullopt);
        BOOST_TEST_REQUIRE(response.status == 200U, response.body);
        return json::parse(response.body).at("keys").as_array();
    }
    std::string rotate() { return text(json::parse(call("POST", "/admin/apps/app/keys").body).at("id")); }
    Response retire(const std::string& key) { return call("DELETE", "/admin/apps/app/keys/" + key); }
};

std::string only_kid(const json::array& keys)
{
    BOOST_TEST_REQUIRE(keys.size() == 1U);
    return text(keys[0].at("kid"));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(tokens, WithTokens)

BOOST_AUTO_TEST_CASE(token_is_signed_by_the_key_that_it_names)
{
    const Token token = this->token();
    BOOST_TEST(text(token.header.at("alg")) == "RS256");
    const json::array keys = this->keys();
    BOOST_TEST(token.kid() == only_kid(keys));
    BOOST_TEST(text(keys[0].at("alg")) == "RS256");
    BOOST_TEST(text(keys[0].at("kty")) == "RSA");
    BOOST_TEST(text(keys[0].at("use")) == "sig");
    BOOST_TEST(is_signed_by(token, keys[0]));
}

BOOST_AUTO_TEST_CASE(token_says_who_where_and_how_long)
{
    const auto seconds = [](Time time) {
        return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    };
    const auto before = seconds(now());
    const json::object claims = token().claims;
    const auto after = seconds(now());
    BOOST_TEST(text(claims.at("sub")) == id);
    BOOST_TEST((claims.at("aud") == json::value(json::array{"app", "https://localhost"})));
    BOOST_TEST(text(claims.at("iss")) == "app");
    BOOST_TEST((before <= claims.at("iat").as_int64() && claims.at("iat").as_int64() <= after));
    BOOST_TEST((claims.at("nbf") == claims.at("iat")));
    BOOST_TEST(claims.at("exp").as_int64() == claims.at("iat").as_int64() + 24 * 60 * 60);
}

BOOST_AUTO_TEST_CASE(token_is_for_the_app_and_for_its_auth_origin)
{
    // Which of them a client demands depends on its version, and on what the app says.
    const json::value shown = json::parse(call("GET", "/v1/apps/app").body).at("app");
    BOOST_TEST(!shown.at("hosted").as_bool());
    BOOST_TEST((token().claims.at("aud") == json::value(json::array{shown.at("id"), shown.at("auth_origin")})));
}

BOOST_AUTO_TEST_CASE(given_claims_take_the_place_of_the_usual_ones)
{
    const json::object claims = token(R"({"exp":1600000000,"aud":"other","nbf":null,"plan":{"seats":1.50}})").claims;
    BOOST_TEST(claims.at("exp").as_int64() == 1'600'000'000);
    BOOST_TEST(text(claims.at("aud")) == "other");
    BOOST_TEST(!claims.contains("nbf"));
    BOOST_TEST(claims.at("plan").at("seats").as_double() == 1.5);
    BOOST_TEST(text(claims.at("sub")) == id);
}

BOOST_AUTO_TEST_CASE(token_needs_a_user_and_a_json_object)
{
    BOOST_TEST(code_of(issue("{}", "nobody")) == "user_not_found");
    BOOST_TEST(code_of(issue("[]")) == "invalid_request");
    BOOST_TEST(code_of(issue("")) == "invalid_request");
}

BOOST_AUTO_TEST_CASE(new_key_signs_and_the_old_one_stays_listed)
{
    const Token old = token();
    const std::string newer = rotate();
    BOOST_TEST(token().kid() == newer);
    const json::array keys = this->keys();
    BOOST_TEST_REQUIRE(keys.size() == 2U);
    BOOST_TEST(text(keys[0].at("kid")) == old.kid());
    BOOST_TEST(text(keys[1].at("kid")) == newer);
    BOOST_TEST(is_signed_by(old, keys[0]));
    BOOST_TEST(!is_signed_by(old, keys[1]));
}

BOOST_AUTO_TEST_CASE(retired_key_is_listed_no_more_and_signs_no_more)
{
    const std::string first = only_kid(keys());
    const std::string second = rotate();
    const Response retired = retire(second);
    BOOST_TEST(retired.status == 200U);
    BOOST_TEST(retired.body.empty());
    BOOST_TEST(only_kid(keys()) == first);
    BOOST_TEST(token().kid() == first);
    BOOST_TEST(code_of(retire(second)) == "key_not_found");
}

BOOST_AUTO_TEST_CASE(last_key_that_is_retired_has_a_successor)
{
    const std::string first = only_kid(keys());
    retire(first);
    const std::string second = only_kid(keys());
    BOOST_TEST(second != first);
    BOOST_TEST(token().kid() == second);
}

BOOST_AUTO_TEST_CASE(apps_have_keys_of_their_own)
{
    store.put_app("other", {}, now());
    const std::string mine = only_kid(keys());
    BOOST_TEST(only_kid(keys("other")) != mine);
    BOOST_TEST(code_of(call("DELETE", "/admin/apps/app/keys/" + only_kid(keys("other")))) == "key_not_found");
    BOOST_TEST(keys("other").size() == 1U);
    BOOST_TEST(code_of(call("GET", "/v1/apps/none/.well-known/jwks.json", {}, std::nullopt)) == "app_not_found");
}

BOOST_AUTO_TEST_CASE(private_half_is_not_shown)
{
    for (const char* member : {"d", "p", "q", "dp", "dq", "qi"}) {
        BOOST_TEST(!keys()[0].as_object().contains(member), member);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(tokens_are_good_beyond_a_restart)
{
    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "users.db";
    std::optional<Token> token;
    json::array before;
    {
        WithTokens service(file);
        token = service.token();
        before = service.keys();
    }
    LocalService service(file);
    const Response keys = service.call("GET", "/v1/apps/app/.well-known/jwks.json", {}, std::nullopt);
    BOOST_TEST((json::parse(keys.body).at("keys") == json::value(before)));
    BOOST_TEST(is_signed_by(*token, before[0]));
}
