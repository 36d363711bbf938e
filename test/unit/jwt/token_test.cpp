#include "jwt/token.hpp"

#include "jwt/base64url.hpp"
#include "jwt/key_set.hpp"
#include "support/token_signer.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <limits>
#include <string>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::base64url;
using test::TokenSigner;

namespace {

const TokenSigner& signer()
{
    static const TokenSigner one{"k1"};
    return one;
}

const jwt::KeySet& keys()
{
    static const jwt::KeySet set = jwt::read_key_set(test::key_set({signer().jwk()})).value();
    return set;
}

constexpr std::int64_t epoch = 1'700'000'000;
constexpr Timestamp now{std::chrono::seconds{epoch}};

const jwt::Expectations expectations{{"app", "https://app.example"}, std::nullopt, 5s};

expected<Claims, JwtReason> check(const std::string& token, const jwt::Expectations& expected = expectations,
                                  Timestamp at = now)
{
    const auto parts = jwt::read_token(token);
    if (!parts)
        return unexpected{parts.error()};
    const auto* const key = keys().find(parts->key_id());
    if (!key)
        return unexpected{JwtReason::unknown_key};
    return jwt::verify(*parts, *key, expected, at);
}

/// The reason why a token is refused; "none" if it is accepted.
std::string reason(const std::string& token, const jwt::Expectations& expected = expectations, Timestamp at = now)
{
    const auto claims = check(token, expected, at);
    return std::string{to_string(claims ? JwtReason::none : claims.error())};
}

/// Of a token with the usual header.
std::string reason_of(const std::string& payload, const jwt::Expectations& expected = expectations, Timestamp at = now)
{
    return reason(signer().sign(payload), expected, at);
}

std::string with_header(const std::string& header)
{
    return reason(signer().sign(header, R"({"sub":"u","aud":"app","exp":1700000100})"));
}

/// A good payload with further claims.
std::string payload(const std::string& more = "")
{
    return R"({"sub":"u","aud":"app","exp":1700000100)" + more + "}";
}

std::string with_exp(const std::string& value, const jwt::Expectations& expected = expectations, Timestamp at = now)
{
    return reason_of(R"({"sub":"u","aud":"app","exp":)" + value + "}", expected, at);
}

jwt::Expectations with_leeway(std::chrono::seconds leeway)
{
    jwt::Expectations result = expectations;
    result.leeway = leeway;
    return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tokens)

BOOST_AUTO_TEST_CASE(a_good_token_says_its_claims)
{
    const std::string text =
        R"({"sub":"user-1","aud":["other","app"],"iss":"app","exp":1700000100.25,"iat":1699999900,"nbf":1699999901,)"
        R"("plan":{"seats":[1,2]},"jti":"x"})";
    const auto claims = check(signer().sign(text));
    BOOST_TEST_REQUIRE(claims.has_value());
    Claims expected;
    expected.user_id = "user-1";
    expected.audience = {"other", "app"};
    expected.issuer = "app";
    expected.expires_at = now + 100'250ms;
    expected.issued_at = now - 100s;
    expected.not_before = now - 99s;
    expected.payload = text;
    BOOST_TEST((*claims == expected));
}

BOOST_AUTO_TEST_CASE(little_is_needed)
{
    const auto claims = check(signer().sign(R"({"alg":"RS256","kid":"k1"})", payload()));
    BOOST_TEST_REQUIRE(claims.has_value());
    BOOST_TEST(claims->issuer.empty());
    BOOST_TEST(!claims->issued_at);
    BOOST_TEST(!claims->not_before);
}

BOOST_AUTO_TEST_CASE(only_rs256_is_taken)
{
    const auto header = [](const std::string& alg) { return R"({"kid":"k1","alg":)" + alg + "}"; };
    BOOST_TEST(with_header(header(R"("RS256")")) == "none");
    for (const char* alg :
         {R"("none")", R"("NONE")", R"("nOnE")", R"("")", R"("rs256")", R"("RS256 ")", R"("HS256")", R"("RS384")",
          R"("PS256")", R"("ES256")", "256", "null", "true", R"(["RS256"])", R"({"RS256":"RS256"})"})
        BOOST_TEST(with_header(header(alg)) == "unsupported", alg);
    BOOST_TEST(with_header(R"({"kid":"k1"})") == "unsupported");

    // Without a signature, as `none` has it.
    const std::string message = base64url(header(R"("none")")) + "." + base64url(payload());
    BOOST_TEST(reason(message + ".") == "unsupported");
    const std::string unsigned_message = base64url(header(R"("RS256")")) + "." + base64url(payload());
    BOOST_TEST(reason(unsigned_message + ".") == "signature");
}

BOOST_AUTO_TEST_CASE(signatures_by_other_algorithms_are_refused_also_if_they_are_valid)
{
    const auto header = [](std::string_view alg) { return R"({"kid":"k1","alg":")" + std::string{alg} + "\"}"; };
    BOOST_TEST(reason(signer().sign(header("RS384"), payload(), {"SHA384"})) == "unsupported");
    BOOST_TEST(reason(signer().sign(header("PS256"), payload(), {"SHA256", true})) == "unsupported");
    BOOST_TEST(reason(signer().sign(header("RS256"), payload(), {"SHA384"})) == "signature");
    BOOST_TEST(reason(signer().sign(header("RS256"), payload(), {"SHA1"})) == "signature");
    BOOST_TEST(reason(signer().sign(header("RS256"), payload(), {"SHA256", true})) == "signature");

