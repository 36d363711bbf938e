#pragma once

#include "jwt/public_key.hpp"

#include <passage/expected.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace passage::jwt {

/// The keys by which an app's tokens are verified.
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

    /// The key of an id, if it is in the set. Valid while the set is.
    const PublicKey* find(std::string_view id) const noexcept;

    std::size_t size() const noexcept { return keys_.size(); }

private:
    std::vector<Key> keys_;
};

/// Far more bytes than an app's keys have.
inline constexpr std::size_t max_set_size = 1024 * 1024;

/// Reads a JWK set (RFC 7517, section 5).
///
/// Keys that can't verify RS256 are left out: of another kind or algorithm, for another use, without an id, too weak
/// (`PublicKey::create`), or with a private part, which is a secret no more. `Errc::decode` for what is no key set, has
/// a name twice in one object, or two usable keys of one id.
///
/// Reading holds less than 8 times the set in memory. One of more than `max_size` bytes is `Errc::too_large`.
expected<KeySet> read_key_set(std::string_view json, std::size_t max_size = max_set_size);

} // namespace passage::jwt
