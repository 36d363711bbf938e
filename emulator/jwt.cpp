#include "jwt.hpp"

#include "json.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <span>
#include <stdexcept>

namespace passage::emulator {
namespace {

constexpr std::size_t key_bits = 2048;

/// An owner with a function of OpenSSL as its deleter.
template <auto free>
struct Free
{
    template <class T>
    void operator()(T* object) const
    {
        free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Free<&EVP_PKEY_free>>;
using KeyInfo = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<&PKCS8_PRIV_KEY_INFO_free>>;
using Number = std::unique_ptr<BIGNUM, Free<&BN_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free<&EVP_MD_CTX_free>>;

void require(bool succeeded)
{
    if (!succeeded) {
        throw std::runtime_error("OpenSSL cannot work with a key for tokens");
    }
}

std::string base64url(std::span<const unsigned char> bytes)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    unsigned window = 0;
    unsigned bits = 0;
    for (const unsigned char byte : bytes) {
        window = window << 8 | byte;
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            text += alphabet[window >> bits & 63];
        }
    }
    if (bits > 0) {
        text += alphabet[window << (6 - bits) & 63];
    }
    return text;
}

std::string base64url(std::string_view text)
{
    return base64url({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

Key read_key(const PrivateKey& der)
{
    const unsigned char* begin = der.data();
    const KeyInfo info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &begin, static_cast<long>(der.size())));
    require(info != nullptr);
    Key key(EVP_PKCS82PKEY(info.get()));
    require(key != nullptr);
    return key;
}

std::string number_of(const EVP_PKEY* key, const char* name)
{
    BIGNUM* found = nullptr;
    require(EVP_PKEY_get_bn_param(key, name, &found) == 1);
    const Number number(found);
    std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
    BN_bn2bin(number.get(), bytes.data());
    return base64url(bytes);
}

} // namespace

PrivateKey make_private_key()
{
    const Key key(EVP_RSA_gen(key_bits));
    require(key != nullptr);
    const KeyInfo info(EVP_PKEY2PKCS8(key.get()));
    require(info != nullptr);
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
    require(size > 0);
    PrivateKey der(static_cast<std::size_t>(size));
    unsigned char* end = der.data();
    require(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &end) == size);
    return der;
}

PublicKey public_key_of(const PrivateKey& der)
{
    const Key key = read_key(der);
    return {number_of(key.get(), OSSL_PKEY_PARAM_RSA_N), number_of(key.get(), OSSL_PKEY_PARAM_RSA_E)};
}

std::string sign_jwt(const PrivateKey& der, std::string_view key_id, std::string_view payload)
{
    JsonWriter header;
    header.begin_object().field("alg", "RS256").field("kid", key_id).field("typ", "JWT").end_object();
    std::string token = base64url(header.take()) + '.' + base64url(payload);

    const Key key = read_key(der);
    const Digest digest(EVP_MD_CTX_new());
    require(digest && EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
    std::vector<unsigned char> signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())));
    std::size_t size = signature.size();
    require(EVP_DigestSign(digest.get(), signature.data(), &size, reinterpret_cast<const unsigned char*>(token.data()),
                           token.size()) == 1);
    return token + '.' + base64url(std::span{signature}.first(size));
}

} // namespace passage::emulator
