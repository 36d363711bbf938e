#pragma once

#include "net/key_pins.hpp"
#include "net/openssl.hpp"

#include <passage/config.hpp>
#include <passage/expected.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace passage::net {

/// Returns why a server's certificate is refused, from the result of `SSL_get_verify_result`.
std::string_view describe_verification(long result) noexcept;

/// TLS settings for one host: TLS 1.2 and 1.3, only with ECDHE and AEAD (RFC 9325). Certificates are always verified,
/// and the host's name or address must be one of the subject alternative names (RFC 9525). Used on the strand only,
/// except to create and destroy it.
class TlsContext
{
public:
    /// Reads the files of the options. Fails with `Errc::invalid_argument` if an option is invalid, and with
    /// `Errc::tls` if OpenSSL can't be set up. Throws `std::bad_alloc`.
    static expected<std::unique_ptr<TlsContext>> create(const TlsOptions& options, HttpVersion version,
                                                        std::string host, bool host_is_address);

    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    /// Makes the client side of a connection, ready for the handshake. Resumes the last session if there is one, and
    /// the server's certificate was verified less than `longest_resumption` ago.
    SslPtr make_ssl(std::chrono::steady_clock::time_point now);

    /// Whoever resumes a session does not verify the certificate, which may have expired.
    static constexpr std::chrono::hours longest_resumption{1};

private:
    TlsContext(SSL_CTX* context, std::string host, bool host_is_address);
    static TlsContext* of(const SSL* ssl) noexcept;
    static int keep_session(SSL* ssl, SSL_SESSION* session);
    static int verify_with_pins(X509_STORE_CTX* verification, void*);

    std::unique_ptr<SSL_CTX, SslDeleter> context_;
    std::string host_;
    bool host_is_address_;
    std::vector<KeyPin> pins_;
    std::unique_ptr<SSL_SESSION, SslDeleter> session_;
};

} // namespace passage::net
