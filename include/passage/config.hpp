#pragma once

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace passage {

class Observer;

/// How the server is verified (RFC 9325, RFC 9525). There is no way to turn verification off.
struct TlsOptions
{
    TlsOptions() = default;

    /// File of PEM certificates to trust. Empty, with `ca_pem` empty too: the system's roots.
    std::string ca_file;
    /// PEM certificates to trust, in memory; added to those of `ca_file`.
    std::string ca_pem;
};

/// How many connections there are, and how long they live.
struct PoolOptions
{
    PoolOptions() = default;

    /// Most connections at a time, those being made included; at least 1.
    std::size_t max_connections = 64;
    /// Most calls that wait for a connection; one more ends with `Errc::pool_timeout` at once. At least 1: a call waits
    /// for a connection that is made for it, too. Also the most callers that wait for what others began: requests of
    /// `coalesced_get_user`, and the keys of an `Authenticator`.
    std::size_t max_waiting = 10'000;
    /// How long an unused connection is kept; less if the server says so (`Keep-Alive: timeout`). It is closed in time
    /// while calls are under way, and on an `io_context` (or a strand of one) that runs also while none is; otherwise
    /// before the next call. It does not keep a context from running out of work.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds{50};
    /// How long a connection is used at all, give or take 10 % at random.
    std::chrono::milliseconds max_lifetime = std::chrono::minutes{10};
};

/// How long things may take. Each is a limit of its own; the total holds over all of them.
struct TimeoutOptions
{
    TimeoutOptions() = default;

    /// A whole call: every attempt and all waiting.
    std::chrono::milliseconds total = std::chrono::seconds{30};
    /// One attempt, from the connection's hand-over to the end of the response.
    std::chrono::milliseconds attempt = std::chrono::seconds{10};
    /// Making a connection: name look-up, TCP and TLS together.
    std::chrono::milliseconds connect = std::chrono::seconds{5};
};

/// When and how fast a failed attempt is repeated.
struct RetryOptions
{
    RetryOptions() = default;

    /// Attempts in all; 1 turns retries off.
    unsigned max_attempts = 3;
    /// The wait before attempt n + 1 is random(0, 1) · min(base · 2ⁿ⁻¹, cap).
    std::chrono::milliseconds base = std::chrono::milliseconds{50};
    /// The base after a 429.
    std::chrono::milliseconds throttled_base = std::chrono::seconds{1};
    /// The longest wait of the library's own choice; a `Retry-After` may be longer.
    std::chrono::milliseconds cap = std::chrono::seconds{20};
};

/// How much of a server's answer is read, and how much may be sent; beyond it a call ends with `Errc::too_large`, and a
/// message that names the limit. If the service had answered that it acted, `Error::effect` is `done`.
struct LimitOptions
{
    LimitOptions() = default;

    /// Bytes of a response's status line and header, and of its trailer.
    std::size_t header_bytes = 16 * 1024;
    /// Header fields of a response.
    std::size_t header_fields = 100;
    /// Bytes of a response's body.
    std::size_t body_bytes = 16 * 1024 * 1024;
    /// Bytes of memory that reading a response's body may take, its result included; a body can describe much more than
    /// it has bytes. Whatever this is, reading takes no more than 8 times the body, or 1 MiB if the body is small. An
    /// error's body takes 1 MiB at most; the token keys may have an eighth of this, and 1 MiB at most.
    std::size_t decoded_bytes = 64 * 1024 * 1024;
    /// Bytes of a request's body.
    std::size_t request_bytes = 8 * 1024 * 1024;
    /// Interim (1xx) responses before the final one.
    std::size_t interim_responses = 8;
};

/// What a `Client` needs to know. Copied by the client, which checks it whole when it is made.
///
/// A value type with public members; not thread-safe while it is being changed.
struct Config
{
    Config() = default;

    /// The app's id.
    std::string app_id;
    /// The management API key.
    Secret api_key;
    /// Where the management API is: `https://host[:port][/prefix]`, a port from 1 to 65535. Needed. The host
    /// `localhost`, in whatever case, is never looked up: it is 127.0.0.1, and ::1 where that refuses (RFC 6761,
    /// section 6.3).
    std::string base_url;
    /// Where the token keys are, if not at `base_url`: `https://host[:port][/prefix]`.
    std::string auth_url;
    /// Put before the library's own product in the `User-Agent` field, e.g. "shop/2.1". May be
    /// empty.
    std::string user_agent;
    /// Lets `base_url` be plain `http://` to any host. Without it only `localhost`, 127.0.0.0/8 and
    /// ::1 may be: the key would be readable.
    bool allow_plain_http = false;

    TlsOptions tls;          ///< Verification of the server.
    PoolOptions pool;        ///< Connections.
    TimeoutOptions timeouts; ///< Time limits.
    RetryOptions retry;      ///< Retries.
    LimitOptions limits;     ///< Size limits.

    /// Is told of every call and connection; may be shared by clients. None: that costs nothing.
    std::shared_ptr<Observer> observer;

    /// The defaults, with what the environment sets: `PASSAGE_APP_ID`, `PASSAGE_API_KEY`, `PASSAGE_BASE_URL` (all
    /// needed), `PASSAGE_AUTH_URL`, `PASSAGE_CA_FILE`.
    ///
    /// Fails with `Errc::invalid_argument` naming the variable that is missing. Reads the
    /// environment: don't call it while another thread writes there (POSIX `getenv`).
    PASSAGE_EXPORT static expected<Config> from_environment();
};

} // namespace passage
