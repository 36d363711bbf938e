#pragma once

#include <memory>
#include <openssl/ssl.h>

namespace passage::net {

struct SslDeleter
{
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(X509_CRL* crl) const noexcept { X509_CRL_free(crl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;
using BioPtr = std::unique_ptr<BIO, SslDeleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, SslDeleter>;
using CertificatePtr = std::unique_ptr<X509, SslDeleter>;
using CrlPtr = std::unique_ptr<X509_CRL, SslDeleter>;

/// The errors that OpenSSL queued for this thread.
struct SslErrors
{
    unsigned long first = 0; ///< 0 if there is none.
    unsigned long last = 0;
    bool no_memory = false; ///< One of them is a failed allocation.
};

/// Takes all errors out of OpenSSL's queue of this thread.
SslErrors take_ssl_errors() noexcept;

/// The same, for a function that throws. Throws `std::bad_alloc` if one of them is a failed allocation.
SslErrors take_ssl_errors_or_throw();

} // namespace passage::net
