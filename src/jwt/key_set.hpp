#pragma once

#include "jwt/public_key.hpp"

#include <passage/expected.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace passage::jwt {

/// The public keys that verify an app's tokens.
class KeySet
{
public:
    struct Key
    {
        std::string id;
        PublicKey key;
    };

    KeySet() = default;
    explicit KeySet(std::vector<Key> keys) noexcept : keys_{std::move(keys)} {}

    /// The key with an id, or null. Valid as long as the set exists.
    const PublicKey* find(std::string_view id) const noexcept;

    std::size_t size() const noexcept { return keys_.size(); }

private:
    std::vector<Key> keys_;
};

/// Maximum bytes of a JWK set; those of apps are much smaller.
inline constexpr std::size_t max_set_size = 1024 * 1024;

/// Reads a JWK set (RFC 7517, section 5).
///
/// Leaves out keys that can't verify RS256: keys of another type or algorithm, for another use, without an id, too weak
/// (`PublicKey::create`), or with a private part, which is no longer secret. Fails with `Errc::decode` on anything that
/// is not a JWK set, on a repeated name in an object, and on two usable keys with the same id; with `Errc::too_large`
/// on more than `max_size` bytes.
///
/// Uses less than 8 times the size of the set in memory.
expected<KeySet> read_key_set(std::string_view json, std::size_t max_size = max_set_size);

} // namespace passage::jwt
