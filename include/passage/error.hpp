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

/// What kind of failure ended a call. Usable as a `boost::system::error_code`.
enum class Errc {
    invalid_argument = 1, ///< The arguments can't be sent; nothing was. The message says what and why.
    dns,                  ///< The host's name could not be resolved.
    connect,              ///< No TCP connection could be made.
    tls,                  ///< The TLS handshake or the verification of the server failed.
    timeout,              ///< A deadline passed; `Error::stage` says during what.
    pool_timeout,         ///< No connection came free: too many calls wait, or the deadline passed waiting. The
                          ///< message and the cause say if connections could not be made.
    protocol,             ///< The server's bytes are no valid HTTP/1.1 response (RFC 9112), or not one to this request.
    truncated,            ///< The connection ended before the response did.
    too_large,            ///< A request or response exceeds a limit; the message names it.
    decode,               ///< A successful response's body is not what the API documents.
    api,                  ///< The service answered with an error: see `http_status` and `api_code`.
    rate_limited, ///< 429, and the wait that the service asks for would pass the deadline. After another status,
                  ///< which is an `api` error then, see `Error::retry_after`.
    cancelled,    ///< The caller cancelled the call.
    shut_down,    ///< The client was closed or destroyed.
    jwt,          ///< The token is refused; `Error::jwt_reason` says why.
    jwks,         ///< The token could not be checked: the app's keys can't be had.
    no_memory,    ///< There was no memory to go on. Awaitables throw `std::bad_alloc` in its place.
};

/// The category of `Errc`; its name is "passage".
PASSAGE_EXPORT const boost::system::error_category& error_category() noexcept;

/// Found by argument-dependent look-up when an `Errc` becomes an `error_code`.
PASSAGE_EXPORT boost::system::error_code make_error_code(Errc code) noexcept;

/// Whether the service acted on a call that failed.
enum class Effect {
    none,    ///< The service can't have acted.
    done,    ///< The service answered that it acted, but the answer can't be used.
    unknown, ///< The request went out, wholly or in part, and no usable answer came.
};

/// The stage that a call was in.
enum class Stage {
    none,     ///< Not under way.
    pool,     ///< Waiting for a connection.
    dns,      ///< Resolving the host's name.
    connect,  ///< Making a TCP connection.
    tls,      ///< In the TLS handshake.
    write,    ///< Writing the request.
    response, ///< Waiting for the response, or reading it.
    backoff,  ///< Waiting before a further attempt.
};

/// Why a token is refused.
enum class JwtReason {
    none,          ///< No token was refused.
    missing,       ///< The request has no token where it is looked for.
    too_large,     ///< It exceeds 16 KiB.
    malformed,     ///< It is no JWT in compact form (RFC 7515, RFC 7519).
    unsupported,   ///< Its header asks for what is not taken: another algorithm than RS256, another type, extensions.
    unknown_key,   ///< None of the app's keys has the id that it names.
    signature,     ///< It was not signed by the key that it names.
    claims,        ///< A claim is missing or not what it must be.
    expired,       ///< Its time is over.
    not_yet_valid, ///< Its time has not come.
    audience,      ///< It is for another app.
    issuer,        ///< Another issuer made it.
};

/// "none", "done" or "unknown".
PASSAGE_EXPORT std::string_view to_string(Effect effect) noexcept;

/// The enumerator's name.
PASSAGE_EXPORT std::string_view to_string(Stage stage) noexcept;

/// The enumerator's name.
PASSAGE_EXPORT std::string_view to_string(JwtReason reason) noexcept;

/// What came of one attempt of a call.
struct FailedAttempt
{
    FailedAttempt() = default;

    /// The kind of failure.
    Errc code = Errc::api;
    /// The stage in which a `timeout` or a lost connection happened.
    Stage stage = Stage::none;
    /// Status of the response; 0 if there was none.
    int http_status = 0;
    /// The system's, the resolver's or OpenSSL's own error, if one was at the root.
    boost::system::error_code cause;
};

/// Why a call failed, and what is known of it. Never contains the API key or a token.
///
/// A value type; distinct objects may be used from distinct threads.
struct Error
{
    Error() = default;

    /// An error of a kind, with a sentence for people.
    explicit Error(Errc kind, std::string text = {}) : code{kind}, message{std::move(text)} {}

    /// The kind.
    Errc code = Errc::invalid_argument;
    /// The stage in which a `timeout` or a lost connection happened.
    Stage stage = Stage::none;
    /// Why a token is refused, if one is.
    JwtReason jwt_reason = JwtReason::none;
    /// Whether the service acted.
    Effect effect = Effect::none;
    /// Whether the same call, made later, may succeed and can't act twice.
    bool retryable = false;
    /// Status of the last response; 0 if there was none.
    int http_status = 0;
    /// Attempts made.
    unsigned attempts = 0;
    /// What came of those before the last, in order.
    std::vector<FailedAttempt> earlier_attempts;
    /// The operation, as the member function of `Client` is named. Refers to static storage.
    std::string_view operation;
    /// The service's machine code ("user_not_found"), if it sent one.
    std::string api_code;
    /// Text for people: the service's or the library's. Bounded to 512 bytes, control bytes
    /// escaped.
    std::string message;
    /// The id by which the server's logs know the request (`X-Request-Id`), if it sent one.
    std::string request_id;
    /// The system's, the resolver's or OpenSSL's own error, if one was at the root.
    boost::system::error_code cause;
    /// From the start of the call to its end.
    std::chrono::microseconds elapsed{0};
    /// How long the service asked to wait before a further request, if it did.
    std::optional<std::chrono::milliseconds> retry_after;
};

/// One line: `get_user: 404 user_not_found: User not found. (attempt 1, 12 ms)`.
PASSAGE_EXPORT std::string to_string(const Error& error);

/// Writes `to_string(error)`.
PASSAGE_EXPORT std::ostream& operator<<(std::ostream& stream, const Error& error);

/// There is no such user or device: 404 `user_not_found` or `device_not_found`. Not so for any other 404: of an app, or
/// of a proxy or a server that has no such path; see `Error::api_code`.
PASSAGE_EXPORT bool is_not_found(const Error& error) noexcept;
/// The API key was refused (401).
PASSAGE_EXPORT bool is_unauthorized(const Error& error) noexcept;
/// The key is right, and the operation not allowed (403).
PASSAGE_EXPORT bool is_forbidden(const Error& error) noexcept;
/// The service, or the library before any I/O, found the arguments wrong (400, `invalid_argument`).
PASSAGE_EXPORT bool is_invalid_argument(const Error& error) noexcept;
/// The service throttles (429); not of a 503, though that may ask to wait too.
PASSAGE_EXPORT bool is_rate_limited(const Error& error) noexcept;
/// A deadline passed, at whatever stage.
PASSAGE_EXPORT bool is_timeout(const Error& error) noexcept;
/// The caller cancelled.
PASSAGE_EXPORT bool is_cancelled(const Error& error) noexcept;
/// A token was checked, or none was there, and its bearer must sign in (again).
PASSAGE_EXPORT bool is_token_refused(const Error& error) noexcept;
/// The same call, made later, may succeed and can't act twice.
PASSAGE_EXPORT bool is_retryable(const Error& error) noexcept;

} // namespace passage

namespace boost::system {
template <>
struct is_error_code_enum<passage::Errc> : std::true_type
{};
} // namespace boost::system
