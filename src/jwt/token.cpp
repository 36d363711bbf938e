#include "jwt/token.hpp"

#include "jwt/base64url.hpp"
#include "jwt/document.hpp"
#include "model/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace passage::jwt {
namespace {

using Kind = Value::Kind;

class Header final : public Sink
{
public:
    enum Name { alg, kid, typ, cty, crit, b64 };
    static constexpr std::array<std::string_view, 6> names{"alg", "kid", "typ", "cty", "crit", "b64"};

    explicit Header(Token& token) noexcept : token_{token} {}

    bool take(Path path, const Value& value) override
    {
        if (path.size() != 1)
            return true;
        switch (path[0]) {
        case alg:
            is_rs256_ = value.text == "RS256";
            break;
        case kid:
            if (value.kind != Kind::text || value.text.empty() || value.text.size() > max_key_id)
                return false;
            token_.key_id_text.assign(value.text.begin(), value.text.end());
            break;
        case typ:
            is_plain_ &= equal_ignoring_case(value.text, "JWT");
            break;
        case cty:  // a token inside the token
        case crit: // extensions that must be understood: none is
            is_plain_ = false;
            break;
        case b64:
            is_plain_ &= value.kind == Kind::flag && value.flag;
            break;
        default:
            break;
        }
        return true;
    }

    bool is_supported() const noexcept { return is_rs256_ && is_plain_; }

private:
    Token& token_;
    bool is_rs256_ = false;
    bool is_plain_ = true;
};

/// Reads a NumericDate (RFC 7519, section 2) within the years that have four digits.
std::optional<Timestamp> time_of(const Value& value) noexcept
{
    constexpr double latest = 253'402'300'799.0;
    if (value.kind != Kind::number || !(std::fabs(value.number) <= latest))
        return std::nullopt;
    return Timestamp{std::chrono::microseconds{std::llround(value.number * 1e6)}};
}

class Payload final : public Sink
{
public:
    enum Name { sub, aud, iss, exp, iat, nbf };
    static constexpr std::array<std::string_view, 6> names{"sub", "aud", "iss", "exp", "iat", "nbf"};

    explicit Payload(Claims& claims) noexcept : claims_{claims} {}

    bool take(Path path, const Value& value) override
    {
        if (path.size() == 2 && path[0] == aud) {
            good_ &= value.kind == Kind::text;
            claims_.audience.emplace_back(value.text);
        }
        if (path.size() == 1)
            good_ &= take_claim(path[0], value);
        return true;
    }

    /// Whether all claims have the right types and the required ones are there.
    bool is_good() const noexcept { return good_ && has_end_ && !claims_.user_id.empty(); }

private:
    bool take_claim(int name, const Value& value)
    {
        switch (name) {
        case sub:
            claims_.user_id = value.text;
            return value.kind == Kind::text;
        case aud:
            if (value.kind == Kind::text)
                claims_.audience.emplace_back(value.text);
            return value.kind == Kind::text || value.kind == Kind::array;
        case iss:
            claims_.issuer = value.text;
            return value.kind == Kind::text;
        case exp: {
            const auto end = time_of(value);
            has_end_ = end.has_value();
            claims_.expires_at = end.value_or(never);
            return has_end_;
        }
        case iat:
            claims_.issued_at = time_of(value);
            return claims_.issued_at.has_value();
        case nbf:
            claims_.not_before = time_of(value);
            return claims_.not_before.has_value();
        default:
            return true;
        }
    }

    Claims& claims_;
    bool good_ = true;
    bool has_end_ = false;
};

JwtReason check(const Claims& claims, const Expectations& expectations, Timestamp now)
{
    const auto is_expected = [&](const std::string& audience) {
        return std::ranges::find(expectations.audiences, audience) != expectations.audiences.end();
    };
    const Timestamp latest_begin = now + expectations.leeway;
    if (claims.expires_at + expectations.leeway <= now)
        return JwtReason::expired;
    if (claims.not_before > latest_begin || claims.issued_at > latest_begin)
        return JwtReason::not_yet_valid;
    if (std::ranges::none_of(claims.audience, is_expected))
        return JwtReason::audience;
    if (expectations.issuer && claims.issuer != *expectations.issuer)
        return JwtReason::issuer;
    return JwtReason::none;
}

} // namespace

expected<Token, JwtReason> read_token(std::string_view text)
{
    if (text.size() > max_token)
        return unexpected{JwtReason::too_large};
    const std::size_t first = text.find('.');
    const std::size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (second == text.npos || text.find('.', second + 1) != text.npos)
        return unexpected{JwtReason::malformed};

    Token token;
    token.signed_text = text.substr(0, second);
    token.payload = text.substr(first + 1, second - first - 1);
    token.signature = text.substr(second + 1);
    std::array<char, decoded_size(max_token)> buffer;
    std::span<char> room{buffer};
    const auto json = decode_base64url(text.substr(0, first), room);
    Header header{token};
    if (!json || !read_document(*json, Header::names, header))
        return unexpected{JwtReason::malformed};
    if (!header.is_supported())
        return unexpected{JwtReason::unsupported};
    if (token.key_id().empty())
        return unexpected{JwtReason::unknown_key};
    return token;
}

bool is_signed_by(const Token& token, const PublicKey& key)
{
    std::array<char, PublicKey::max_bits / 8> buffer;
    std::span<char> room{buffer};
    const auto signature = decode_base64url(token.signature, room);
    return signature && key.verifies(token.signed_text, *signature);
}

expected<Claims, JwtReason> verify(const Token& token, const PublicKey& key, const Expectations& expectations,
                                   Timestamp now)
{
    if (!is_signed_by(token, key))
        return unexpected{JwtReason::signature};

    expected<Claims, JwtReason> claims;
    claims->payload.resize(decoded_size(token.payload.size()));
    std::span<char> room{claims->payload};
    const auto json = decode_base64url(token.payload, room);
    Payload payload{*claims};
    if (!json || !read_document(*json, Payload::names, payload))
        return unexpected{JwtReason::malformed};
    claims->payload.resize(json->size());
    if (!payload.is_good())
        return unexpected{JwtReason::claims};
    if (const JwtReason reason = check(*claims, expectations, now); reason != JwtReason::none)
        return unexpected{reason};
    return claims;
}

Error refusal(JwtReason reason)
{
    const auto sentence = [&]() -> std::string_view {
        switch (reason) {
        case JwtReason::none:
            break;
        case JwtReason::missing:
            return "the request has no token";
        case JwtReason::too_large:
            return "the token exceeds 16 KiB";
        case JwtReason::malformed:
            return "the token is not a JWT in compact form";
        case JwtReason::unsupported:
            return "the token's header is not supported: the token must be a JWT signed with RS256";
        case JwtReason::unknown_key:
            return "the token names none of the app's keys";
        case JwtReason::signature:
            return "the token was not signed by the key that it names";
        case JwtReason::claims:
            return "the token's sub, aud, iss, exp, iat or nbf is missing or of the wrong kind";
        case JwtReason::expired:
            return "the token has expired";
        case JwtReason::not_yet_valid:
            return "the token is not valid yet";
        case JwtReason::audience:
            return "the token is for another app";
        case JwtReason::issuer:
            return "the token has another issuer";
        }
        return {};
    };
    Error error{Errc::jwt, std::string{sentence()}};
    error.jwt_reason = reason;
    return error;
}

} // namespace passage::jwt