    // The public key, which everybody has, as the secret of an HMAC.
    for (const std::string& secret :
         {signer().public_pem(), signer().public_der(), signer().jwk(), signer().modulus()}) {
        for (const char* alg : {"HS256", "RS256"}) {
            const std::string message = base64url(header(alg)) + "." + base64url(payload());
            std::string mac(EVP_MAX_MD_SIZE, '\0');
            unsigned size = 0;
            BOOST_TEST_REQUIRE(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                    reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                    reinterpret_cast<unsigned char*>(mac.data()), &size));
            mac.resize(size);
            BOOST_TEST(reason(message + "." + base64url(mac)) == (alg == "RS256"s ? "signature" : "unsupported"));
        }
    }
}

BOOST_AUTO_TEST_CASE(headers_that_ask_for_more_are_refused)
{
    const std::string begin = R"({"alg":"RS256","kid":"k1",)";
    for (const char* more :
         {R"("crit":["exp"],"exp":1})", R"("crit":["b64"],"b64":false})", R"("crit":[]})", R"("crit":null})",
          R"("b64":false})", R"("b64":"true"})", R"("cty":"JWT"})", R"("cty":"text/plain"})", R"("typ":"JWE"})",
          R"("typ":"at+jwt"})", R"("typ":""})", R"("typ":null})", R"("typ":["JWT"]})"})
        BOOST_TEST(with_header(begin + more) == "unsupported", more);
    for (const char* more : {R"("typ":"jwt"})", R"("typ":"JWT"})", R"("b64":true})", R"("x":{"crit":1,"alg":"none"}})"})
        BOOST_TEST(with_header(begin + more) == "none", more);
}

BOOST_AUTO_TEST_CASE(keys_that_a_token_brings_along_are_not_used)
{
    const TokenSigner attacker{"k1"};
    const auto header = [](const std::string& more) { return R"({"alg":"RS256","kid":"k1",)" + more + "}"; };
    for (const std::string& more :
         {R"("jwk":)" + attacker.jwk(), R"("jku":"http://127.0.0.1:1/")"s, R"("x5u":"http://127.0.0.1:1/")"s,
          R"("x5c":[")" + base64url(attacker.public_der()) + "\"]"}) {
        BOOST_TEST(reason(attacker.sign(header(more), payload())) == "signature", more);
        BOOST_TEST(reason(signer().sign(header(more), payload())) == "none", more);
    }
}

