#include "support/token_signer.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdexcept>
#include <utility>

namespace passage::test {
namespace {

void check(bool good)
{
    if (!good)
        throw std::runtime_error{"OpenSSL did not do as asked"};
}

std::string number(const EVP_PKEY* key, const char* name)
{
    BIGNUM* value = nullptr;
    check(EVP_PKEY_get_bn_param(key, name, &value) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return bytes;
}

template <class Write>
std::string written(Write write)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio{BIO_new(BIO_s_mem()), BIO_free};
    check(bio && write(bio.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

} // namespace

std::string base64url(std::string_view bytes)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    unsigned bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6)
            text += digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        text += digits[bits << (6 - count) & 63];
    return text;
}

TokenSigner::TokenSigner(std::string key_id, unsigned bits)
    : key_id_{std::move(key_id)}, key_{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))}
{
    check(key_ != nullptr);
}

std::string TokenSigner::modulus() const
{
    return base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_N));
}

std::string TokenSigner::exponent() const
{
    return base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_E));
}

std::string TokenSigner::public_pem() const
{
    return written([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
}

std::string TokenSigner::public_der() const
{
    return written([&](BIO* bio) { return i2d_PUBKEY_bio(bio, key_.get()); });
}

std::string TokenSigner::jwk(std::string_view more) const
{
    return std::string{R"({"kty":"RSA","kid":")"}
        .append(key_id_)
        .append(R"(","n":")")
        .append(modulus())
        .append(R"(","e":")")
        .append(exponent())
        .append("\"")
        .append(more)
        .append("}");
}

std::string TokenSigner::signature(std::string_view message, SignatureKind kind) const
{
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    EVP_PKEY_CTX* settings = nullptr;
    check(context &&
          EVP_DigestSignInit_ex(context.get(), &settings, kind.digest, nullptr, nullptr, key_.get(), nullptr) == 1);
    if (kind.pss)
        check(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1);
    const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
    std::size_t size = 0;
    check(EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) == 1);
    std::string result(size, '\0');
    check(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(result.data()), &size, bytes,
                         message.size()) == 1);
    result.resize(size);
    return result;
}

std::string TokenSigner::sign(std::string_view header, std::string_view payload, SignatureKind kind) const
{
    const std::string message = base64url(header) + "." + base64url(payload);
    return message + "." + base64url(signature(message, kind));
}

std::string TokenSigner::sign(std::string_view payload) const
{
    return sign(R"({"alg":"RS256","kid":")" + key_id_ + R"(","typ":"JWT"})", payload);
}

std::string key_set(const std::vector<std::string>& jwks)
{
    std::string text = R"({"keys":[)";
    for (const std::string& jwk : jwks)
        text.append(text.back() == '[' ? "" : ",").append(jwk);
    return text + "]}";
}

} // namespace passage::test
