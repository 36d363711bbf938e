#include "fuzz.hpp"

#include "jwt/key_set.hpp"
#include "jwt/request_token.hpp"
#include "jwt/token.hpp"
#include "support/token_signer.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>

// A token: a line that is its header, and the rest, its payload, signed by a real key; and the same bytes as a token,
// as a bearer's field and as a cookie. What is taken is what another parser reads, and nothing else is.

namespace passage::fuzz {
namespace {

constexpr Timestamp now{std::chrono::seconds{1'700'000'000}};

const test::TokenSigner& signer()
{
    static const test::TokenSigner one{"k"};
    return one;
}

expected<Claims, JwtReason> check(std::string_view token)
{
    static const jwt::KeySet keys = jwt::read_key_set(test::key_set({signer().jwk()})).value();
    static const jwt::Expectations expectations{{"app"}, std::nullopt, std::chrono::seconds{5}};
    const auto parts = jwt::read_token(token);
    if (!parts)
        return unexpected{parts.error()};
    const auto* const key = keys.find(parts->key_id());
    return key ? jwt::verify(*parts, *key, expectations, now) : unexpected{JwtReason::unknown_key};
}

boost::json::object parsed(std::string_view json)
{
    boost::system::error_code error;
    const auto value = boost::json::parse({json.data(), json.size()}, error);
    require(!error && value.is_object(), "what is taken is an object by another parser's word");
    return value.as_object();
}

std::string text_of(const boost::json::object& object, std::string_view name)
{
    const auto* const value = object.if_contains(name);
    return value && value->is_string() ? std::string{value->as_string()} : std::string{};
}

} // namespace

void run(std::string_view bytes)
{
    const auto raw = check(bytes);
    require(!raw && raw.error() != JwtReason::none, "nobody guesses a signature");
    (void)jwt::bearer_token(bytes);
    if (const auto cookie = jwt::cookie_token(bytes))
        require(cookie->find(';') == cookie->npos, "a cookie ends where the next begins");

    Input input{bytes};
    const std::string header{input.line()};
    const std::string payload{input.rest()};
    std::string token = signer().sign(header, payload);
    const auto claims = check(token);
    if (!claims) {
        require(claims.error() != JwtReason::signature, "a good signature is seen");
        return;
    }
    ++taken;
    const auto header_read = parsed(header);
    require(text_of(header_read, "alg") == "RS256" && text_of(header_read, "kid") == "k", "RS256 by the key named");
    require(!header_read.contains("crit"), "no extension is taken");
    const auto payload_read = parsed(payload);
    require(claims->payload == payload, "the payload is what was signed");
    require(!claims->user_id.empty() && claims->user_id == text_of(payload_read, "sub"), "the user is the subject");
    require(claims->expires_at > now - std::chrono::seconds{5}, "its time is not over");
    require(std::ranges::find(claims->audience, "app") != claims->audience.end(), "it is for the app");

    std::size_t at = 0;
    for (const char c : payload)
        at = at * 31 + static_cast<unsigned char>(c);
    char& changed = token[at % token.size()];
    changed = changed == 'A' ? 'B' : 'A';
    require(!check(token), "a changed token is refused");
}

} // namespace passage::fuzz
