#pragma once

#include <passage/call_options.hpp>
#include <passage/claims.hpp>
#include <passage/config.hpp>
#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage {

namespace client {
class ClientState;
}

namespace detail {

/// A Boost.Beast request or set of header fields.
template <class Fields>
concept request_fields = requires(const Fields& fields)
{
    {
        fields.count("Authorization")
        } -> std::convertible_to<std::size_t>;
    static_cast<std::string_view>(fields["Authorization"]);
};

} // namespace detail

/// Where a request carries the token of its user.
enum class TokenSource {
    header_or_cookie, ///< The header field, or the cookie if the header field has no bearer token.
    header,           ///< The header field `Authorization: Bearer`.
    cookie,           ///< The cookie `psg_auth_token`. The server must protect itself against forged requests (CSRF).
};

/// Settings that say how an `Authenticator` checks tokens.
struct AuthOptions
{
    AuthOptions() = default;

    /// Origins that are accepted as the audience of a token, besides the app's id. Tokens of older apps have the app's
    /// origin as their audience. None may be empty.
    std::vector<std::string> auth_origins;
    /// The issuer that every token must have. If absent, tokens may have any issuer, or none.
    std::optional<std::string> issuer;
    /// The permitted difference between the clocks of issuer and server: 0 to 5 minutes.
    std::chrono::seconds leeway{5};
    /// Where `authenticate_request` looks for the token.
    TokenSource source = TokenSource::header_or_cookie;

    /// The app's keys as a JWK set (JSON) of at most 1 MiB. If empty, the authenticator fetches the keys; otherwise it
    /// fetches nothing.
    std::string keys;
    /// How long fetched keys are used: at least 1 s. If tokens are checked, keys are fetched again shortly before this
    /// time is over.
    std::chrono::seconds key_lifetime = std::chrono::minutes{10};
    /// How long fetched keys are used if no new ones can be fetched: at least `key_lifetime`, and at most 365 days.
    std::chrono::seconds key_lifetime_in_outage = std::chrono::hours{1};
    /// The minimum time between two fetches that are made because a key is not in the set, or that follow a failed
    /// fetch: 1 s to 365 days. While no keys can be used, the interval is 1 s instead.
    std::chrono::seconds key_refetch_interval{30};
};

/// Checks the tokens with which users of an app sign in, without a request to the service for each token.
///
/// \par Accepted tokens
/// A token is accepted if all of this holds:
/// - It is a JWT in compact form of at most 16 KiB.
/// - It is signed by RS256 with a key of the app's set, which it names (`kid`).
/// - It is for this app: `aud` is or contains the app's id or one of `AuthOptions::auth_origins`.
/// - It names a user (`sub`) and has an expiry time (`exp`) that has not passed.
/// - It is not from the future (`nbf`, `iat`).
/// - Its issuer is `AuthOptions::issuer`, if that is set.
///
/// Every other token is refused with `Errc::jwt`, and `Error::jwt_reason` says why. The error contains nothing of the
/// token. A token does not show whether its user was deactivated or signed out after it was issued. Where that matters,
/// call `Client::get_user`.
///
/// \par Keys
/// The authenticator fetches the keys with `GET /apps/{app_id}/.well-known/jwks.json` from `Config::auth_url`, or from
/// `Config::base_url` if that is empty. It does not send the API key. It fetches keys when it checks the first token,
/// when the keys reach the age that `AuthOptions` specifies, and when a token names a key that is not in the set.
///
/// Only one fetch is in flight at a time, and all callers that need keys wait for it. A caller that is cancelled does
/// not affect the others. While fetches fail, the previous keys are used for a bounded time. After that, operations
/// complete with `Errc::jwks`, which says nothing about the token. Keys that are weak, private, or for another purpose
/// are not used.
///
/// \par Performance
/// If the key of a token is available, the token is checked within the call of `authenticate`, before the awaitable is
/// awaited. This takes one RSA verification, and no memory other than that of the claims and of OpenSSL.
///
/// \par Object lifetimes
/// Destroying the authenticator completes the operations that wait for keys with `Errc::shut_down`. The execution
/// context of its executor must outlive the authenticator. Destroying it earlier is undefined behaviour.
///
/// An execution context that is destroyed destroys the completion handlers and coroutines that wait on it, as it does
/// with those of a `Client`. If it was the authenticator's execution context, operations that wait on other execution
/// contexts complete with `Errc::jwks`.
///
/// \par Thread safety
/// Every member function may be called from any thread at any time, except the move operations and the destructor.
class PASSAGE_EXPORT Authenticator
{
public:
    /// Constructs an authenticator for `config.app_id`.
    ///
    /// \par Effects
    /// Does not connect. Uses all settings of `config` except `api_key`, which may be empty, and
    /// `pool.max_connections`, because it has one connection. `base_url` applies only if `auth_url` is empty, and
    /// `unix_socket` also if both URLs have the same scheme, host and port.
    /// \par Errors
    /// Throws `boost::system::system_error` with `Errc::invalid_argument` if a setting is invalid, or names a file that
    /// cannot be used, with `Errc::tls` if OpenSSL cannot be set up, and with `Errc::decode` if `AuthOptions::keys` is
    /// not a JWK set, or has no key that can verify RS256. `what()` says how to correct it.
    Authenticator(boost::asio::any_io_executor executor, const Config& config, const AuthOptions& options = {});

