#include "net/tls_context.hpp"

#include <boost/asio/ssl/error.hpp>

#include <cerrno>
#include <new>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string_view>

namespace passage::net {
namespace {

constexpr const char* tls_1_2_ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// What is offered by ALPN (RFC 7301, section 3.1), in the order of preference.
constexpr std::string_view offered_protocols(HttpVersion version) noexcept
{
    switch (version) {
    case HttpVersion::http1:
        return "\x08http/1.1";
    case HttpVersion::http2:
        return "\x02h2";
    case HttpVersion::automatic:
        break;
    }
    return "\x02h2\x08http/1.1";
}

unexpected<Error> tls_error(std::string message)
{
    const SslErrors errors = take_ssl_errors();
    if (errors.no_memory)
        throw std::bad_alloc{};
    Error error{Errc::tls, std::move(message)};
    // OpenSSL queues an error of the system before its own.
    if (ERR_SYSTEM_ERROR(errors.first))
        error.cause.assign(ERR_GET_REASON(errors.first), boost::system::system_category());
    else if (errors.first != 0)
        error.cause.assign(static_cast<int>(errors.first), boost::asio::error::get_ssl_category());
    return unexpected{std::move(error)};
}

/// Adds all certificates of a PEM text. False if there is none, or one can't be read.
bool add_certificates(SSL_CTX* context, const std::string& pem)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> input{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                          &BIO_free};
    if (!input)
        throw std::bad_alloc{};
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    bool any = false;
    for (;;) {
        const std::unique_ptr<X509, decltype(&X509_free)> certificate{
            PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr), &X509_free};
        if (!certificate) {
            // PEM_R_NO_START_LINE is the end of the text; other errors are of a certificate.
            const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (any && ended)
                ERR_clear_error();
            return any && ended;
        }
        if (X509_STORE_add_cert(store, certificate.get()) != 1)
            return false;
        any = true;
    }
}

} // namespace

SslErrors take_ssl_errors() noexcept
{
    SslErrors errors;
    while (const unsigned long code = ERR_get_error()) {
        if (errors.first == 0)
            errors.first = code;
        errors.last = code;
        errors.no_memory |= ERR_GET_REASON(code) == (ERR_SYSTEM_ERROR(code) ? ENOMEM : ERR_R_MALLOC_FAILURE);
    }
    return errors;
}

expected<std::unique_ptr<TlsContext>> TlsContext::create(const TlsOptions& options, HttpVersion version,
                                                         std::string host, bool host_is_address)
{
    ERR_clear_error();
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return tls_error("TLS can't be set up");
    std::unique_ptr<TlsContext> result{new TlsContext{context, std::move(host), host_is_address}};

    // Nothing is left to defaults, which a distribution or openssl.cnf may weaken.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &TlsContext::keep_session);
    SSL_CTX_set_app_data(context, result.get());
    const std::string_view protocols = offered_protocols(version);
    if (SSL_CTX_set_cipher_list(context, tls_1_2_ciphers) != 1 ||
        SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                                static_cast<unsigned>(protocols.size())) != 0)
        return tls_error("TLS can't be set up");

    if (options.ca_file.empty() && options.ca_pem.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1)
            return tls_error("the system's root certificates can't be read");
        return result;
    }
    if (!options.ca_file.empty() && SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1)
        return tls_error("CA file \"" + options.ca_file + "\" can't be read as PEM certificates");
    if (!options.ca_pem.empty() && !add_certificates(context, options.ca_pem))
        return tls_error("the CA text can't be read as PEM certificates");
    return result;
}

TlsContext::TlsContext(SSL_CTX* context, std::string host, bool host_is_address)
    : context_{context}, host_{std::move(host)}, host_is_address_{host_is_address}
{}

TlsContext::~TlsContext()
{
    // Connections may outlive this object: keep_session must not use it then.
    SSL_CTX_set_app_data(context_.get(), nullptr);
}

SslPtr TlsContext::make_ssl()
{
    SslPtr ssl{SSL_new(context_.get())};
    if (!ssl)
        throw std::bad_alloc{};
    X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    // The handshake must not begin if the name can't be set.
    const int named = host_is_address_ ? X509_VERIFY_PARAM_set1_ip_asc(checks, host_.c_str())
                                       : X509_VERIFY_PARAM_set1_host(checks, host_.data(), host_.size()) &&
                                             SSL_set_tlsext_host_name(ssl.get(), host_.c_str());
    if (named != 1)
        throw std::bad_alloc{};
    if (session_)
        SSL_set_session(ssl.get(), session_.get());
    SSL_set_connect_state(ssl.get());
    return ssl;
}

int TlsContext::keep_session(SSL* ssl, SSL_SESSION* session)
{
    auto* const self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    if (!self)
        return 0;
    self->session_.reset(session);
    return 1; // takes ownership of the session
}

} // namespace passage::net
