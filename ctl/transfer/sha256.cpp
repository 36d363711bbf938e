#include "sha256.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <new>

namespace passage::ctl {
namespace {

using Bytes = std::array<unsigned char, 32>;

/// Found once: to look it up for each hash takes longer than the hash.
const EVP_MD* algorithm()
{
    static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (!sha256)
        throw std::bad_alloc{};
    return sha256;
}

void require(int succeeded)
{
    if (succeeded != 1)
        throw std::bad_alloc{}; // SHA-256 fails for no other reason
}

} // namespace

Sha256::Sha256() : context_{EVP_MD_CTX_new()}
{
    if (!context_)
        throw std::bad_alloc{};
    require(EVP_DigestInit_ex(context_, algorithm(), nullptr));
}

Sha256::~Sha256()
{
    EVP_MD_CTX_free(context_);
}

void Sha256::add(std::string_view bytes)
{
    require(EVP_DigestUpdate(context_, bytes.data(), bytes.size()));
}

std::string Sha256::finish()
{
    Bytes hash{};
    require(EVP_DigestFinal_ex(context_, hash.data(), nullptr));
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : hash) {
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

std::array<std::uint64_t, 2> fingerprint(std::string_view text)
{
    Bytes hash{};
    require(EVP_Digest(text.data(), text.size(), hash.data(), nullptr, algorithm(), nullptr));
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), hash.data(), sizeof words);
    return words;
}

} // namespace passage::ctl
