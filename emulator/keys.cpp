#include "keys.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace passage::emulator {

KeyHash hash_key(std::string_view api_key)
{
    KeyHash hash;
    std::size_t size = hash.size();
    if (EVP_Q_digest(nullptr, "SHA256", nullptr, api_key.data(), api_key.size(), hash.data(), &size) != 1) {
        throw std::runtime_error("OpenSSL cannot compute SHA-256");
    }
    return hash;
}

bool is_authorized(std::optional<std::string_view> authorization, const KeyHash& hash)
{
    constexpr std::string_view scheme = "bearer ";
    const auto is_same_letter = [](char sent, char lower) {
        return sent == lower || (sent >= 'A' && sent <= 'Z' && sent + ('a' - 'A') == lower);
    };
    if (!authorization || authorization->size() <= scheme.size() ||
        !std::ranges::equal(authorization->substr(0, scheme.size()), scheme, is_same_letter)) {
        return false;
    }
    const KeyHash sent = hash_key(authorization->substr(scheme.size()));
    return CRYPTO_memcmp(sent.data(), hash.data(), hash.size()) == 0;
}

} // namespace passage::emulator
