#pragma once

#include <passage/expected.hpp>
#include <passage/http_version.hpp>
#include <passage/secret.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace passage {

class Observer;

/// Settings of TLS: how the server is verified, and how the client identifies itself. Verification cannot be turned
/// off.
///
/// The server must prove with a certificate, issued by a trusted authority, that it has the name or address of the URL
/// (RFC 9525). CRLs and pins are checked in addition. If a check fails, the TLS handshake fails with `Errc::tls`: the
/// server receives neither the client's certificate nor a byte of a request.
///
/// \par Errors
/// Files are read when a client is constructed, and by `Client::reload_tls`. A setting that is invalid, or names a file
/// that cannot be used, is an error with `Errc::invalid_argument`. The message names the setting, and never contains a
/// key or a passphrase.
///
/// \par Files and texts
/// All files and texts are PEM (RFC 7468), and at most 64 MiB each.
///
/// \par Versions and ciphers
/// TLS 1.3 and 1.2; with TLS 1.2 only ECDHE with AES-GCM or ChaCha20-Poly1305. OpenSSL's security level is 2: RSA keys
/// have at least 2,048 bits. There is no renegotiation and no compression (RFC 9325). `openssl.cnf` cannot change this.
///
/// \par Session resumption
/// A TLS session is resumed only with the settings that it was made with, and for at most an hour. After
/// `Client::reload_tls` the first connection makes a full handshake, with all checks of the new settings.
struct TlsOptions
{
    TlsOptions() = default;

    /// A file of certificates to trust. If this, `ca_path` and `ca_pem` are empty, the root certificates of the system
    /// are trusted: the defaults of OpenSSL, which its environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// replace.
    ///
    /// The chain of the server must end at a trusted certificate that is self-signed: the certificate of an
    /// intermediate authority is not sufficient without that of its root.
    std::string ca_file;
    /// A folder of files of certificates to trust, besides those of `ca_file`. All files in the folder are read,
    /// whatever their names, except those whose names begin with a dot. Subfolders are ignored. The hashed names that
    /// `openssl rehash` makes are not needed, but permitted. Contents that are not certificates are ignored;
    /// but a PEM block that cannot be read, such as a PGP signature, is an error.
    std::string ca_path;
    /// Certificates to trust, besides those of `ca_file` and `ca_path`.
    std::string ca_pem;

    /// A file with the certificate of the client, followed by the intermediate certificates that a server may need to
    /// verify it. The certificate is sent if a server demands one, after the server was verified.
    ///
    /// It needs a key. It is an error if it has expired or is not valid yet when it is read.
    std::string certificate_file;
    /// The same as a text. Must be empty if `certificate_file` is not.
    std::string certificate_pem;
    /// A file with the private key of the client's certificate. May be the same file as `certificate_file`.
    std::string key_file;
    /// The same as a text. Must be empty if `key_file` is not.
    ///
    /// This text and `key_passphrase` are not kept after they were used. The key itself is kept by OpenSSL, in memory
    /// that is wiped when it is released, but that a core dump contains.
    Secret key_pem;
    /// The passphrase of the key, if it is encrypted; at most 1,024 bytes. The library never asks for one at a
    /// terminal.
    Secret key_passphrase;

    /// A file of certificate revocation lists (RFC 5280, section 5). If this or `crl_pem` is set, all certificates of
    /// the server's chain are checked, as curl does. A revoked certificate is refused, and so is one whose authority's
    /// CRL has expired, is not valid yet, or has a wrong signature.
    ///
    /// A delta CRL, an indirect CRL, or a CRL limited to some revocation reasons is an error, also beside a complete
    /// CRL.
    ///
    /// CRLs are neither downloaded nor renewed: use `Client::reload_tls`.
    std::string crl_file;
    /// CRLs, besides those of `crl_file`.
    std::string crl_pem;
    /// Whether a certificate is refused if there is no CRL of its authority, provided that `crl_file` or `crl_pem` is
    /// set. This applies to each authority of the chain, including the root.
    bool crl_required = true;

