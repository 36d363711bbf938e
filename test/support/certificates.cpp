#include "support/certificates.hpp"

#include <array>
#include <functional>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <stdexcept>

namespace passage::test {
namespace {

void require(bool succeeded)
{
    if (!succeeded)
        throw std::runtime_error{std::string{"OpenSSL can't make a certificate: "} +
                                 ERR_error_string(ERR_get_error(), nullptr)};
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value)
{
    if (value.empty())
        return;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    require(extension != nullptr);
    const int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    require(added == 1);
}

/// Marks an extension that must be understood (RFC 5280, section 4.2).
void add_unknown_critical(X509* certificate)
{
    const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> name{OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1),
                                                                         &ASN1_OBJECT_free};
    const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> value{ASN1_OCTET_STRING_new(),
                                                                                      &ASN1_OCTET_STRING_free};
    constexpr unsigned char null[] = {0x05, 0x00};
    require(name && value && ASN1_OCTET_STRING_set(value.get(), null, sizeof null) == 1);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension{
        X509_EXTENSION_create_by_OBJ(nullptr, name.get(), 1, value.get()), &X509_EXTENSION_free};
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

} // namespace

Identity make_identity(const CertificateSpec& spec, const Identity* issuer)
{
    Identity made{X509Ptr{X509_new()},
                  KeyPtr{spec.rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(spec.rsa_bits)) : EVP_EC_gen("P-256")},
                  {}};
    X509* const certificate = made.certificate.get();
    require(certificate && made.key);
    const Identity& signer = issuer ? *issuer : made;

    std::uint32_t serial = 0;
    require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    require(X509_set_version(certificate, X509_VERSION_3) == 1);
    require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1);
    require(X509_gmtime_adj(X509_getm_notBefore(certificate), spec.valid_from) != nullptr);
    require(X509_gmtime_adj(X509_getm_notAfter(certificate), spec.valid_until) != nullptr);
    require(X509_set_pubkey(certificate, made.key.get()) == 1);
    require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1, -1,
                                       0) == 1);
    require(X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get())) == 1);

    X509* const by = signer.certificate.get();
    add_extension(certificate, by, NID_basic_constraints, spec.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, by, NID_key_usage,
                  spec.is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,keyEncipherment");
    add_extension(certificate, by, NID_ext_key_usage, spec.is_authority ? "" : spec.usage);
    add_extension(certificate, by, NID_subject_alt_name, spec.names);
    add_extension(certificate, by, NID_name_constraints, spec.name_constraints);
    if (spec.unknown_critical)
        add_unknown_critical(certificate);
    require(X509_sign(certificate, signer.key.get(), EVP_get_digestbyname(spec.digest.c_str())) > 0);
    return made;
}

namespace {

/// What `write` writes to a BIO.
std::string written(const std::function<int(BIO*)>& write)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> output{BIO_new(BIO_s_mem()), &BIO_free};
    require(output && write(output.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(output.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string key_to_pem_with(decltype(&PEM_write_bio_PrivateKey) write, const Identity& identity,
                            const std::string& passphrase)
{
    const EVP_CIPHER* const cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
    return written([&](BIO* output) {
        return write(output, identity.key.get(), cipher, reinterpret_cast<const unsigned char*>(passphrase.data()),
                     static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

} // namespace

std::string to_pem(const Identity& identity)
{
    return written([&](BIO* output) { return PEM_write_bio_X509(output, identity.certificate.get()); });
}

std::string key_to_pem(const Identity& identity, const std::string& passphrase)
{
    return key_to_pem_with(&PEM_write_bio_PrivateKey, identity, passphrase);
}

std::string key_to_old_pem(const Identity& identity, const std::string& passphrase)
{
    return key_to_pem_with(&PEM_write_bio_PrivateKey_traditional, identity, passphrase);
}

std::string make_crl(const Identity& issuer, const CrlSpec& spec)
{
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> crl{X509_CRL_new(), &X509_CRL_free};
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> from{X509_gmtime_adj(nullptr, spec.valid_from),
                                                                     &ASN1_TIME_free};
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> until{X509_gmtime_adj(nullptr, spec.valid_until),
                                                                      &ASN1_TIME_free};
    require(crl && from && until && X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
            X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate.get())) == 1 &&
            X509_CRL_set1_lastUpdate(crl.get(), from.get()) == 1 &&
            X509_CRL_set1_nextUpdate(crl.get(), until.get()) == 1);
    for (const Identity* identity : spec.revoked) {
        X509_REVOKED* const entry = X509_REVOKED_new();
        require(
            entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(identity->certificate.get())) == 1 &&
            X509_REVOKED_set_revocationDate(entry, from.get()) == 1 && X509_CRL_add0_revoked(crl.get(), entry) == 1);
    }
    if (!spec.scope.empty()) {
        const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> scope{
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_issuing_distribution_point, spec.scope.c_str()),
            &X509_EXTENSION_free};
        require(scope && X509_CRL_add_ext(crl.get(), scope.get(), -1) == 1);
    }
    if (spec.is_delta) {
        const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> base{ASN1_INTEGER_new(), &ASN1_INTEGER_free};
        require(base && ASN1_INTEGER_set(base.get(), 1) == 1 &&
                X509_CRL_add1_ext_i2d(crl.get(), NID_delta_crl, base.get(), 1, 0) == 1);
    }
    require(X509_CRL_sign(crl.get(), issuer.key.get(), EVP_sha256()) > 0);
    return written([&](BIO* output) { return PEM_write_bio_X509_CRL(output, crl.get()); });
}

std::string pin_of(const Identity& identity)
{
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(identity.key.get(), &der);
    require(size > 0);
    std::array<unsigned char, 32> digest;
    const int digested = EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    require(digested == 1);
    std::array<unsigned char, 45> base64; // with a NUL
    const int encoded = EVP_EncodeBlock(base64.data(), digest.data(), int{digest.size()});
    return "sha256/" + std::string{base64.begin(), base64.begin() + encoded};
}

} // namespace passage::test
