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

/// A Boost.Beast request, or a set of fields.
template <class Fields>
concept request_fields = requires(const Fields& fields)
{
    {
        fields.count("Authorization")
        } -> std::convertible_to<std::size_t>;
    static_cast<std::string_view>(fields["Authorization"]);
};

} // namespace detail

/// Where a request carries its token.
enum class TokenSource {
    header_or_cookie, ///< The header, and if it has no bearer token, the cookie.
    header,           ///< The field `Authorization: Bearer`.
    cookie,           ///< The cookie `psg_auth_token`. Against forged requests it needs care of its own.
};

/// How tokens are checked.
struct AuthOptions
{
    AuthOptions() = default;

    /// Origins that are an audience of their own, beside the app's id: those by which older apps' tokens are.
    std::vector<std::string> auth_origins;
    /// The issuer that every token must have; without it tokens may have any, or none.
    std::optional<std::string> issuer;
    /// How much clocks may differ; up to 5 minutes.
    std::chrono::seconds leeway{5};
    /// Where `authenticate_request` looks for the token.
    TokenSource source = TokenSource::header_or_cookie;

    /// The app's keys, a JWK set, given by hand: nothing is fetched then. Empty: they are fetched.
    std::string keys;
    /// How long fetched keys are used; at least a second. They are fetched anew a little earlier, if tokens come.
    std::chrono::seconds key_lifetime = std::chrono::minutes{10};
    /// How long they are used if new ones can't be had; at least `key_lifetime`.
    std::chrono::seconds key_lifetime_in_outage = std::chrono::hours{1};
    /// The least time between two fetches for keys that are not in the set, or in an outage.
    std::chrono::seconds key_refetch_interval{30};
};

/// Checks the tokens by which an app's users sign in, without asking the service for each.
///
/// **What is good.** A JWT in compact form of at most 16 KiB, signed by RS256 with a key of the app's set that it names
/// (`kid`); for this app (`aud` is, or has, the app's id or one of `auth_origins`); with a user (`sub`) and an end
/// (`exp`) that has not come; not from the future (`nbf`, `iat`). All else is refused with `Errc::jwt`, and
/// `Error::jwt_reason` says why. Nothing of a refused token is shown. Whether a user was deactivated or signed out
/// since a token was made does not show in it: ask `Client::get_user` where that matters.
///
/// **Keys** are fetched from `Config::auth_url`, or `Config::base_url` if that is empty, `GET
/// /apps/{app_id}/.well-known/jwks.json`, without the API key: when the first token comes, when they are as old as
/// `AuthOptions` says, and when a token names a key that is not in the set. However many callers wait, there is one
/// fetch at a time, and one that is cancelled leaves the others waiting. In an outage the former keys are used for a
/// bounded time; after that tokens are refused with `Errc::jwks`, which is no statement on the token. Keys that are
/// weak, private or for something else are not used.
///
/// **Cost.** A token whose key is there is checked where `authenticate` is called, before the awaitable is awaited:
/// one RSA verification, and no memory beyond the claims and what OpenSSL takes itself.
///
/// **Threads.** Every member function may be called from any thread at any time, but for move and destruction.
///
/// **Lifetime.** Destroying the authenticator ends those who wait for keys with `Errc::shut_down`. It is
/// undefined behaviour to destroy the execution context that its executor refers to before the authenticator. A context
/// that is destroyed takes those along who wait on it, as it does with calls of a `Client`; if it was the
/// authenticator's, those who wait on others end with `Errc::jwks`.
class PASSAGE_EXPORT Authenticator
{
public:
    /// Makes an authenticator for `config.app_id`. Of the rest of the configuration it uses `auth_url`, or `base_url`
    /// if that is empty, `tls`, `timeouts`, `retry` and `limits`, to fetch keys, and `pool.max_waiting`; the API key
    /// may be empty.
    ///
    /// Connects to nothing yet. Throws `boost::system::system_error` with `Errc::invalid_argument`, `Errc::tls` for
    /// unusable CA certificates, `Errc::decode` for `keys` that are no JWK set; `what()` says what to do.
    Authenticator(boost::asio::any_io_executor executor, const Config& config, const AuthOptions& options = {});

    /// Makes an authenticator on an execution context, as `Authenticator{context.get_executor(), config}` does.
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

    /// Makes an authenticator, as the constructor does, with the error returned in place of thrown.
    static expected<Authenticator> create(boost::asio::any_io_executor executor, const Config& config,
                                          const AuthOptions& options = {});

    /// The type of the authenticator's executor.
    using executor_type = boost::asio::any_io_executor;
    /// The executor that the authenticator was made with. It is the default of a completion token's handlers.
    executor_type get_executor() const noexcept { return executor_; }

    /// Takes the authenticator over; those who wait go on.
    Authenticator(Authenticator&& other) noexcept;
    /// Closes this authenticator and takes the other one over.
    Authenticator& operator=(Authenticator&& other) noexcept;
    /// Ends those who wait for keys.
    ~Authenticator();

    /// Checks a token. It is read before the awaitable is returned.
    ///
    /// Errors: `Errc::jwt`; `Errc::jwks`, also at once if `PoolOptions::max_waiting` callers wait already for a fetch
    /// of keys that another one began; `Errc::timeout` and `Errc::cancelled`, for any cancellation, while it waits for
    /// keys, which goes no longer than `TimeoutOptions::total`; `Errc::shut_down`. If memory runs out, an awaitable
    /// throws `std::bad_alloc`, and any other token completes with `Errc::no_memory`.
    ///
    /// Of `options` it uses the deadline, the time-out and `no_later_than`, which end this caller's wait and not the
    /// fetch that others share; and the trace, if this caller begins the fetch.
    boost::asio::awaitable<expected<Claims>> authenticate(std::string_view token, const CallOptions& options = {});

    /// Checks the token of a request, given any Boost.Beast request or set of fields; they are read before the
    /// awaitable is returned.
    ///
    /// As `authenticate`, with `JwtReason::missing` if there is no token where `AuthOptions::source` says, and
    /// `JwtReason::malformed` if there are two.
    template <detail::request_fields Fields>
    boost::asio::awaitable<expected<Claims>> authenticate_request(const Fields& fields, const CallOptions& options = {})
    {
        if (is_ambiguous(fields))
            return refuse_ambiguous_request();
        return authenticate_request(static_cast<std::string_view>(fields["Authorization"]),
                                    static_cast<std::string_view>(fields["Cookie"]), options);
    }

    /// Checks the token of a request, given the values of its fields `Authorization` and `Cookie`; empty if there is
    /// none.
    boost::asio::awaitable<expected<Claims>>
    authenticate_request(std::string_view authorization, std::string_view cookie, const CallOptions& options = {});

    // The operations with a completion token.

    /// `authenticate` with a completion token, whose signature is `void(expected<Claims>)`.
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
    /// `authenticate_request` with a completion token, whose signature is `void(expected<Claims>)`.
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
    /// `authenticate_request` with a completion token, whose signature is `void(expected<Claims>)`.
    template <detail::token_for<expected<Claims>> Token>
    auto authenticate_request(std::string_view authorization, std::string_view cookie, const CallOptions& options,
                              Token&& completion_token)
    {
        return detail::initiate(prepare_authenticate_request(authorization, cookie, options), executor_,
                                std::forward<Token>(completion_token));
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
        client_state_; // Those who wait, perhaps on other contexts, have no part in it.
};

} // namespace passage
