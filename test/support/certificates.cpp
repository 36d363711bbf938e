#include "support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace passage::test {
namespace {

void require(bool succeeded)
{
    if (!succeeded)
        throw std::runtime_error{"OpenSSL can't make a certificate"};
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

} // namespace

Identity make_identity(const CertificateSpec& spec, const Identity* issuer)
{
    Identity made{X509Ptr{X509_new()}, KeyPtr{spec.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")}, {}};
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
                  spec.is_authority ? "critical,keyCertSign" : "critical,digitalSignature,keyEncipherment");
    add_extension(certificate, by, NID_ext_key_usage, spec.is_authority ? "" : spec.usage);
    add_extension(certificate, by, NID_subject_alt_name, spec.names);
    require(X509_sign(certificate, signer.key.get(), EVP_sha256()) > 0);
    return made;
}

std::string to_pem(const Identity& identity)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> output{BIO_new(BIO_s_mem()), &BIO_free};
    require(output && PEM_write_bio_X509(output.get(), identity.certificate.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(output.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

} // namespace passage::test