BOOST_AUTO_TEST_CASE(a_token_names_a_key_of_the_set)
{
    BOOST_TEST(with_header(R"({"alg":"RS256"})") == "unknown_key");
    for (const char* kid : {R"("k2")", R"("K1")", R"("k1 ")", R"("../k1")", R"("k1\u0000")"})
        BOOST_TEST(with_header(R"({"alg":"RS256","kid":)"s + kid + "}") == "unknown_key", kid);
    for (const std::string& kid : {"1"s, "null"s, R"(["k1"])"s, R"("")"s, "\"" + std::string(257, 'k') + "\""})
        BOOST_TEST(with_header(R"({"alg":"RS256","kid":)" + kid + "}") == "malformed", kid);
    BOOST_TEST(with_header(R"({"alg":"RS256","kid":"\u006b1"})") == "none");
}

BOOST_AUTO_TEST_CASE(only_three_segments_are_a_token)
{
    const std::string good = signer().sign(payload());
    const std::size_t first = good.find('.');
    const std::size_t second = good.find('.', first + 1);
    const std::string header = good.substr(0, first);
    const std::string body = good.substr(first + 1, second - first - 1);
    const std::string signature = good.substr(second + 1);
    for (const std::string& token :
         {""s,
          "."s,
          ".."s,
          "..."s,
          header,
          header + "." + body,
          good + ".",
          "." + good,
          good + ".x.y",
          header + ".." + body + "." + signature,
          " " + good,
          good + " ",
          good + "\n",
          "\t" + good,
          "Bearer " + good,
          "\"" + good + "\"",
          good + "=",
          header + "=." + body + "." + signature,
          header + "." + body + ".\n" + signature,
          R"({"payload":")" + body + R"(","signatures":[{"protected":")" + header + R"(","signature":")" + signature +
              R"("}]})",
          R"({"payload":")" + body + R"(","protected":")" + header + R"(","signature":")" + signature + "\"}"}) {
        const std::string why = reason(token);
        BOOST_TEST((why == "malformed" || why == "signature"), token << ": " << why);
    }
    BOOST_TEST(reason(header + "." + body + ".") == "signature");
    BOOST_TEST(reason("." + body + "." + signature) == "malformed");
    BOOST_TEST(reason(header + ".." + signature) == "signature");
}

BOOST_AUTO_TEST_CASE(each_changed_character_is_noticed)
{
    const std::string good = signer().sign(payload());
    BOOST_TEST(reason(good) == "none");
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string changed = good;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        BOOST_TEST(reason(changed) != "none", at);
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        BOOST_TEST(reason(good.substr(0, size)) != "none", size);
}

BOOST_AUTO_TEST_CASE(what_is_no_object_of_json_is_refused)
{
    for (const std::string& text :
         {""s, "x"s, "null"s, "\"a\""s, "1"s, "[]"s, R"([{"sub":"u","aud":"app","exp":1700000100}])"s,
          "\xef\xbb\xbf" + payload(), payload() + "x", payload("x"), payload(R"(,"sub":"u")"),
          payload(R"(,"x":1,"x":1)"), payload(R"(,"x":{"y":1,"y":1})"),
          payload(R"(,"x":)" + std::string(100, '[') + std::string(100, ']')), payload(",\"x\":\"\xff\""),
          payload(",\"x\":\"\xc0\xaf\""), payload(R"(,"x":"\udc00")")})
        BOOST_TEST(reason_of(text) == "malformed", text);
    for (const std::string& header :
         {""s, "[]"s, "\"RS256\""s, "\xef\xbb\xbf"s + R"({"alg":"RS256","kid":"k1"})",
          R"({"alg":"RS256","alg":"RS256","kid":"k1"})"s, R"({"alg":"none","kid":"k1","alg":"RS256"})"s,
          R"({"alg":"RS256","kid":"k1","x":1,"x":2})"s, R"({"alg":"RS256","kid":"k1"}{})"s,
          R"({"alg":"RS256","kid":"k1","x":)" + std::string(100, '[') + std::string(100, ']') + "}",
          "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x\":\"\xff\"}"s})
        BOOST_TEST(with_header(header) == "malformed", header);
}

