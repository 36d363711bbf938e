#pragma once

#include <passage/detail/build.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace passage {

/// The kind of failure that ended a call. Converts to `boost::system::error_code`.
enum class Errc {
    invalid_argument = 1, ///< An argument or a setting is invalid; nothing was sent. The message says which and why.
    dns,                  ///< The host name could not be resolved.
    connect,              ///< The connection could not be established, or the proxy did not open a tunnel.
    tls,                  ///< The TLS handshake failed, or the certificate of the server, proxy or client was refused.
    timeout,              ///< The time limit of the call, of an attempt or of a connection passed; see `Error::stage`.
    pool_timeout,         ///< No connection became available: too many calls wait already, or the deadline passed while
                          ///< other calls used the connections. The message and the cause say if no more could be
                          ///< established.
    protocol,     ///< The server sent no valid HTTP response (RFC 9112, RFC 9113), or not the response to this request.
    truncated,    ///< The connection ended before the response was complete.
    too_large,    ///< A request or response exceeds a limit; the message names the limit.
    decode,       ///< The response reports success, but its body is not what the API documents.
    api,          ///< The service responded with an error: see `Error::http_status` and `Error::api_code`.
    rate_limited, ///< The service responded with 429 and asks to wait beyond the deadline. For other statuses the error
                  ///< is `api`, and `Error::retry_after` says how long to wait.
    cancelled,    ///< The caller cancelled the call.
    shut_down,    ///< The client was closed or destroyed.
    jwt,          ///< The token is refused; `Error::jwt_reason` says why.
    jwks,         ///< The token could not be checked, because no keys of the app are available.
    no_memory,    ///< Memory ran out. Without a completion token, `std::bad_alloc` is thrown instead.
};

/// Returns the error category of `Errc`. Its name is "passage".
PASSAGE_EXPORT const boost::system::error_category& error_category() noexcept;

/// Returns the `error_code` for an `Errc`. It makes `Errc` convertible to `boost::system::error_code`.
PASSAGE_EXPORT boost::system::error_code make_error_code(Errc code) noexcept;

/// Says whether the service acted on a call that failed.
enum class Effect {
    none, ///< The service cannot have acted.
    done, ///< The service responded that it acted, but the response is not usable.
    /// The request was sent, completely or in part, and it is not known whether the service acted: no usable response
    /// arrived, or one with a 5xx status, or a 429 or 421 that may be the response to another request.
    unknown,
};

/// The stage of a call.
enum class Stage {
    none,     ///< The call is not in progress.
    pool,     ///< Waiting for a connection.
    dns,      ///< Resolving the host name.
    connect,  ///< Establishing a connection, including the tunnel of a proxy.
    tls,      ///< Performing the TLS handshake.
    write,    ///< Writing the request.
    response, ///< Waiting for the response, or reading it.
    backoff,  ///< Waiting before the next attempt.
};

/// The reason why a token is refused.
enum class JwtReason {
    none,          ///< No token was refused.
    missing,       ///< The request has no token where `AuthOptions::source` says.
    too_large,     ///< The token exceeds 16 KiB.
    malformed,     ///< The token is not a JWT in compact form (RFC 7515, RFC 7519).
    unsupported,   ///< Its header requires an algorithm other than RS256, another type, or extensions.
    unknown_key,   ///< No key of the app has the id that the token names.
    signature,     ///< The key that the token names did not sign it.
    claims,        ///< A claim is missing or has an invalid value.
    expired,       ///< The token has expired.
    not_yet_valid, ///< The token is not valid yet.
    audience,      ///< The token is for another app.
    issuer,        ///< The token has another issuer.
};

/// Returns "none", "done" or "unknown".
PASSAGE_EXPORT std::string_view to_string(Effect effect) noexcept;

/// Returns the name of the enumerator.
PASSAGE_EXPORT std::string_view to_string(Stage stage) noexcept;

/// Returns the name of the enumerator.
PASSAGE_EXPORT std::string_view to_string(JwtReason reason) noexcept;

/// A failed attempt of a call.
struct FailedAttempt
{
    FailedAttempt() = default;

    /// The kind of failure.
    Errc code = Errc::api;
    /// The stage at which a `timeout` or the loss of a connection occurred.
    Stage stage = Stage::none;
    /// The HTTP status of the response; 0 if there was none. With `Errc::connect` it is the proxy's.
    int http_status = 0;
    /// The underlying error of the system, the resolver or OpenSSL, if there is one.
    boost::system::error_code cause;
};

