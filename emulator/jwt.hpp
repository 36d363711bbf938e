#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What JSON Web Tokens need of cryptography: RSA keys of 2048 bits and signatures by RS256.
namespace passage::emulator {

/// PKCS #8, as DER.
using PrivateKey = std::vector<unsigned char>;

PrivateKey make_private_key();

/// The public half of a key, as a JWK (RFC 7517) has it.
struct PublicKey
{
    std::string modulus;
    std::string exponent;
};

PublicKey public_key_of(const PrivateKey& key);

/// A token whose header names the key `key_id`, and whose payload is this JSON text.
std::string sign_jwt(const PrivateKey& key, std::string_view key_id, std::string_view payload);

} // namespace passage::emulator
