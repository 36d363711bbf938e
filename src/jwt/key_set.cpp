#include "jwt/key_set.hpp"

#include "jwt/base64url.hpp"
#include "jwt/document.hpp"

#include <algorithm>
#include <array>

namespace passage::jwt {
namespace {

using Kind = Value::Kind;

enum Name { keys, kty, kid, use, key_ops, alg, n, e, d, p, q, dp, dq, qi, oth, k };
constexpr std::array<std::string_view, 16> names{"keys", "kty", "kid", "use", "key_ops", "alg", "n",   "e",
                                                 "d",    "p",   "q",   "dp",  "dq",      "qi",  "oth", "k"};

class Reader final : public Sink
{
public:
    bool take(Path path, const Value& value) override
    {
        if (path.size() == 1 && path[0] == keys) {
            has_keys_ = true;
            return value.kind == Kind::array;
        }
        if (path.size() < 2 || path[0] != keys)
            return true;
        if (path.size() == 2) {
            key_ = {};
            return value.kind == Kind::object;
        }
        if (path.size() == 3)
            take_member(path[2], value);
        else if (path.size() == 4 && path[2] == key_ops && path[3] == element && value.text == "verify")
            key_.may_verify = true;
        return true;
    }

    bool end_object(Path path) override
    {
        if (path.size() != 2 || path[0] != keys || !key_.is_for_rs256())
            return true;
        std::array<char, PublicKey::max_bits / 8 + 8> buffer;
        std::span<char> room{buffer};
        const auto modulus = decode_base64url(key_.modulus, room);
        const auto exponent = decode_base64url(key_.exponent, room);
        if (!modulus || !exponent)
            return true;
        auto key = PublicKey::create(*modulus, *exponent);
        if (!key)
            return true;
        if (std::ranges::find(found_, key_.id, &KeySet::Key::id) != found_.end())
            return false;
        found_.push_back({key_.id, *std::move(key)});
        return true;
    }

    bool has_keys() const noexcept { return has_keys_; }
    std::vector<KeySet::Key> found() && { return std::move(found_); }

private:
    /// The members of one JWK.
    struct Description
    {
        bool is_rsa = false;
        bool is_usable = true; ///< No member forbids to verify RS256 with it.
        bool has_operations = false;
        bool may_verify = false;
        std::string id;
        std::string modulus;
        std::string exponent;

        bool is_for_rs256() const noexcept
        {
            return is_rsa && is_usable && (!has_operations || may_verify) && !id.empty();
        }
    };

    void take_member(int name, const Value& value)
    {
        const bool is_text = value.kind == Kind::text;
        switch (name) {
        case kty:
            key_.is_rsa = value.text == "RSA";
            break;
        case kid:
            key_.id = value.text;
            break;
        case use:
            key_.is_usable &= is_text && value.text == "sig";
            break;
        case alg:
            key_.is_usable &= is_text && value.text == "RS256";
            break;
        case key_ops:
            key_.has_operations = true;
            break;
        case n:
            key_.modulus = value.text;
            break;
        case e:
            key_.exponent = value.text;
            break;
        case d:
        case p:
        case q:
        case dp:
        case dq:
        case qi:
        case oth:
        case k:
            key_.is_usable = false;
            break;
        default:
            break;
        }
    }

    bool has_keys_ = false;
    Description key_;
    std::vector<KeySet::Key> found_;
};

} // namespace

const PublicKey* KeySet::find(std::string_view id) const noexcept
{
    const auto found = std::ranges::find(keys_, id, &Key::id);
    return found == keys_.end() ? nullptr : &found->key;
}

expected<KeySet> read_key_set(std::string_view json, std::size_t max_size)
{
    if (json.size() > max_size)
        return unexpected{Error{Errc::too_large, "the token keys exceed " + std::to_string(max_size) + " bytes"}};
    Reader reader;
    if (!read_document(json, names, reader) || !reader.has_keys())
        return unexpected{Error{Errc::decode, "the token keys are no JWK set"}};
    return KeySet{std::move(reader).found()};
}

} // namespace passage::jwt
