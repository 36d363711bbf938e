#pragma once

#include <passage/config.hpp>
#include <passage/expected.hpp>

#include <memory>
#include <openssl/ssl.h>
#include <string>

namespace passage::net {

struct SslDeleter
{
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

/// The errors that OpenSSL queued for this thread.
struct SslErrors
{
    unsigned long first = 0; ///< 0 if there is none.
    unsigned long last = 0;
    bool no_memory = false; ///< One of them is a failed allocation.
};

/// Takes all errors out of OpenSSL's queue of this thread.
SslErrors take_ssl_errors() noexcept;

/// TLS settings for one host: TLS 1.2 and 1.3, only with ECDHE and AEAD (RFC 9325). Certificates are always verified,
/// and the host's name or address must be one of the subject alternative names (RFC 9525). Used on the strand only.
class TlsContext
{
public:
    /// Fails with `Errc::tls` if the CA certificates can't be used. Throws `std::bad_alloc`.
    static expected<std::unique_ptr<TlsContext>> create(const TlsOptions& options, HttpVersion version,
                                                        std::string host, bool host_is_address);

    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    /// Makes the client side of a connection, ready for the handshake. Resumes the last session if there is one.
    SslPtr make_ssl();

private:
    TlsContext(SSL_CTX* context, std::string host, bool host_is_address);
    static int keep_session(SSL* ssl, SSL_SESSION* session);

    std::unique_ptr<SSL_CTX, SslDeleter> context_;
    std::string host_;
    bool host_is_address_;
    std::unique_ptr<SSL_SESSION, SslDeleter> session_;
};

} // namespace passage::net
