#include "probe.hpp"

#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace passage::ctl {
namespace {

constexpr timeval patience{5, 0};
constexpr std::size_t longest_head = 16 * 1024;

template <auto Free>
struct Deleter
{
    void operator()(auto* pointer) const { Free(pointer); }
};

using SslContextPtr = std::unique_ptr<SSL_CTX, Deleter<&SSL_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<&BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Deleter<&X509_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<&GENERAL_NAMES_free>>;
using AddressesPtr = std::unique_ptr<addrinfo, Deleter<&freeaddrinfo>>;

[[noreturn]] void fail(const std::string& what, int error)
{
    throw std::runtime_error{what + ": " + std::generic_category().message(error)};
}

[[noreturn]] void fail_tls(const std::string& what)
{
    const unsigned long error = ERR_get_error();
    const char* const reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
    throw std::runtime_error{what + ": " + (reason ? reason : "the connection was lost or took too long")};
}

/// Connects within the patience, which on Linux limits `connect` as well.
bool connect_socket(BIO* bio, const sockaddr* address, socklen_t size)
{
    const auto descriptor = static_cast<int>(BIO_get_fd(bio, nullptr));
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return connect(descriptor, address, size) == 0;
}

BioPtr owning_bio(int descriptor)
{
    BioPtr bio{BIO_new_socket(descriptor, BIO_CLOSE)};
    if (!bio)
        throw std::bad_alloc{};
    return bio;
}

BioPtr connect_unix(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    BioPtr bio = owning_bio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connect_socket(bio.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address))
        fail(path, errno);
    return bio;
}

BioPtr connect_tcp(const std::string& host, const std::string& port)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
        throw std::runtime_error{host + ": " + gai_strerror(error)};
    const AddressesPtr addresses{found};
    for (const addrinfo* address = found; address; address = address->ai_next) {
        BioPtr bio = owning_bio(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (connect_socket(bio.get(), address->ai_addr, address->ai_addrlen))
            return bio;
    }
    fail(host + ':' + port, errno);
}

void write_all(BIO* bio, std::string_view text)
{
    if (BIO_write(bio, text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size()))
        fail_tls("the connection");
}

/// Reads the head of an HTTP response, and nothing after it.
std::string read_head(BIO* bio)
{
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        char c = '\0';
        if (head.size() == longest_head || BIO_read(bio, &c, 1) != 1)
            throw std::runtime_error{"no HTTP response"};
        head += c;
    }
    return head;
}

std::string name_text(const X509_NAME* name)
{
    const BioPtr bio{BIO_new(BIO_s_mem())};
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

CertificateFacts facts_of(const X509* certificate)
{
    CertificateFacts facts;
    facts.subject = name_text(X509_get_subject_name(certificate));
    facts.issuer = name_text(X509_get_issuer_name(certificate));
    std::tm time{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1)
        facts.valid_until = std::chrono::sys_seconds{std::chrono::seconds{timegm(&time)}};
    return facts;
}

std::string address_text(const ASN1_OCTET_STRING* address)
{
    std::array<char, NI_MAXHOST> text{};
    sockaddr_storage storage{};
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(address));
    if (size == 4) {
        storage.ss_family = AF_INET;
        std::memcpy(&reinterpret_cast<sockaddr_in&>(storage).sin_addr, ASN1_STRING_get0_data(address), size);
    } else if (size == 16) {
        storage.ss_family = AF_INET6;
        std::memcpy(&reinterpret_cast<sockaddr_in6&>(storage).sin6_addr, ASN1_STRING_get0_data(address), size);
    }
    getnameinfo(reinterpret_cast<const sockaddr*>(&storage), sizeof storage, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
    return text.data();
}

std::vector<std::string> names_of(const X509* certificate)
{
    std::vector<std::string> names;
    const NamesPtr found{
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
    for (int i = 0; i < sk_GENERAL_NAME_num(found.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(found.get(), i);
        if (name->type == GEN_DNS)
            names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                               static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        else if (name->type == GEN_IPADD)
            names.push_back(address_text(name->d.iPAddress));
    }
    return names;
}

/// While it lives, a peer that closes a connection does not end the program.
class IgnoredSigpipe
{
public:
    IgnoredSigpipe() : handler_{std::signal(SIGPIPE, SIG_IGN)} {}
    IgnoredSigpipe(const IgnoredSigpipe&) = delete;
    IgnoredSigpipe& operator=(const IgnoredSigpipe&) = delete;
    ~IgnoredSigpipe() { std::signal(SIGPIPE, handler_); }

private:
    void (*handler_)(int);
};

TlsFacts* facts_for(const SSL* ssl)
{
    return static_cast<TlsFacts*>(SSL_get_app_data(ssl));
}

/// Notes the first fault of each kind, and lets the handshake go on.
int note_fault(int is_good, X509_STORE_CTX* verification)
{
    if (is_good == 1)
        return 1;
    const auto* const ssl =
        static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    TlsFacts& facts = *facts_for(ssl);
    const int error = X509_STORE_CTX_get_error(verification);
    CertificateFault fault;
    fault.reason = X509_verify_cert_error_string(error);
    fault.not_yet_valid = error == X509_V_ERR_CERT_NOT_YET_VALID;
    if (const X509* const certificate = X509_STORE_CTX_get_current_cert(verification))
        fault.certificate = facts_of(certificate);
    std::optional<CertificateFault>* kind = &facts.chain_fault;
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
        kind = &facts.time_fault;
    else if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH)
        kind = &facts.name_fault;
    if (!*kind)
        *kind = std::move(fault);
    return 1;
}

int note_request(SSL* ssl, X509**, EVP_PKEY**)
{
    facts_for(ssl)->certificate_requested = true;
    return 0; // no certificate is sent
}

std::string alpn_list(const std::vector<std::string>& protocols)
{
    std::string list;
    for (const std::string& protocol : protocols)
        list += static_cast<char>(protocol.size()) + protocol;
    return list;
}

/// Has TLS with a peer over a connection. `facts` must live as long as the result.
BioPtr start_tls(BioPtr transport, const std::string& host, const std::string& ca_file,
                 const std::vector<std::string>& protocols, TlsFacts& facts)
{
    ERR_clear_error();
    const SslContextPtr context{SSL_CTX_new(TLS_client_method())};
    if (!context)
        throw std::bad_alloc{};
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, &note_fault);
    SSL_CTX_set_client_cert_cb(context.get(), &note_request);
    const int trusted = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                        : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
    if (trusted != 1)
        fail_tls("the certificates to trust");

    SSL* ssl = nullptr;
    BioPtr secured{BIO_new_ssl(context.get(), 1)};
    if (!secured || BIO_get_ssl(secured.get(), &ssl) != 1)
        throw std::bad_alloc{};
    SSL_set_app_data(ssl, &facts);
    const std::string list = alpn_list(protocols);
    if (!list.empty())
        SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
    X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()) != 1) { // no address
        X509_VERIFY_PARAM_set1_host(checks, host.data(), host.size());
        SSL_set_tlsext_host_name(ssl, host.c_str());
    }
    ERR_clear_error();
    BIO_push(secured.get(), transport.release());
    if (BIO_do_handshake(secured.get()) != 1)
        fail_tls("the TLS handshake");

    facts.version = SSL_get_version(ssl);
    facts.cipher = SSL_get_cipher_name(ssl);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    facts.protocol.assign(reinterpret_cast<const char*>(chosen), size);
    if (const X509Ptr certificate{SSL_get1_peer_certificate(ssl)}) {
        facts.certificate = facts_of(certificate.get());
        facts.names = names_of(certificate.get());
    }
    return secured;
}

