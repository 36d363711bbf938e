#pragma once

#include <memory>
#include <optional>
#include <string_view>

struct evp_pkey_st;

namespace passage::jwt {

/// An RSA key that verifies signatures by RS256 (RFC 7518, section 3.3). Immutable: any thread, at the same time.
class PublicKey
{
public:
    static constexpr int min_bits = 2048;
    static constexpr int max_bits = 8192; ///< Beyond, a signature takes too long to be verified.

    /// Of a modulus and an exponent, both big-endian. None for a key that is too weak or no RSA key: of fewer bits than
    /// `min_bits`, with an even modulus, or an exponent that is even, 1, or of more than 64 bits.
    static std::optional<PublicKey> create(std::string_view modulus, std::string_view exponent);

    /// Whether a signature is this key's of a message.
    bool verifies(std::string_view message, std::string_view signature) const;

private:
    explicit PublicKey(std::shared_ptr<evp_pkey_st> key) noexcept : key_{std::move(key)} {}

    std::shared_ptr<evp_pkey_st> key_;
};

} // namespace passage::jwt