/// The error of a call that failed. It never contains the API key or a token.
///
/// \par Thread safety
/// Distinct objects: safe. Shared objects: unsafe.
struct Error
{
    Error() = default;

    /// Constructs an error of a kind, with a message.
    explicit Error(Errc kind, std::string text = {}) : code{kind}, message{std::move(text)} {}

    /// The kind of failure.
    Errc code = Errc::invalid_argument;
    /// The stage at which a `timeout` or the loss of a connection occurred.
    Stage stage = Stage::none;
    /// The reason why a token is refused, if one is.
    JwtReason jwt_reason = JwtReason::none;
    /// Says whether the service acted.
    Effect effect = Effect::none;
    /// True if the same call may succeed later and cannot make the service act twice.
    bool retryable = false;
    /// The HTTP status of the last response; 0 if there was none. With `Errc::connect` it is the proxy's, as it may be
    /// with `Errc::jwks`.
    int http_status = 0;
    /// The number of attempts that were made.
    unsigned attempts = 0;
    /// The attempts before the last one, in order.
    std::vector<FailedAttempt> earlier_attempts;
    /// The name of the operation: that of the member function of `Client`, or "authenticate" for those of
    /// `Authenticator`. Empty if there was no operation. Refers to static storage.
    std::string_view operation;
    /// The error code of the service, such as "user_not_found", if it sent one.
    std::string api_code;
    /// A message from the service or from the library. A message from the service has at most 512 bytes, and its
    /// control bytes are escaped.
    std::string message;
    /// The id of the request in the server's logs (`X-Request-Id`), if the server sent one.
    std::string request_id;
    /// The underlying error of the system, the resolver or OpenSSL, if there is one.
    boost::system::error_code cause;
    /// The time from the start of the call to its end.
    std::chrono::microseconds elapsed{0};
    /// How long the service asks to wait before the next request, if it does. At most 24 hours.
    std::optional<std::chrono::milliseconds> retry_after;
};

/// Returns the error as one line: `get_user: 404 user_not_found: User not found. (attempt 1, 12 ms)`.
PASSAGE_EXPORT std::string to_string(const Error& error);

/// Writes `to_string(error)`.
PASSAGE_EXPORT std::ostream& operator<<(std::ostream& stream, const Error& error);

/// Returns true if there is no such user or device: 404 `user_not_found` or `device_not_found`.
///
/// Returns false for any other 404, such as that of an app, of a proxy, or of a server that does not have the path; see
/// `Error::api_code`.
PASSAGE_EXPORT bool is_not_found(const Error& error) noexcept;
/// Returns true if the service refused the API key (401).
PASSAGE_EXPORT bool is_unauthorized(const Error& error) noexcept;
/// Returns true if the API key is valid, but the operation is not allowed (403).
PASSAGE_EXPORT bool is_forbidden(const Error& error) noexcept;
/// Returns true if the service (400) or, before any I/O, the library found the arguments invalid:
/// `Errc::invalid_argument`, or `Errc::too_large` of an argument.
///
/// Returns false for a 400 without an `Error::api_code`, such as that of a proxy.
PASSAGE_EXPORT bool is_invalid_argument(const Error& error) noexcept;
/// Returns true if the service throttles (429). Returns false for 503, although a 503 may also ask to wait.
PASSAGE_EXPORT bool is_rate_limited(const Error& error) noexcept;
/// Returns true for `Errc::timeout` and `Errc::pool_timeout`: a time limit passed, or too many calls already wait for a
/// connection.
PASSAGE_EXPORT bool is_timeout(const Error& error) noexcept;
/// Returns true if the caller cancelled the call.
PASSAGE_EXPORT bool is_cancelled(const Error& error) noexcept;
/// Returns true if a token is missing or was refused, so that its bearer must sign in again.
PASSAGE_EXPORT bool is_token_refused(const Error& error) noexcept;
/// Returns true if the same call may succeed later and cannot make the service act twice.
PASSAGE_EXPORT bool is_retryable(const Error& error) noexcept;

} // namespace passage

namespace boost::system {
template <>
struct is_error_code_enum<passage::Errc> : std::true_type
{};
} // namespace boost::system