/// In brackets if it is an IPv6 address.
std::string bracketed(const std::string& host)
{
    return host.find(':') != host.npos ? '[' + host + ']' : host;
}

/// The value of the field `Host` (RFC 9110, section 7.2): a port only if the scheme has another one by default.
std::string host_field(const ProbeTarget& target)
{
    return bracketed(target.host) + (target.port == (target.tls ? "443" : "80") ? "" : ':' + target.port);
}

/// Has a proxy open a tunnel.
void open_tunnel(BIO* proxy, const ProbeTarget& target)
{
    const std::string authority = bracketed(target.host) + ':' + target.port;
    std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    if (!target.proxy_authorization.empty())
        request += "Proxy-Authorization: " + target.proxy_authorization + "\r\n";
    write_all(proxy, request + "\r\n");
    const std::string head = read_head(proxy);
    if (head.size() < 12 || head[9] != '2')
        throw std::runtime_error{"the proxy opened no tunnel"};
}

std::optional<std::chrono::sys_seconds> date_of(std::string head)
{
    std::transform(head.begin(), head.end(), head.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const std::size_t field = head.find("\r\ndate:");
    if (field == head.npos)
        return std::nullopt;
    std::tm time{};
    if (!strptime(head.c_str() + field + 7, " %a, %d %b %Y %H:%M:%S gmt", &time))
        return std::nullopt;
    return std::chrono::sys_seconds{std::chrono::seconds{timegm(&time)}};
}

} // namespace

struct Probe::Stream
{
    IgnoredSigpipe ignored_sigpipe;
    TlsFacts proxy_tls;
    TlsFacts server_tls;
    BioPtr bio;
};

Probe::Probe(const ProbeTarget& target, const std::vector<std::string>& protocols)
    : host_field_{host_field(target)}, stream_{std::make_unique<Stream>()}
{
    if (!target.unix_socket.empty())
        stream_->bio = connect_unix(target.unix_socket);
    else if (target.proxy_host.empty())
        stream_->bio = connect_tcp(target.host, target.port);
    else {
        stream_->bio = connect_tcp(target.proxy_host, target.proxy_port);
        if (target.proxy_tls) {
            TlsFacts& facts = stream_->proxy_tls;
            stream_->bio = start_tls(std::move(stream_->bio), target.proxy_host, target.ca_file, {}, facts);
            // Unlike the server, it would get credentials.
            if (facts.chain_fault || facts.time_fault || facts.name_fault)
                throw std::runtime_error{"the proxy's certificate is refused"};
        }
        open_tunnel(stream_->bio.get(), target);
    }
    if (target.tls) {
        stream_->bio = start_tls(std::move(stream_->bio), target.host, target.ca_file, protocols, stream_->server_tls);
        tls_ = stream_->server_tls;
    }
}

Probe::~Probe() = default;

std::optional<std::chrono::seconds> Probe::clock_difference(const std::string& path)
{
    using namespace std::chrono;

    const auto sent = system_clock::now();
    write_all(stream_->bio.get(), "GET " + path + " HTTP/1.1\r\nHost: " + host_field_ +
                                      "\r\nUser-Agent: passagectl/" PASSAGE_VERSION "\r\nConnection: close\r\n\r\n");
    const auto date = date_of(read_head(stream_->bio.get()));
    if (!date)
        return std::nullopt;
    // The date was read between the request and the response, and has no fraction of a second.
    const auto received = system_clock::now();
    if (*date < floor<seconds>(sent))
        return *date - floor<seconds>(sent);
    return *date > received ? ceil<seconds>(*date - received) : seconds{0};
}

} // namespace passage::ctl