    /// Constructs an authenticator on an execution context. Equivalent to `Authenticator{context.get_executor(),
    /// config, options}`.
    template <class Context>
    requires requires(Context& context)
    {
        {
            context.get_executor()
            } -> std::convertible_to<boost::asio::any_io_executor>;
    }
    Authenticator(Context& context, const Config& config, const AuthOptions& options = {})
        : Authenticator{context.get_executor(), config, options}
    {}

    /// Constructs an authenticator, and returns the error that the constructor would throw.
    static expected<Authenticator> create(boost::asio::any_io_executor executor, const Config& config,
                                          const AuthOptions& options = {});

    /// The type of the authenticator's executor.
    using executor_type = boost::asio::any_io_executor;
    /// Returns the executor that the authenticator was constructed with. It is the default executor of completion
    /// handlers.
    executor_type get_executor() const noexcept { return executor_; }

    /// Move constructor. Operations in flight continue.
    Authenticator(Authenticator&& other) noexcept;
    /// Move assignment. Operations of this authenticator that wait for keys complete with `Errc::shut_down`; those of
    /// the other one continue.
    Authenticator& operator=(Authenticator&& other) noexcept;
    /// Destructor. Operations that wait for keys complete with `Errc::shut_down`.
    ~Authenticator();

    /// Replaces the TLS settings of later fetches of keys, as `Client::reload_tls`. No-op with `AuthOptions::keys`.
    ///
    /// \par Errors
    /// Those of the constructor for `Config::tls`. After an error nothing has changed. `Errc::shut_down` if the
    /// authenticator was moved from.
    /// \par Thread safety
    /// May be called from any thread at any time. Files are read on the calling thread.
    expected<void> reload_tls(const TlsOptions& options);

    /// Checks a token.
    ///
    /// \par Effects
    /// Reads the token before the function returns. Fetches keys, or waits for a fetch that is in flight, if they are
    /// needed. Completes with the claims of the token.
    ///
    /// Of `options`, the operation uses the deadline, the timeout and `no_later_than`. They limit how long this caller
    /// waits, and not the fetch, which other callers share. A wait takes no longer than `TimeoutOptions::total`. The
    /// operation also uses `trace_parent`, if this caller begins the fetch.
    /// \par Errors
    /// - `Errc::jwt`: The token is refused. `Error::jwt_reason` says why.
    /// - `Errc::jwks`: The token cannot be checked because no keys are available, or because `PoolOptions::max_waiting`
    ///   callers already wait for a fetch that another caller began. In the second case the operation completes
    ///   immediately.
    /// - `Errc::timeout`: The deadline passed while the operation waited for keys.
    /// - `Errc::cancelled`: The operation was cancelled while it waited for keys.
    /// - `Errc::shut_down`: The authenticator was destroyed or moved from.
    ///
    /// If memory runs out, the awaitable of an operation without a completion token throws `std::bad_alloc`. An
    /// operation with a completion token completes with `Errc::no_memory`.
    /// \par Cancellation
    /// `terminal`, `partial` and `total` cancellation are supported alike: this caller's operation completes with
    /// `Errc::cancelled`, and other callers keep waiting. Awaiting coroutines are affected as `Client` describes under
    /// "Cancellation of awaitables".
    /// \par Executor
    /// As for the operations of `Client`: a completion handler is called on its associated executor, which defaults to
    /// `get_executor()`.
    boost::asio::awaitable<expected<Claims>> authenticate(std::string_view token, const CallOptions& options = {});

