#pragma once

#include "support/certificates.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace passage::test {

/// base64url without padding.
std::string base64url(std::string_view bytes);

/// How a signature is made; RS256 is `{}`.
struct SignatureKind
{
    const char* digest = "SHA256";
    bool pss = false;
};

/// An RSA key that signs tokens, and its public part as a JWK.
class TokenSigner
{
public:
    explicit TokenSigner(std::string key_id, unsigned bits = 2048);

    const std::string& key_id() const noexcept { return key_id_; }
    std::string modulus() const;  ///< base64url.
    std::string exponent() const; ///< base64url.
    /// The key's parts as further bytes: PEM and DER, as an attacker would use them for a secret.
    std::string public_pem() const;
    std::string public_der() const;

    /// `{"kty":"RSA",...}`, with further members, each beginning with a comma.
    std::string jwk(std::string_view more = {}) const;

    std::string signature(std::string_view message, SignatureKind kind = {}) const;
    /// A token of any header and payload.
    std::string sign(std::string_view header, std::string_view payload, SignatureKind kind = {}) const;
    /// A token of this payload, with the usual header.
    std::string sign(std::string_view payload) const;

private:
    std::string key_id_;
    KeyPtr key_;
};

/// `{"keys":[...]}`.
std::string key_set(const std::vector<std::string>& jwks);

} // namespace passage::test
