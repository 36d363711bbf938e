#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace passage::ctl {

/// Where a probe connects to.
struct ProbeTarget
{
    std::string host; ///< The host of the API: a name or an address, without brackets.
    std::string port;
    bool tls = true;
    std::string unix_socket;
    std::string proxy_host; ///< Empty if no proxy is used.
    std::string proxy_port;
    bool proxy_tls = false;
    std::string proxy_authorization; ///< The value of the field `Proxy-Authorization`; may be empty.
    std::string ca_file;             ///< Empty for the root certificates of the system.
};

/// A certificate that the verification found fault with, or the one of the server.
struct CertificateFacts
{
    std::string subject;
    std::string issuer;
    std::chrono::sys_seconds valid_until{};
};

/// A fault that the verification of the server's certificates found.
struct CertificateFault
{
    std::string reason; ///< The words of OpenSSL.
    bool not_yet_valid = false;
    CertificateFacts certificate;
};

/// What a TLS handshake showed.
struct TlsFacts
{
    std::string version; ///< `TLSv1.3`.
    std::string cipher;
    std::string protocol;               ///< What ALPN chose; empty if nothing.
    bool certificate_requested = false; ///< Whether the server asked for a certificate of the client.
    CertificateFacts certificate;
    std::vector<std::string> names; ///< The names and addresses of the server's certificate.
    std::optional<CertificateFault> chain_fault;
    std::optional<CertificateFault> time_fault;
    std::optional<CertificateFault> name_fault;
};

/// A connection that looks at a server more closely than a client does. It verifies the server's certificates and goes
/// on if they are bad, so it must never carry the API key. A proxy whose certificate is bad gets no request.
///
/// All functions block, for some seconds at most each. They throw `std::runtime_error`.
class Probe
{
public:
    /// Connects, with a TLS handshake if the target has TLS. `protocols` are offered by ALPN.
    Probe(const ProbeTarget& target, const std::vector<std::string>& protocols);
    ~Probe();

    /// What the handshake showed; absent without TLS.
    const std::optional<TlsFacts>& tls() const noexcept { return tls_; }

    /// Sends `GET` over HTTP/1.1, without a key, and returns the difference between the server's clock (`Date`) and
    /// this one: positive if the server's is ahead. Absent if the response has no date.
    std::optional<std::chrono::seconds> clock_difference(const std::string& path);

private:
    struct Stream;

    std::string host_field_;
    std::unique_ptr<Stream> stream_;
    std::optional<TlsFacts> tls_;
};

} // namespace passage::ctl
