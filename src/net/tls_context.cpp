#include "net/tls_context.hpp"

#include "model/invalid.hpp"
#include "model/text.hpp"
#include "net/pem.hpp"

#include <boost/asio/ssl/error.hpp>

#include <cstdint>
#include <filesystem>
#include <limits.h> // PATH_MAX
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

using Clock = std::chrono::steady_clock;

/// A time as application data of OpenSSL. Never null.
void* to_pointer(Clock::time_point time) noexcept
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
    return reinterpret_cast<void*>(static_cast<std::intptr_t>(seconds + 1));
}

Clock::time_point from_pointer(const void* pointer) noexcept
{
    return Clock::time_point{std::chrono::seconds{reinterpret_cast<std::intptr_t>(pointer) - 1}};
}

/// Of sessions: when the certificate was verified. Sessions that are made by resumption inherit it.
int verification_index()
{
    static const int index = SSL_SESSION_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

unexpected<Error> tls_error(std::string message)
{
    const SslErrors errors = take_ssl_errors_or_throw();
    Error error{Errc::tls, std::move(message)};
    // OpenSSL queues an error of the system before its own.
    if (ERR_SYSTEM_ERROR(errors.first))
        error.cause.assign(ERR_GET_REASON(errors.first), boost::system::system_category());
    else if (errors.first != 0)
        error.cause.assign(static_cast<int>(errors.first), boost::asio::error::get_ssl_category());
    return unexpected{std::move(error)};
}

/// Returns how many certificates the text has.
expected<std::size_t> add_certificates(X509_STORE* store, Pem& pem)
{
    const auto certificates = pem.certificates();
    if (!certificates)
        return unexpected{certificates.error()};
    for (const CertificatePtr& certificate : *certificates)
        if (X509_STORE_add_cert(store, certificate.get()) != 1)
            return invalid_for_openssl(pem.name(), "has a certificate that OpenSSL does not accept");
    return certificates->size();
}

expected<void> trust(X509_STORE* store, expected<Pem> pem)
{
    if (!pem)
        return unexpected{std::move(pem.error())};
    const auto count = add_certificates(store, *pem);
    if (!count)
        return unexpected{count.error()};
    if (*count == 0)
        return invalid(pem->name(), "has no PEM certificate");
    return {};
}

/// Trusts the certificates of all files in a folder.
expected<void> trust_folder(X509_STORE* store, const std::string& path)
{
    namespace fs = std::filesystem;
    const std::string name = "tls.ca_path \"" + printable(path, PATH_MAX) + "\"";
    std::size_t total = 0;
    std::error_code error;
    fs::directory_iterator file{path, error};
    for (; !error && file != fs::directory_iterator{}; file.increment(error)) {
        std::error_code dangling; // a link to nothing
        if (file->path().filename().native().starts_with('.') || !fs::is_regular_file(file->status(dangling)))
            continue;
        auto pem = Pem::read("tls.ca_path", file->path().native());
        if (!pem)
            return unexpected{std::move(pem.error())};
        const auto count = add_certificates(store, *pem);
        if (!count)
            return unexpected{count.error()};
        total += *count;
    }
    if (error)
        return invalid(name, "can't be read as a folder", {error.value(), boost::system::system_category()});
    if (total == 0)
        return invalid(name, "has no file with a PEM certificate");
    return {};
}

expected<void> set_authorities(SSL_CTX* context, const TlsOptions& options)
{
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    if (options.ca_file.empty() && options.ca_path.empty() && options.ca_pem.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1)
            return tls_error("the system's root certificates can't be read");
        return {};
    }
    expected<void> done;
    if (!options.ca_path.empty())
        done = trust_folder(store, options.ca_path);
    if (done && !options.ca_file.empty())
        done = trust(store, Pem::read("tls.ca_file", options.ca_file));
    if (done && !options.ca_pem.empty())
        done = trust(store, Pem::view("tls.ca_pem", options.ca_pem));
    return done;
}

expected<void> add_crls(X509_STORE* store, expected<Pem> pem)
{
    if (!pem)
        return unexpected{std::move(pem.error())};
    const auto crls = pem->crls();
    if (!crls)
        return unexpected{crls.error()};
    for (const CrlPtr& crl : *crls)
        if (X509_STORE_add_crl(store, crl.get()) != 1)
            return invalid_for_openssl(pem->name(), "has a CRL that OpenSSL does not accept");
    return {};
}

int accept_missing_crl(int is_good, X509_STORE_CTX* verification)
{
    if (is_good == 1 || X509_STORE_CTX_get_error(verification) != X509_V_ERR_UNABLE_TO_GET_CRL)
        return is_good;
    X509_STORE_CTX_set_error(verification, X509_V_OK);
    return 1;
}

expected<void> set_crls(SSL_CTX* context, const TlsOptions& options)
{
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    if (options.crl_file.empty() && options.crl_pem.empty())
        return {};
    expected<void> done;
    if (!options.crl_file.empty())
        done = add_crls(store, Pem::read("tls.crl_file", options.crl_file));
    if (done && !options.crl_pem.empty())
        done = add_crls(store, Pem::view("tls.crl_pem", options.crl_pem));
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    if (!options.crl_required)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &accept_missing_crl);
    return done;
}

expected<void> check_dates(const Pem& pem, X509* certificate)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return invalid(pem.name(), "has expired");
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return invalid(pem.name(), "is not valid yet");
    return {};
}

