#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Cryptography for JSON Web Tokens: RSA keys of 2048 bits, and RS256 signatures.
namespace passage::emulator {

/// PKCS #8, as DER.
using PrivateKey = std::vector<unsigned char>;

PrivateKey make_private_key();

/// The public key, as the members of a JWK (RFC 7517).
struct PublicKey
{
    std::string modulus;
    std::string exponent;
};

PublicKey public_key_of(const PrivateKey& key);

/// Signs a token. Its header names the key `key_id`; `payload` is JSON text.
std::string sign_jwt(const PrivateKey& key, std::string_view key_id, std::string_view payload);

} // namespace passage::emulator
