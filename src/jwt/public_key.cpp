#include "jwt/public_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <new>

namespace passage::jwt {
namespace {

struct Free
{
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    void operator()(OSSL_PARAM_BLD* builder) const noexcept { OSSL_PARAM_BLD_free(builder); }
    void operator()(OSSL_PARAM* parameters) const noexcept { OSSL_PARAM_free(parameters); }
    void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

template <class T>
using Owned = std::unique_ptr<T, Free>;

/// Owns an object whose creation fails only for lack of memory.
template <class T>
Owned<T> own(T* made)
{
    if (!made)
        throw std::bad_alloc{};
    return Owned<T>{made};
}

const unsigned char* bytes(std::string_view text) noexcept
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIGNUM> number(std::string_view big_endian)
{
    return own(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

/// Empties the thread's OpenSSL error queue at its beginning and end, so that a later TLS operation does not report the
/// errors of this one.
struct ErrorScope
{
    ErrorScope() { ERR_clear_error(); }
    ErrorScope(const ErrorScope&) = delete;
    ErrorScope& operator=(const ErrorScope&) = delete;
    ~ErrorScope() { ERR_clear_error(); }

    /// Throws `std::bad_alloc` if the operation that just failed lacked memory. OpenSSL has more than one code for
    /// that.
    static void throw_if_no_memory()
    {
        while (const unsigned long code = ERR_get_error())
            if (ERR_FATAL_ERROR(code))
                throw std::bad_alloc{};
    }
};

} // namespace

std::optional<PublicKey> PublicKey::create(std::string_view modulus, std::string_view exponent)
{
    if (modulus.size() > max_bits / 8 || exponent.size() > max_bits / 8)
        return std::nullopt;
    const auto n = number(modulus);
    const auto e = number(exponent);
    if (BN_num_bits(n.get()) < min_bits || !BN_is_odd(n.get()))
        return std::nullopt;
    if (BN_is_one(e.get()) || !BN_is_odd(e.get()) || BN_num_bits(e.get()) > 64)
        return std::nullopt;

    const ErrorScope scope;
    const auto builder = own(OSSL_PARAM_BLD_new());
    if (!OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) ||
        !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()))
        throw std::bad_alloc{};
    const auto parameters = own(OSSL_PARAM_BLD_to_param(builder.get()));
    const auto context = own(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        ErrorScope::throw_if_no_memory();
        return std::nullopt;
    }
    return PublicKey{std::shared_ptr<EVP_PKEY>{key, EVP_PKEY_free}};
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const
{
    const ErrorScope scope;
    const auto context = own(EVP_MD_CTX_new());
    if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1)
        throw std::bad_alloc{};
    // Spares a copy of the context. OpenSSL does not report a lack of memory for the copy.
    EVP_MD_CTX_set_flags(context.get(), EVP_MD_CTX_FLAG_FINALISE);
    if (EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message), message.size()) == 1)
        return true;
    ErrorScope::throw_if_no_memory();
    return false;
}

} // namespace passage::jwt
