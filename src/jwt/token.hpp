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

/// The parts of a token that was not verified yet. Refers to the token's text.
struct Token
{
    std::string_view key_id() const noexcept { return {key_id_text.data(), key_id_text.size()}; }

    boost::static_string<max_key_id> key_id_text; ///< A copy, as the header may write it with escapes.
    std::string_view signed_text;                 ///< Header and payload in base64url.
    std::string_view payload;                     ///< In base64url.
    std::string_view signature;                   ///< In base64url.
};

/// Splits a token in compact form (RFC 7515, section 7.1) and reads its header.
///
/// Ignores keys and URLs of keys in the header (`jwk`, `jku`, `x5u`, `x5c`).
expected<Token, JwtReason> read_token(std::string_view text);

/// What the claims of a token are checked for.
struct Expectations
{
    std::vector<std::string> audiences; ///< The token must be for one of these.
    std::optional<std::string> issuer;
    std::chrono::seconds leeway{0};
};

/// Whether a token was signed with a key.
bool is_signed_by(const Token& token, const PublicKey& key);

/// The claims of a token, if it was signed with the key and is valid now.
expected<Claims, JwtReason> verify(const Token& token, const PublicKey& key, const Expectations& expectations,
                                   Timestamp now);

/// The error for a refused token.
Error refusal(JwtReason reason);

} // namespace passage::jwt
