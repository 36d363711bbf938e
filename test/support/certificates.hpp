#pragma once

#include <memory>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string>
#include <vector>

namespace passage::test {

struct CertificateDeleter
{
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using X509Ptr = std::unique_ptr<X509, CertificateDeleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, CertificateDeleter>;

/// The content of a certificate.
struct CertificateSpec
{
    std::string common_name = "localhost";
    std::string names = "DNS:localhost,IP:127.0.0.1"; ///< subjectAltName as OpenSSL's configuration has it; "": none.
    long valid_from = -3600;                          ///< Seconds from now.
    long valid_until = 3600;                          ///< Seconds from now.
    bool is_authority = false;
    std::string usage = "serverAuth";  ///< extendedKeyUsage; "": none.
    int rsa_bits = 0;                  ///< The size of an RSA key; 0: a P-256 key.
    std::string digest = "SHA256";     ///< What the issuer's signature is over.
    std::string name_constraints = {}; ///< As OpenSSL's configuration has it; "": none.
    bool unknown_critical = false;     ///< Adds an unknown extension that is critical.
};

/// A certificate, its key, and the intermediate certificates that a server sends with it.
struct Identity
{
    X509Ptr certificate;
    KeyPtr key;
    std::vector<const Identity*> chain;
};

/// Makes a certificate with a new key, signed by `issuer`, or self-signed if that is null.
Identity make_identity(const CertificateSpec& spec, const Identity* issuer);

/// The certificate as PEM.
std::string to_pem(const Identity& identity);
/// The private key as PEM (PKCS #8), encrypted if there is a passphrase.
std::string key_to_pem(const Identity& identity, const std::string& passphrase = {});
/// The same in the older form of OpenSSL, with encryption by PEM's header.
std::string key_to_old_pem(const Identity& identity, const std::string& passphrase = {});

/// What a list of revoked certificates is to say.
struct CrlSpec
{
    std::vector<const Identity*> revoked = {};
    long valid_from = -3600; ///< Seconds from now.
    long valid_until = 3600; ///< Seconds from now.
    std::string scope = {};  ///< issuingDistributionPoint as OpenSSL's configuration has it; "": none.
    bool is_delta = false;
};

/// A list by `issuer`, as PEM.
std::string make_crl(const Identity& issuer, const CrlSpec& spec = {});

/// The pin of a certificate's key: "sha256/" and base64.
std::string pin_of(const Identity& identity);

} // namespace passage::test
