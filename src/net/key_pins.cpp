#include "net/key_pins.hpp"

#include "model/invalid.hpp"

#include <algorithm>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tuple>

namespace passage::net {

expected<KeyPin> parse_pin(std::string_view text)
{
    constexpr std::string_view prefix = "sha256/";
    constexpr std::size_t base64_size = 44; // of 32 bytes, with one '='
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto wrong = [&] {
        return invalid("tls.pinned_keys", "must each be sha256/ and 32 bytes in base64, such as "
                                          "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    };
    if (!text.starts_with(prefix))
        return wrong();
    text.remove_prefix(prefix.size());
    if (text.size() == base64_size + 1 && text.front() == '/')
        text.remove_prefix(1);
    if (text.size() != base64_size || text.find_first_not_of(alphabet) != base64_size - 1 || text.back() != '=')
        return wrong();
    std::array<unsigned char, std::tuple_size_v<KeyPin> + 1> decoded; // EVP_DecodeBlock counts the padding
    const int size =
        EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()), int{base64_size});
    if (size != int{decoded.size()} || decoded.back() != 0)
        return wrong();
    KeyPin pin;
    std::copy_n(decoded.begin(), pin.size(), pin.begin());
    return pin;
}

bool has_pinned_key(const STACK_OF(X509) * certificates, const std::vector<KeyPin>& pins) noexcept
{
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
        // X509_pubkey_digest leaves out the algorithm.
        unsigned char* der = nullptr;
        const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(sk_X509_value(certificates, i)), &der);
        if (size <= 0)
            return false;
        KeyPin digest;
        const bool digested =
            EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) == 1;
        OPENSSL_free(der);
        if (digested && std::find(pins.begin(), pins.end(), digest) != pins.end())
            return true;
    }
    return false;
}

} // namespace passage::net