    /// The public keys of which the server's chain must have one, in addition to all other checks. Empty for any. Each
    /// is `sha256/BASE64`, the SHA-256 of the key's SubjectPublicKeyInfo, as in `curl --pinnedpubkey`
    /// (`sha256//BASE64`) and in RFC 7469, section 2.4.
    ///
    /// A key of any certificate of the verified chain counts: that of the server, of an intermediate authority, or of
    /// the root. To pin the server alone, pin its key. Certificates that the server sends and that are no part of the
    /// verified chain do not count.
    std::vector<std::string> pinned_keys;
};

/// Settings of the connection pool. Times are 0 to 365 days.
struct PoolOptions
{
    PoolOptions() = default;

    /// The maximum number of connections, including those that are being established; from 1 to 65,536. Over HTTP/2,
    /// use at least 2: a connection that accepts no new calls still counts until its last call ends.
    std::size_t max_connections = 64;
    /// The maximum number of calls that wait for a connection; at least 1. A further call ends with
    /// `Errc::pool_timeout` immediately. A call also waits while a connection is established for it.
    ///
    /// Also the maximum number of callers of `coalesced_get_user` that wait for requests that other callers began, and
    /// of callers of an `Authenticator` that wait for a fetch of keys that another caller began.
    std::size_t max_waiting = 10'000;
    /// How long an unused connection is kept open; less if the server asks for less (`Keep-Alive: timeout`).
    ///
    /// The connection is closed on time while calls are in flight. On an `io_context` that runs, or a strand of one, it
    /// is also closed on time while no call is in flight. On other executors it is closed before the next call. An
    /// unused connection does not keep an execution context from running out of work.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds{50};
    /// The maximum lifetime of a connection, varied at random by up to 10 % either way.
    std::chrono::milliseconds max_lifetime = std::chrono::minutes{10};
};

/// Time limits of a call. Each limit applies separately; `total` applies to the whole call. Each is longer than 0 and
/// at most 365 days.
struct TimeoutOptions
{
    TimeoutOptions() = default;

    /// The maximum time of a whole call, with all its attempts and waits.
    std::chrono::milliseconds total = std::chrono::seconds{30};
    /// The maximum time of one attempt, from when it gets a connection to the end of the response.
    std::chrono::milliseconds attempt = std::chrono::seconds{10};
    /// The maximum time to establish a connection: name lookup, TCP, the proxy's tunnel and TLS together.
    std::chrono::milliseconds connect = std::chrono::seconds{5};
};

/// Settings that say whether and when failed attempts are retried. Times are 0 to 365 days.
struct RetryOptions
{
    RetryOptions() = default;

    /// The maximum number of attempts of a call, including the first. At least 1; 1 turns retries off.
    unsigned max_attempts = 3;
    /// The base of the wait. The wait before attempt n + 1 is random(0, 1) · min(base · 2ⁿ⁻¹, cap).
    std::chrono::milliseconds base = std::chrono::milliseconds{50};
    /// The base of the wait after a 429.
    std::chrono::milliseconds throttled_base = std::chrono::seconds{1};
    /// The maximum wait that the library chooses. A `Retry-After` of the service may be longer.
    std::chrono::milliseconds cap = std::chrono::seconds{20};
};

/// Limits on the size of requests and responses.
///
/// A call that exceeds a limit ends with `Errc::too_large` and a message that names the limit. All limits are at least
/// 1, except `request_bytes` and `interim_responses`, which may be 0. If the service responded that it acted,
/// `Error::effect` is `Effect::done`.
struct LimitOptions
{
    LimitOptions() = default;