/// The client's certificate and key.
expected<void> set_identity(SSL_CTX* context, const TlsOptions& options)
{
    const bool has_certificate = !options.certificate_file.empty() || !options.certificate_pem.empty();
    const bool has_key = !options.key_file.empty() || !options.key_pem.empty();
    if (!options.certificate_file.empty() && !options.certificate_pem.empty())
        return invalid("tls.certificate_file", "and tls.certificate_pem must not both be set");
    if (!options.key_file.empty() && !options.key_pem.empty())
        return invalid("tls.key_file", "and tls.key_pem must not both be set");
    if (has_certificate && !has_key)
        return invalid("tls.key_file", "or tls.key_pem must be set if a certificate is");
    if (has_key && !has_certificate)
        return invalid("tls.certificate_file", "or tls.certificate_pem must be set if a key is");
    if (options.key_passphrase.reveal().size() > PEM_BUFSIZE)
        return invalid("tls.key_passphrase", "must not exceed " + std::to_string(PEM_BUFSIZE) + " bytes");
    if (!has_certificate)
        return {};

    auto certificate_pem = options.certificate_file.empty()
                               ? Pem::view("tls.certificate_pem", options.certificate_pem)
                               : Pem::read("tls.certificate_file", options.certificate_file);
    if (!certificate_pem)
        return unexpected{std::move(certificate_pem.error())};
    const auto certificates = certificate_pem->certificates();
    if (!certificates)
        return unexpected{certificates.error()};
    if (certificates->empty())
        return invalid(certificate_pem->name(), "has no PEM certificate");
    X509* const certificate = certificates->front().get();
    if (auto good = check_dates(*certificate_pem, certificate); !good)
        return good;

    auto key_pem = options.key_file.empty() ? Pem::view("tls.key_pem", options.key_pem.reveal())
                                            : Pem::read("tls.key_file", options.key_file);
    if (!key_pem)
        return unexpected{std::move(key_pem.error())};
    const auto key = key_pem->private_key(options.key_passphrase);
    if (!key)
        return unexpected{key.error()};
    if (X509_check_private_key(certificate, key->get()) != 1)
        return invalid_for_openssl(key_pem->name(), "is not the key of " + certificate_pem->name());
    if (SSL_CTX_use_certificate(context, certificate) != 1)
        return invalid_for_openssl(certificate_pem->name(), "is not accepted by OpenSSL");
    if (SSL_CTX_use_PrivateKey(context, key->get()) != 1)
        return invalid_for_openssl(key_pem->name(), "is not accepted by OpenSSL");
    for (std::size_t i = 1; i < certificates->size(); ++i)
        if (SSL_CTX_add1_chain_cert(context, (*certificates)[i].get()) != 1)
            return invalid_for_openssl(certificate_pem->name(), "has a certificate that is not accepted by OpenSSL");
    return {};
}

} // namespace

std::string_view describe_verification(long result) noexcept
{
    // The result of no check of OpenSSL's own.
    if (result == X509_V_ERR_APPLICATION_VERIFICATION)
        return "none of its chain's keys is pinned";
    return X509_verify_cert_error_string(result);
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
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &TlsContext::keep_session);
    SSL_CTX_set_app_data(context, result.get());
    const std::string_view protocols = offered_protocols(version);
    if (SSL_CTX_set_cipher_list(context, tls_1_2_ciphers) != 1 ||
        SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                                static_cast<unsigned>(protocols.size())) != 0)
        return tls_error("TLS can't be set up");

    for (const auto set : {&set_authorities, &set_crls, &set_identity})
        if (auto done = set(context, options); !done)
            return unexpected{std::move(done.error())};
    for (const std::string& text : options.pinned_keys) {
        auto pin = parse_pin(text);
        if (!pin)
            return unexpected{std::move(pin.error())};
        result->pins_.push_back(*pin);
    }
    if (!result->pins_.empty())
        SSL_CTX_set_cert_verify_callback(context, &TlsContext::verify_with_pins, nullptr);
    return result;
}

TlsContext::TlsContext(SSL_CTX* context, std::string host, bool host_is_address)
    : context_{context}, host_{std::move(host)}, host_is_address_{host_is_address}
{}

TlsContext::~TlsContext()
{
    // Connections may outlive this object: callbacks must not use it then.
    SSL_CTX_set_app_data(context_.get(), nullptr);
}

SslPtr TlsContext::make_ssl(Clock::time_point now)
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
    SSL_set_app_data(ssl.get(), to_pointer(now));
    if (session_ &&
        now - from_pointer(SSL_SESSION_get_ex_data(session_.get(), verification_index())) < longest_resumption)
        SSL_set_session(ssl.get(), session_.get());
    return ssl;
}

TlsContext* TlsContext::of(const SSL* ssl) noexcept
{
    return static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int TlsContext::keep_session(SSL* ssl, SSL_SESSION* session)
{
    TlsContext* const self = of(ssl);
    if (!self)
        return 0;
    const int index = verification_index();
    if (!SSL_SESSION_get_ex_data(session, index) && SSL_SESSION_set_ex_data(session, index, SSL_get_app_data(ssl)) != 1)
        return 0;
    self->session_.reset(session);
    return 1; // takes ownership of the session
}

int TlsContext::verify_with_pins(X509_STORE_CTX* verification, void*)
{
    const int verified = X509_verify_cert(verification);
    if (verified != 1)
        return verified;
    const auto* const ssl =
        static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const TlsContext* const self = of(ssl);
    if (self && has_pinned_key(X509_STORE_CTX_get0_chain(verification), self->pins_))
        return 1;
    X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

} // namespace passage::net