    /// Checks the token of a request, which is a Boost.Beast request or set of header fields.
    ///
    /// \par Effects
    /// Reads the fields before the function returns. Finds the token where `AuthOptions::source` says, and checks it as
    /// `authenticate` does.
    /// \par Errors
    /// As for `authenticate`. `Error::jwt_reason` is `JwtReason::missing` if there is no token, and
    /// `JwtReason::malformed` if there are two.
    template <detail::request_fields Fields>
    boost::asio::awaitable<expected<Claims>> authenticate_request(const Fields& fields, const CallOptions& options = {})
    {
        if (is_ambiguous(fields))
            return refuse_ambiguous_request();
        return authenticate_request(static_cast<std::string_view>(fields["Authorization"]),
                                    static_cast<std::string_view>(fields["Cookie"]), options);
    }

    /// Checks the token of a request whose fields `Authorization` and `Cookie` have these values.
    ///
    /// As the overload for a Boost.Beast request. A value is empty if the request does not have the field.
    boost::asio::awaitable<expected<Claims>>
    authenticate_request(std::string_view authorization, std::string_view cookie, const CallOptions& options = {});

    // The operations with a completion token.

    /// `authenticate` with a completion token for the signature `void(expected<Claims>)`.
    template <detail::token_for<expected<Claims>> Token>
    auto authenticate(std::string_view token, const CallOptions& options, Token&& completion_token)
    {
        return detail::initiate(prepare_authenticate(token, options), executor_, std::forward<Token>(completion_token));
    }
    /// `authenticate` with the default options and a completion token.
    template <detail::token_for<expected<Claims>> Token>
    auto authenticate(std::string_view token, Token&& completion_token)
    {
        return authenticate(token, CallOptions{}, std::forward<Token>(completion_token));
    }
    /// `authenticate_request` with a completion token for the signature `void(expected<Claims>)`.
    template <detail::request_fields Fields, detail::token_for<expected<Claims>> Token>
    auto authenticate_request(const Fields& fields, const CallOptions& options, Token&& completion_token)
    {
        return detail::initiate(prepare_authenticate_request(fields, options), executor_,
                                std::forward<Token>(completion_token));
    }
    /// `authenticate_request` with the default options and a completion token.
    template <detail::request_fields Fields, detail::token_for<expected<Claims>> Token>
    auto authenticate_request(const Fields& fields, Token&& completion_token)
    {
        return authenticate_request(fields, CallOptions{}, std::forward<Token>(completion_token));
    }
    /// `authenticate_request` with a completion token for the signature `void(expected<Claims>)`.
    template <detail::token_for<expected<Claims>> Token>
    auto authenticate_request(std::string_view authorization, std::string_view cookie, const CallOptions& options,
                              Token&& completion_token)
    {
        return detail::initiate(prepare_authenticate_request(authorization, cookie, options), executor_,
                                std::forward<Token>(completion_token));
    }
    /// `authenticate_request` with the default options and a completion token.
    template <detail::token_for<expected<Claims>> Token>
    auto authenticate_request(std::string_view authorization, std::string_view cookie, Token&& completion_token)
    {
        return authenticate_request(authorization, cookie, CallOptions{}, std::forward<Token>(completion_token));
    }

private:
    struct State;
    Authenticator(std::shared_ptr<State> state, std::shared_ptr<client::ClientState> client_state) noexcept;
    using Prepared = std::shared_ptr<detail::Operation<expected<Claims>>>;

    template <class Fields>
    static bool is_ambiguous(const Fields& fields)
    {
        return fields.count("Authorization") > 1 || fields.count("Cookie") > 1;
    }
    template <class Fields>
    Prepared prepare_authenticate_request(const Fields& fields, const CallOptions& options)
    {
        if (is_ambiguous(fields))
            return prepare_ambiguous_request();
        return prepare_authenticate_request(static_cast<std::string_view>(fields["Authorization"]),
                                            static_cast<std::string_view>(fields["Cookie"]), options);
    }
    std::optional<expected<Claims>> check_at_once(std::string_view token);
    Prepared prepare_authenticate(std::string_view token, const CallOptions& options);
    Prepared prepare_authenticate_request(std::string_view authorization, std::string_view cookie,
                                          const CallOptions& options);
    static Prepared prepare_ambiguous_request();
    static boost::asio::awaitable<expected<Claims>> refuse_ambiguous_request();

    executor_type executor_;
    std::shared_ptr<State> state_;
    std::shared_ptr<client::ClientState>
        client_state_; // Not owned by waiting operations, which may be on other contexts.
};

} // namespace passage