    /// The maximum size in bytes of the status line and header of a response, and of its trailer.
    std::size_t header_bytes = 16 * 1024;
    /// The maximum number of header fields of a response.
    std::size_t header_fields = 100;
    /// The maximum size in bytes of the body of a response.
    std::size_t body_bytes = 16 * 1024 * 1024;
    /// The maximum number of bytes of memory to decode the body of a response, including the result. A decoded body may
    /// take much more memory than the body itself.
    ///
    /// Regardless of this limit, decoding takes at most 8 times the size of the body, or 1 MiB if the body is small.
    /// The body of an error takes at most 1 MiB. Token keys may take an eighth of this limit, and at most 1 MiB.
    std::size_t decoded_bytes = 64 * 1024 * 1024;
    /// The maximum size in bytes of the body of a request.
    std::size_t request_bytes = 8 * 1024 * 1024;
    /// The maximum number of interim (1xx) responses before the final response.
    std::size_t interim_responses = 8;
};

/// How HTTP/2 is used.
struct Http2Options
{
    Http2Options() = default;

    /// The maximum number of HTTP/2 connections at a time; at least 1. Another connection is made only if the existing
    /// ones carry as many calls as the server permits. A connection that takes no more calls, because the server sent
    /// GOAWAY or `PoolOptions::max_lifetime` has passed, does not count while its last calls end.
    /// `PoolOptions::max_connections` also applies.
    std::size_t max_connections = 8;
    /// The number of bytes of one response that the server may send before the client has read them (RFC 9113, section
    /// 5.2); 65,535 to 2,147,483,647.
    std::uint32_t stream_window = 1024 * 1024;
    /// The same for all responses on a connection together.
    std::uint32_t connection_window = 16 * 1024 * 1024;
    /// How long a connection with calls in flight may be silent before the client sends a PING (RFC 9113, section 6.7).
    std::chrono::milliseconds ping_after = std::chrono::seconds{15};
    /// How long the server may take to answer a PING before the connection is treated as lost. If the server still
    /// sends data to calls in flight, these continue, and new calls use another connection. `ping_after` and
    /// `ping_timeout` are longer than 0 and at most 365 days.
    std::chrono::milliseconds ping_timeout = std::chrono::seconds{5};
};

/// The HTTP proxy through which servers are reached.
///
/// The proxy is asked for a tunnel to the server (CONNECT; RFC 9110, section 9.3.6), also for a plain `http://` server.
/// TLS with the server goes through the tunnel, and the server's name is verified as without a proxy. The proxy
/// resolves the server's name. It sees neither the API key nor anything else of a call, unless
/// `Config::allow_plain_http` permits plain HTTP; the server does not see the proxy's credentials.
///
/// Until the tunnel is open, an error describes a failure of the proxy, and its message names the proxy. `Errc::dns`:
/// its name cannot be resolved. `Errc::connect`: it cannot be reached, or it does not open the tunnel;
/// `Error::http_status` is then the status of its response, if it sent one. `Errc::tls`: its certificate is refused, or
/// it demands one of the client. `Errc::timeout`: it took too long. The call is retried after the statuses 502, 503 and
/// 504 and after the loss of a connection. It is not retried after other statuses, such as 403 and 407, or a response
/// that is malformed or exceeds `LimitOptions`.
struct ProxyOptions
{
    ProxyOptions() = default;

    /// The URL of the proxy: `[http[s]://]host[:port]`. If it is empty, no proxy is used. A missing scheme is `http`, a
    /// missing port is 1080, or 443 for `https`. With `https` the connection to the proxy uses TLS. The certificate of
    /// the proxy must be valid for the host, and is trusted as `ca_file`, `ca_path` and `ca_pem` of `TlsOptions` say,
    /// which `Client::reload_tls` replaces for the proxy as well. All other settings of `TlsOptions` apply to the
    /// server only.
    std::string url;
    /// The credentials for the proxy, `user:password`, sent in Basic authentication (RFC 7617). If they are empty, none
    /// are sent. Plain `http` shows them to the network between the client and the proxy.
    Secret credentials;
    /// The servers that are reached without the proxy, separated by commas or spaces. It applies to `Config::base_url`
    /// and `Config::auth_url`.
    ///
    /// A host name matches itself and its subdomains; a leading dot makes no difference. IPv4 and IPv6 addresses, and
    /// networks such as `10.0.0.0/8`, are permitted. Names and addresses may have a port, as in `example.com:8443` and
    /// `[::1]:8443`. `*` matches all servers.
    std::string no_proxy;
};