BOOST_AUTO_TEST_CASE(a_token_ends_at_its_time)
{
    // The leeway is 5 s.
    BOOST_TEST(with_exp("1700000000") == "none");
    BOOST_TEST(with_exp("1699999996") == "none");
    BOOST_TEST(with_exp("1699999995.000001") == "none");
    BOOST_TEST(with_exp("1699999995") == "expired");
    BOOST_TEST(with_exp("1") == "expired");
    BOOST_TEST(with_exp("0") == "expired");
    BOOST_TEST(with_exp("-1") == "expired");
    BOOST_TEST(with_exp("-1.5e9") == "expired");
    BOOST_TEST(with_exp("1.7000001e9") == "none");
    BOOST_TEST(with_exp("253402300799") == "none");

    BOOST_TEST(with_exp("1700000000", with_leeway(0s)) == "expired");
    BOOST_TEST(with_exp("1700000000.000001", with_leeway(0s)) == "none");
    BOOST_TEST(with_exp("1699999701", with_leeway(300s)) == "none");
    BOOST_TEST(with_exp("1699999700", with_leeway(300s)) == "expired");

    for (const char* value : {"null", "\"1700000100\"", "true", "[1700000100]", "{}", "1e400", "-1e400", "1e18",
                              "253402300800", "18446744073709551616"})
        BOOST_TEST(with_exp(value) == "claims", value);
    BOOST_TEST(reason_of(R"({"sub":"u","aud":"app"})") == "claims");
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_far_off_refuses)
{
    const Timestamp ancient = never;
    const Timestamp distant{std::chrono::seconds{253'402'300'799}};
    BOOST_TEST(with_exp("1700000100", expectations, distant) == "expired");
    BOOST_TEST(reason_of(payload(R"(,"iat":1700000000)"), expectations, ancient) == "not_yet_valid");
    BOOST_TEST(with_exp("253402300799", with_leeway(300s), distant) == "none");
    BOOST_TEST(with_exp("-62135596800", with_leeway(300s), ancient) == "none");
}

BOOST_AUTO_TEST_CASE(a_token_begins_at_its_time)
{
    for (const char* claim : {"nbf", "iat"}) {
        const auto with = [&](const std::string& value, std::chrono::seconds leeway = 5s) {
            return reason_of(payload(",\""s + claim + "\":" + value), with_leeway(leeway));
        };
        BOOST_TEST(with("1700000000") == "none");
        BOOST_TEST(with("1700000005") == "none");
        BOOST_TEST(with("1700000005.5") == "not_yet_valid");
        BOOST_TEST(with("1700000006") == "not_yet_valid");
        BOOST_TEST(with("253402300799") == "not_yet_valid");
        BOOST_TEST(with("1700000000", 0s) == "none");
        BOOST_TEST(with("1700000000.000001", 0s) == "not_yet_valid");
        BOOST_TEST(with("-5") == "none");
        for (const char* value : {"null", "\"1700000000\"", "false", "[]", "1e400", "1e18"})
            BOOST_TEST(with(value) == "claims", claim << " " << value);
    }
}

BOOST_AUTO_TEST_CASE(a_token_is_for_the_app_or_one_of_its_origins)
{
    const auto with = [](const std::string& audience) {
        return reason_of(R"({"sub":"u","exp":1700000100,"aud":)" + audience + "}");
    };
    for (const char* good : {R"("app")", R"("https://app.example")", R"(["app"])", R"(["x","app","y"])"})
        BOOST_TEST(with(good) == "none", good);
    for (const char* bad : {R"("")", R"("App")", R"("ap")", R"("app2")", R"("app ")", R"("https://app.example/")",
                            R"("https://app.example.evil.example")", "[]", R"(["x"])", R"([""])"})
        BOOST_TEST(with(bad) == "audience", bad);
    for (const char* bad : {"null", "1", "true", "{}", R"({"app":"app"})", R"(["app",1])", R"([["app"]])", "[null]"})
        BOOST_TEST(with(bad) == "claims", bad);
    BOOST_TEST(reason_of(R"({"sub":"u","exp":1700000100})") == "audience");
}

BOOST_AUTO_TEST_CASE(an_issuer_that_is_asked_for_must_be_the_one)
{
    jwt::Expectations strict = expectations;
    strict.issuer = "https://issuer.example";
    const auto with = [&](const std::string& issuer) { return reason_of(payload(",\"iss\":" + issuer), strict); };
    BOOST_TEST(with(R"("https://issuer.example")") == "none");
    for (const char* bad : {R"("")", R"("https://issuer.example/")", R"("https://issuer.exampl")",
                            R"("https://issuer.example.evil")", R"("HTTPS://issuer.example")"})
        BOOST_TEST(with(bad) == "issuer", bad);
    BOOST_TEST(reason_of(payload(), strict) == "issuer");
    for (const char* bad : {R"(["https://issuer.example"])", "null", "1", "{}"}) {
        BOOST_TEST(with(bad) == "claims", bad);
        BOOST_TEST(reason_of(payload(",\"iss\":"s + bad)) == "claims", bad);
    }
    BOOST_TEST(reason_of(payload(R"(,"iss":"anybody")")) == "none");
}

BOOST_AUTO_TEST_CASE(a_token_is_a_users)
{
    BOOST_TEST(reason_of(R"({"aud":"app","exp":1700000100})") == "claims");
    for (const char* subject : {R"("")", "null", "1", "true", R"(["u"])", "{}"})
        BOOST_TEST(reason_of(R"({"aud":"app","exp":1700000100,"sub":)"s + subject + "}") == "claims", subject);
}

BOOST_AUTO_TEST_CASE(a_token_has_16_kib_at_most)
{
    const auto sized = [](std::size_t size) {
        return signer().sign(payload(R"(,"x":")" + std::string(size, 'x') + "\""));
    };
    std::string token;
    std::size_t size = 11'000;
    for (; (token = sized(size + 1)).size() <= jwt::max_token; ++size)
        ;
    BOOST_TEST(reason(sized(size)) == "none");
    BOOST_TEST(sized(size).size() + 2 > jwt::max_token);
    BOOST_TEST(reason(token) == "too_large");
    BOOST_TEST(reason(std::string(10'000'000, 'a')) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_refused_token_leaves_no_error_of_openssl_behind)
{
    std::string token = signer().sign(payload());
    token[token.size() - 100] = token[token.size() - 100] == 'A' ? 'B' : 'A';
    ERR_clear_error();
    BOOST_TEST(reason(token) == "signature");
    BOOST_TEST(ERR_peek_error() == 0u);
}

BOOST_AUTO_TEST_CASE(each_reason_has_a_sentence)
{
    for (int i = 1; i <= static_cast<int>(JwtReason::issuer); ++i) {
        const auto why = static_cast<JwtReason>(i);
        const Error error = jwt::refusal(why);
        BOOST_TEST((error.code == Errc::jwt));
        BOOST_TEST((error.jwt_reason == why));
        BOOST_TEST(error.message.size() > 10u);
        BOOST_TEST(is_token_refused(error));
        BOOST_TEST(to_string(error).starts_with("jwt (" + std::string{to_string(why)} + "): "));
    }
}

BOOST_AUTO_TEST_SUITE_END()
