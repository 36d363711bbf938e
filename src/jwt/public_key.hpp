#pragma once

#include <memory>
#include <optional>
#include <string_view>

struct evp_pkey_st;

namespace passage::jwt {

/// An RSA key that verifies RS256 signatures (RFC 7518, section 3.3). Immutable, so it may be used by several threads
/// at once.
class PublicKey
{
public:
    static constexpr int min_bits = 2048;
    static constexpr int max_bits = 8192; ///< Larger keys take too long to verify a signature.

    /// Makes a key of a modulus and an exponent, both big-endian. Null if the modulus has fewer than `min_bits` bits or
    /// is even, or if the exponent is even, 1, or has more than 64 bits. Throws `std::bad_alloc`.
    static std::optional<PublicKey> create(std::string_view modulus, std::string_view exponent);

    /// Whether a signature of a message was made with this key. Throws `std::bad_alloc`.
    bool verifies(std::string_view message, std::string_view signature) const;

private:
    explicit PublicKey(std::shared_ptr<evp_pkey_st> key) noexcept : key_{std::move(key)} {}

    std::shared_ptr<evp_pkey_st> key_;
};

} // namespace passage::jwt