/// The configuration of a `Client` or an `Authenticator`, which copies and checks it when it is constructed.
///
/// \par Thread safety
/// Distinct objects: safe. Shared objects: unsafe.
struct Config
{
    Config() = default;

    /// The app's id: 1 to 256 letters, digits, `-`, `.`, `_` or `~`. Required.
    std::string app_id;
    /// The management API key: at most 4,096 bytes of printable ASCII without spaces. Required for a `Client`; an
    /// `Authenticator` does not use it.
    Secret api_key;
    /// The URL of the management API: `https://host[:port][/prefix]`, with a port from 1 to 65535. Required.
    ///
    /// The host `localhost`, in upper or lower case, is never looked up: it stands for 127.0.0.1, and for ::1 if
    /// 127.0.0.1 refuses the connection (RFC 6761, section 6.3).
    std::string base_url;
    /// The URL of the token keys, if it differs from `base_url`: `https://host[:port][/prefix]`.
    std::string auth_url;
    /// The product that precedes the library's own in the `User-Agent` field, such as "shop/2.1". At most 4,096 bytes
    /// of printable ASCII, without a space at either end; may be empty.
    std::string user_agent;
    /// Permits plain `http://` to any host. By default plain `http://` is permitted only to `localhost`, 127.0.0.0/8
    /// and ::1 if no proxy is used, and through `unix_socket`, because the network could read the API key.
    bool allow_plain_http = false;
    /// The path of a Unix domain socket through which the server of `base_url` is reached, instead of TCP and without a
    /// proxy. If it is empty, TCP is used. TLS verifies the host of `base_url` as over TCP. Plain `http://` is
    /// permitted. An `auth_url` with another scheme, host or port is reached over TCP.
    ///
    /// A call ends with `Errc::connect`, and the system's error as `Error::cause`, if the path does not exist, is not a
    /// socket, is longer than 107 bytes or may not be used by this process, or if the connection is refused. Abstract
    /// sockets are not supported, because any process of the machine may take their names.
    std::string unix_socket;

    /// The version of HTTP that the client uses.
    HttpVersion http_version = HttpVersion::automatic;

    TlsOptions tls;          ///< TLS. Also applies to `auth_url`.
    PoolOptions pool;        ///< The connection pool.
    TimeoutOptions timeouts; ///< Time limits.
    RetryOptions retry;      ///< Retries.
    LimitOptions limits;     ///< Size limits.
    ProxyOptions proxy;      ///< The proxy.
    Http2Options http2;      ///< HTTP/2.

    /// The observer of all calls and connections. Clients may share it. If null, nothing is observed, at no cost.
    std::shared_ptr<Observer> observer;

    /// Returns a configuration from environment variables.
    ///
    /// \par Effects
    /// Reads `PASSAGE_APP_ID`, `PASSAGE_API_KEY`, `PASSAGE_BASE_URL`, `PASSAGE_AUTH_URL`, `PASSAGE_CA_FILE` and
    /// `PASSAGE_UNIX_SOCKET`. The first three are required.
    ///
    /// Reads the proxy from the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is set and not
    /// empty, for plain `http://` servers as well. The credentials may be part of its URL, percent-encoded:
    /// `http://user:password@host:port`. `no_proxy`, or `NO_PROXY` if that is not set or empty, is
    /// `ProxyOptions::no_proxy`. Loopback addresses and `localhost` are added to it.
    ///
    /// All other settings have their defaults.
    /// \par Errors
    /// `Errc::invalid_argument` if a required variable is missing, or a proxy's variable is invalid; the message names
    /// the variable. It does not show the proxy's credentials.
    /// \par Thread safety
    /// Must not be called while another thread changes the environment (POSIX `getenv`).
    PASSAGE_EXPORT static expected<Config> from_environment();
};

} // namespace passage
