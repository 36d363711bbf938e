#pragma once

#include "jwt/public_key.hpp"

#include <passage/claims.hpp>
#include <passage/expected.hpp>

#include <boost/static_string.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace passage::jwt {

inline constexpr std::size_t max_token = 16 * 1024;
inline constexpr std::size_t max_key_id = 256;

/// A token taken apart, as far as that goes before it is verified. Refers to the token's text.
struct Token
{
    std::string_view key_id() const noexcept { return {key_id_text.data(), key_id_text.size()}; }

    boost::static_string<max_key_id> key_id_text; ///< A copy: it may have been written with escapes.
    std::string_view signed_text;                 ///< Header and payload, as they are signed.
    std::string_view payload;                     ///< In base64url.
    std::string_view signature;                   ///< In base64url.
};

/// Takes a token in compact form apart (RFC 7515, section 7.1), and reads its header.
///
/// A key or a place of keys that the token brings along (`jwk`, `jku`, `x5u`, `x5c`) is not looked at.
expected<Token, JwtReason> read_token(std::string_view text);

/// What a token must be to be good.
struct Expectations
{
    std::vector<std::string> audiences; ///< One of these.
    std::optional<std::string> issuer;
    std::chrono::seconds leeway{0};
};

/// Whether a token was signed by a key.
bool is_signed_by(const Token& token, const PublicKey& key);

/// What a token says, if it was signed by a key and is good now.
expected<Claims, JwtReason> verify(const Token& token, const PublicKey& key, const Expectations& expectations,
                                   Timestamp now);

/// The error of a token that is refused.
Error refusal(JwtReason reason);

} // namespace passage::jwt
