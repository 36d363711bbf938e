#pragma once

#include <passage/app.hpp>
#include <passage/call_options.hpp>
#include <passage/client_stats.hpp>
#include <passage/config.hpp>
#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>
#include <passage/list_users.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>
#include <passage/user.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

/// The client library.
namespace passage {

class UserRange;
namespace client {
class ClientState;
class SharedReads;
} // namespace client

/// A client of the Passage management API that issues calls over a pool of kept-alive TLS connections.
///
/// Each member function that makes a call is an asynchronous operation. This page states what all operations have in
/// common. The reference of each operation states what is specific to it, under the same headings.
///
/// \par Effects
/// An operation reads its arguments before the function returns. The arguments need not live longer than that. It sends
/// nothing before its awaitable is awaited, or its completion token initiates it. An awaitable may be awaited only
/// once; to await it again is undefined behaviour.
///
/// \par Completion tokens
/// Without a completion token, an operation returns a `boost::asio::awaitable<expected<T>>`. With a completion token as
/// its last argument, it completes as the token specifies, with the signature `void(expected<T>)`.
///
/// \par Preconditions
/// Ids are valid UTF-8 of 1 to 256 bytes without control characters or direction marks (such as U+202E), and neither
/// "." nor "..". E-mail addresses have the form `name@domain` and at most 320 bytes. Phone numbers are E.164, such as
/// `+15005550007`. Operations state their further preconditions. Preconditions are checked; violating one is an error
/// and not undefined behaviour.
///
/// \par Errors
/// Any operation may complete with any `Errc`. These errors have a specific meaning for all operations:
/// - `Errc::invalid_argument`, or `Errc::too_large` if an argument exceeds a size limit: A precondition is violated.
///   The operation completes before any I/O.
/// - `Errc::api`: The service refused the request. `Error::http_status` and `Error::api_code` say why: 400 if it finds
///   the request invalid, 401 if the API key is wrong, 404 if there is no such app or user.
/// - `Errc::protocol` with `Effect::unknown`: The response names another user, identifier or app than the request, or
///   has a success status that the operation does not have. No further call uses the connection. Over HTTP/1.1, a
///   call that already uses it fails in the same way; over HTTP/2, the calls in flight on it complete.
///
/// If memory runs out, the awaitable of an operation without a completion token throws `std::bad_alloc`. An operation
/// with a completion token completes with `Errc::no_memory`. The initiating function may also throw `std::bad_alloc`.
/// Operations throw nothing else.
///
/// \par Retries
/// All operations are idempotent except `create_user` and `create_magic_link`. The client retries idempotent operations
/// after a lost connection, a timed-out attempt, and the statuses 408, 500, 502, 503 and 504. It retries every
/// operation after 429, and after 421 once and on a new connection (RFC 9110, section 15.5.20). In all other cases it
/// retries `create_user` and `create_magic_link` only if nothing was sent, or if the server did not process the request
/// (HTTP/2: REFUSED_STREAM, GOAWAY; RFC 9113, section 8.7).
///
/// Over HTTP/1.1, if the previous response on the same connection named no user, a 429 or 421 may be the response to
/// another request. In this case, `Error::effect` of a creation is `Effect::unknown`. After 421 the client does not
/// retry the creation. After 429 it waits at least 1 s, and retries only if the connection stays open and no further
/// response arrives on it in this time.
///
/// Without retries (`CallOptions::retries(false)`, or `RetryOptions::max_attempts` of 1), the client sends a request at
/// most once.
///
/// \par Deadlines
/// The timers of deadlines run on the client's executor. While no thread runs the client's execution context, no
/// deadline takes effect. This also applies to a call whose completion handler belongs to another execution context: it
/// does not complete until a thread runs the client's execution context.
///
/// \par Cancellation
/// Operations support per-operation cancellation with these values of `boost::asio::cancellation_type`:
/// - `terminal` and `partial`: The operation completes with `Errc::cancelled`.
/// - `total`: The operation completes with `Errc::cancelled` if nothing of the request was sent. Otherwise the
///   cancellation signal is ignored.
///
/// `Error::effect` says whether the service may have acted. The client stays usable.
///
/// \par Cancellation of awaitables
/// An operation without a completion token accepts all three types while it is awaited, whatever the cancellation
/// filter of the awaiting coroutine is. It widens the filter of that coroutine to
/// `boost::asio::enable_total_cancellation` and does not restore it afterwards. To keep a call from being cancelled,
/// pass `boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot{}, ...)` as the completion token.
///
/// A cancelled call completes with a result and does not throw. The next `co_await` of a coroutine that was cancelled
/// throws `boost::system::system_error` (`operation_aborted`), as always in Asio, unless the coroutine resets its
/// cancellation state (`boost::asio::this_coro::reset_cancellation_state`) or sets
/// `boost::asio::this_coro::throw_if_cancelled(false)`.
///
/// If a coroutine is cancelled after it was passed to `boost::asio::co_spawn` and before it begins, `co_spawn` itself
/// ends it with `operation_aborted`. This also applies to an awaitable of an operation that is passed to `co_spawn`:
/// the operation is never started, and sends nothing. Boost before 1.85 throws the exception out of the `run()` of the
/// execution context and does not call the completion handler, for instance under `boost::asio::detached`. Operations
/// that no `co_spawn` runs, such as one with a callback, are not affected.
///
/// \par Executor
/// The I/O runs on a strand of the client's executor. An operation counts as outstanding work of the client's executor
/// until it completes. A completion handler is called on its associated executor, which defaults to `get_executor()`; a
/// coroutine resumes on its own executor. Handlers are never called within the initiating function, unless their
/// associated immediate executor does that. The associated allocator and cancellation slot of a handler are used, and
/// its associated immediate executor if this version of Boost.Asio has one.
///
/// \par Object lifetimes
/// Destroying the client, or calling `close()`, ends all calls in flight with `Errc::shut_down`. Calls on a moved-from
/// client end with `Errc::shut_down`.
///
/// The execution context of the client's executor must outlive the client. It must also outlive every call whose
/// completion handler belongs to another execution context, and every awaitable or deferred operation that was not
/// started. Destroying it earlier is undefined behaviour.
///
/// An execution context that is destroyed destroys the completion handlers and coroutines that belong to it. It does
/// not call them, and their calls are cancelled. This also holds for an execution context that is not the client's, and
/// while the client's threads complete a call. It does not hold for a handler whose associated executor is not
/// convertible to `boost::asio::any_io_executor`, such as a `boost::asio::any_completion_handler`: its execution
/// context must outlive the call.
///
/// \par Thread safety
/// Every member function may be called from any thread at any time, except the move operations and the destructor. The
/// client starts no threads other than those that resolve names.
class PASSAGE_EXPORT Client
{
public:
    /// Constructs a client whose I/O runs on an executor.
    ///
    /// \par Effects
    /// Reads the files of `Config::tls`. Does not connect.
    /// \par Errors
    /// Throws `boost::system::system_error` with `Errc::invalid_argument` if a setting is invalid, or names a file that
    /// cannot be used, and with `Errc::tls` if OpenSSL cannot be set up. `what()` says how to correct it. If the system
    /// has no root certificates, the TLS handshake fails later.
    Client(boost::asio::any_io_executor executor, Config config);

    /// Constructs a client whose I/O runs on an execution context. Equivalent to `Client{context.get_executor(),
    /// config}`.
    template <class Context>
    requires requires(Context& context)
    {
        {
            context.get_executor()
            } -> std::convertible_to<boost::asio::any_io_executor>;
    }
    Client(Context& context, Config config) : Client{context.get_executor(), std::move(config)} {}

    /// Constructs a client, and returns the error that the constructor would throw.
    static expected<Client> create(boost::asio::any_io_executor executor, Config config);

    /// The type of the client's executor.
    using executor_type = boost::asio::any_io_executor;
    /// Returns the executor that the client was constructed with. It is the default executor of completion handlers.
    executor_type get_executor() const noexcept { return executor_; }

    /// Move constructor. Calls in flight continue.
    Client(Client&& other) noexcept;
    /// Move assignment. Closes this client first; calls in flight of the other one continue.
    Client& operator=(Client&& other) noexcept;
    /// Destructor. Closes the client.
    ~Client();

    /// Replaces the TLS settings: certificates that were renewed, new CRLs, other pins.
    ///
    /// \par Effects
    /// Reads the files of the settings. Calls in flight complete on the connections that they use. Every call that is
    /// made after this function has returned uses a connection that was made with the new settings;
    /// `coalesced_get_user` then joins no request that began before. Connections that are not in use are closed. TLS
    /// sessions of former connections are not resumed.
    ///
    /// The settings for an `https://` proxy are replaced in the same way: see `ProxyOptions::url`. Connections are
    /// unaffected if neither `Config::base_url` nor the URL of the proxy is `https://`, or after `close()`.
    /// \par Errors
    /// Those of the constructor for `Config::tls`. After an error nothing has changed, and the client uses the former
    /// settings. `Errc::shut_down` if the client was moved from.
    /// \par Thread safety
    /// May be called from any thread at any time. Files are read on the calling thread.
    expected<void> reload_tls(const TlsOptions& options);

    /// Ends all calls in flight, and every later call, with `Errc::shut_down`, and closes all connections.
    ///
    /// Returns immediately; the calls end on their own executors. May be called more than once.
    void close() noexcept;

    /// Creates a user.
    ///
    /// \par Effects
    /// Sends `POST /apps/{app_id}/users`. Completes with the new user.
    /// \par Preconditions
    /// `request` has an e-mail address, a phone number, or both.
    /// \par Errors
    /// `Errc::api` with 400 `invalid_request` if another user of the app has the e-mail address or the phone number:
    /// both are unique in an app.
    /// \par Idempotency
    /// Not idempotent: the client repeats the request only if the service certainly did not process it (see the retries
    /// of `Client`). If `Error::effect` is `Effect::unknown`, the user may have been created.
    boost::asio::awaitable<expected<UserInfo>> create_user(const CreateUserRequest& request,
                                                           const CallOptions& options = {});

    /// Reads a user.
    ///
    /// \par Effects
    /// Sends `GET /apps/{app_id}/users/{user_id}`. Changes nothing. Completes with the user.
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if there is no such user.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<UserInfo>> get_user(std::string_view user_id, const CallOptions& options = {});

    /// Reads a user, and shares one request among all callers that read the same user at the same time.
    ///
    /// \par Effects
    /// If no shared request for this user is in flight, sends the request of `get_user`; otherwise waits for the result
    /// of the one in flight. The result may therefore be as old as that request. Changes nothing.
    ///
    /// The shared request has the client's timeouts and retries, and the `CallOptions::trace_parent` of the caller
    /// that begins it; the `trace_parent` of the other callers is not sent. Each caller has its own deadline. When the
    /// last waiting caller is cancelled, or its deadline passes, the request is cancelled as well. A call with header
    /// fields, or without retries, is not shared.
    /// \par Errors
    /// As for `get_user`, and:
    /// - `Errc::pool_timeout`: `PoolOptions::max_waiting` callers of this client already wait for requests that other
    ///   callers began. The operation completes immediately.
    /// \par Idempotency
    /// Idempotent.
    /// \par Cancellation
    /// A shared call supports `terminal`, `partial` and `total` alike: this caller's operation completes with
    /// `Errc::cancelled`, and the other callers keep waiting. A call that is not shared is cancelled as `get_user` is.
    boost::asio::awaitable<expected<UserInfo>> coalesced_get_user(std::string_view user_id,
                                                                  const CallOptions& options = {});

    /// Finds a user by e-mail address or phone number, and reads it.
    ///
    /// \par Effects
    /// Sends two requests under one deadline: `GET /apps/{app_id}/users?limit=1&identifier=...`, and the request of
    /// `get_user` with the id that was found. The case of letters in an e-mail address is ignored. Changes nothing.
    /// Completes with the user.
    /// \par Preconditions
    /// `identifier` is valid UTF-8 of 1 to 320 bytes without control characters, and does not begin with "<".
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if no user has the identifier.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<UserInfo>> get_user_by_identifier(std::string_view identifier,
                                                                      const CallOptions& options = {});

    /// Changes the fields of a user that the request sets or clears.
    ///
    /// \par Effects
    /// Sends `PATCH /apps/{app_id}/users/{user_id}`. Completes with the changed user.
    /// \par Preconditions
    /// `request` sets or clears at least one field.
    /// \par Errors
    /// - `Errc::api` with 400 `invalid_request`: Another user of the app has the e-mail address or the phone number.
    /// - `Errc::api` with 404 `user_not_found`: There is no such user.
    /// \par Idempotency
    /// Idempotent. A retry sets the same fields to the same values again.
    boost::asio::awaitable<expected<UserInfo>> update_user(std::string_view user_id, const UpdateUserRequest& request,
                                                           const CallOptions& options = {});

    /// Allows a user to sign in.
    ///
    /// \par Effects
    /// Sends `PATCH /apps/{app_id}/users/{user_id}/activate`. Completes with the changed user.
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if there is no such user.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<UserInfo>> activate_user(std::string_view user_id, const CallOptions& options = {});

    /// Prevents a user from signing in.
    ///
    /// \par Effects
    /// Sends `PATCH /apps/{app_id}/users/{user_id}/deactivate`. Completes with the changed user.
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if there is no such user.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<UserInfo>> deactivate_user(std::string_view user_id,
                                                               const CallOptions& options = {});

    /// Deletes a user.
    ///
    /// \par Effects
    /// Sends `DELETE /apps/{app_id}/users/{user_id}`.
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if there is no such user.
    /// \par Idempotency
    /// Idempotent. If an earlier attempt may have deleted the user, and a retry finds no such user (404
    /// `user_not_found`), the operation succeeds.
    boost::asio::awaitable<expected<void>> delete_user(std::string_view user_id, const CallOptions& options = {});

    /// Lists the WebAuthn devices of a user.
    ///
    /// \par Effects
    /// Sends `GET /apps/{app_id}/users/{user_id}/devices`. Changes nothing. Completes with the devices.
    /// \par Errors
    /// `Errc::api` with 404 `user_not_found` if there is no such user.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<std::vector<WebAuthnDevice>>> list_user_devices(std::string_view user_id,
                                                                                    const CallOptions& options = {});

    /// Deletes a WebAuthn device of a user.
    ///
    /// \par Effects
    /// Sends `DELETE /apps/{app_id}/users/{user_id}/devices/{device_id}`.
    /// \par Errors
    /// - `Errc::api` with 404 `user_not_found`: There is no such user.
    /// - `Errc::api` with 404 `device_not_found`: The user has no such device.
    /// \par Idempotency
    /// Idempotent. If an earlier attempt may have deleted the device, and a retry finds no such device or user (404
    /// `device_not_found` or `user_not_found`), the operation succeeds.
    boost::asio::awaitable<expected<void>> delete_user_device(std::string_view user_id, std::string_view device_id,
                                                              const CallOptions& options = {});

    /// Deprecated name of `delete_user_device`, as in the official SDKs. It takes no completion token.
    [[deprecated("use delete_user_device")]] boost::asio::awaitable<expected<void>>
    revoke_user_device(std::string_view user_id, std::string_view device_id, const CallOptions& options = {});

    /// Revokes all refresh tokens of a user.
    ///
    /// \par Effects
    /// Sends `DELETE /apps/{app_id}/users/{user_id}/tokens`. Tokens that an `Authenticator` checks remain valid until
    /// they expire.
    /// \par Errors
    /// - `Errc::api` with 403: The service does not allow the operation.
    /// - `Errc::api` with 404 `user_not_found`: There is no such user.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<void>> revoke_user_refresh_tokens(std::string_view user_id,
                                                                      const CallOptions& options = {});

    /// Deprecated name of `revoke_user_refresh_tokens`, as in the official SDKs. It takes no completion token.
    [[deprecated("use revoke_user_refresh_tokens")]] boost::asio::awaitable<expected<void>>
    signout(std::string_view user_id, const CallOptions& options = {});

    /// Reads one page of the list of users.
    ///
    /// \par Effects
    /// Sends `GET /apps/{app_id}/users?...`. Changes nothing. Completes with the page.
    /// \par Preconditions
    /// - The page, if set, is at least 1, and the limit, if set, is 1 to 500.
    /// - Values of conditions are valid UTF-8 of 1 to 1024 bytes without control characters. A value that is compared
    ///   for equality does not begin with "<".
    /// - The whole query has at most 8192 bytes after percent-encoding.
    /// \par Errors
    /// `Errc::api` with 400 if the service finds the conditions or the order invalid.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<UserPage>> list_users(const ListUsersRequest& request = {},
                                                          const CallOptions& options = {});

    /// Returns a range of all users that the request selects, which it reads page by page.
    ///
    /// The range begins at the page of `request`. `options` apply to the call for each page. The range may outlive the
    /// client; `next()` then completes with `Errc::shut_down`. After the client's execution context was destroyed, the
    /// range may only be destroyed, and not even that if the client's executor is an `asio::strand`.
    UserRange users(const ListUsersRequest& request = {}, const CallOptions& options = {});

    /// Creates a magic link, and has the service send it if the request says so.
    ///
    /// \par Effects
    /// Sends `POST /apps/{app_id}/magic-links`. Completes with the link. If no user has the e-mail address or the phone
    /// number, `MagicLink::user_id` is empty.
    /// \par Preconditions
    /// - Channel, type and language, where set, are not `unknown`.
    /// - The lifetime of the link, if set, is at least 1 minute.
    /// - The path and the redirect URL, if set, are valid UTF-8 of at most 2048 bytes without control characters.
    /// \par Errors
    /// - `Errc::api` with 403: The service does not allow the operation.
    /// - `Errc::api` with 404 `user_not_found`: The request names a user by an id that no user has.
    /// \par Idempotency
    /// Not idempotent: the client repeats the request only if the service certainly did not process it (see the retries
    /// of `Client`). If `Error::effect` is `Effect::unknown`, the link may have been created and sent.
    boost::asio::awaitable<expected<MagicLink>> create_magic_link(const CreateMagicLinkRequest& request,
                                                                  const CallOptions& options = {});

    /// Reads the configuration of the app.
    ///
    /// \par Effects
    /// Sends `GET /apps/{app_id}`. Changes nothing. Completes with the configuration.
    /// \par Errors
    /// `Errc::api` with 404 `app_not_found` if there is no such app.
    /// \par Idempotency
    /// Idempotent.
    boost::asio::awaitable<expected<AppInfo>> get_app(const CallOptions& options = {});

    /// Returns the number of connections and calls at this moment.
    ClientStats stats() const noexcept;

    // The operations with a completion token.

    /// `create_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto create_user(const CreateUserRequest& request, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_create_user(request, options), executor_, std::forward<Token>(token));
    }
    /// `create_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto create_user(const CreateUserRequest& request, Token&& token)
    {
        return create_user(request, CallOptions{}, std::forward<Token>(token));
    }

    /// `get_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto get_user(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_get_user(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `get_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto get_user(std::string_view user_id, Token&& token)
    {
        return get_user(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `coalesced_get_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto coalesced_get_user(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_coalesced_get_user(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `coalesced_get_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto coalesced_get_user(std::string_view user_id, Token&& token)
    {
        return coalesced_get_user(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `get_user_by_identifier` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto get_user_by_identifier(std::string_view identifier, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_get_user_by_identifier(identifier, options), executor_,
                                std::forward<Token>(token));
    }
    /// `get_user_by_identifier` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto get_user_by_identifier(std::string_view identifier, Token&& token)
    {
        return get_user_by_identifier(identifier, CallOptions{}, std::forward<Token>(token));
    }

    /// `update_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto update_user(std::string_view user_id, const UpdateUserRequest& request, const CallOptions& options,
                     Token&& token)
    {
        return detail::initiate(prepare_update_user(user_id, request, options), executor_, std::forward<Token>(token));
    }
    /// `update_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto update_user(std::string_view user_id, const UpdateUserRequest& request, Token&& token)
    {
        return update_user(user_id, request, CallOptions{}, std::forward<Token>(token));
    }

    /// `activate_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto activate_user(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_activate_user(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `activate_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto activate_user(std::string_view user_id, Token&& token)
    {
        return activate_user(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `deactivate_user` with a completion token for the signature `void(expected<UserInfo>)`.
    template <detail::token_for<expected<UserInfo>> Token>
    auto deactivate_user(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_deactivate_user(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `deactivate_user` with the default options and a completion token.
    template <detail::token_for<expected<UserInfo>> Token>
    auto deactivate_user(std::string_view user_id, Token&& token)
    {
        return deactivate_user(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `delete_user` with a completion token for the signature `void(expected<void>)`.
    template <detail::token_for<expected<void>> Token>
    auto delete_user(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_delete_user(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `delete_user` with the default options and a completion token.
    template <detail::token_for<expected<void>> Token>
    auto delete_user(std::string_view user_id, Token&& token)
    {
        return delete_user(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `list_user_devices` with a completion token for the signature `void(expected<std::vector<WebAuthnDevice>>)`.
    template <detail::token_for<expected<std::vector<WebAuthnDevice>>> Token>
    auto list_user_devices(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_list_user_devices(user_id, options), executor_, std::forward<Token>(token));
    }
    /// `list_user_devices` with the default options and a completion token.
    template <detail::token_for<expected<std::vector<WebAuthnDevice>>> Token>
    auto list_user_devices(std::string_view user_id, Token&& token)
    {
        return list_user_devices(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `delete_user_device` with a completion token for the signature `void(expected<void>)`.
    template <detail::token_for<expected<void>> Token>
    auto delete_user_device(std::string_view user_id, std::string_view device_id, const CallOptions& options,
                            Token&& token)
    {
        return detail::initiate(prepare_delete_user_device(user_id, device_id, options), executor_,
                                std::forward<Token>(token));
    }
    /// `delete_user_device` with the default options and a completion token.
    template <detail::token_for<expected<void>> Token>
    auto delete_user_device(std::string_view user_id, std::string_view device_id, Token&& token)
    {
        return delete_user_device(user_id, device_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `revoke_user_refresh_tokens` with a completion token for the signature `void(expected<void>)`.
    template <detail::token_for<expected<void>> Token>
    auto revoke_user_refresh_tokens(std::string_view user_id, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_revoke_user_refresh_tokens(user_id, options), executor_,
                                std::forward<Token>(token));
    }
    /// `revoke_user_refresh_tokens` with the default options and a completion token.
    template <detail::token_for<expected<void>> Token>
    auto revoke_user_refresh_tokens(std::string_view user_id, Token&& token)
    {
        return revoke_user_refresh_tokens(user_id, CallOptions{}, std::forward<Token>(token));
    }

    /// `list_users` with a completion token for the signature `void(expected<UserPage>)`.
    template <detail::token_for<expected<UserPage>> Token>
    auto list_users(const ListUsersRequest& request, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_list_users(request, options), executor_, std::forward<Token>(token));
    }
    /// `list_users` with the default options and a completion token.
    template <detail::token_for<expected<UserPage>> Token>
    auto list_users(const ListUsersRequest& request, Token&& token)
    {
        return list_users(request, CallOptions{}, std::forward<Token>(token));
    }

    /// `create_magic_link` with a completion token for the signature `void(expected<MagicLink>)`.
    template <detail::token_for<expected<MagicLink>> Token>
    auto create_magic_link(const CreateMagicLinkRequest& request, const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_create_magic_link(request, options), executor_, std::forward<Token>(token));
    }
    /// `create_magic_link` with the default options and a completion token.
    template <detail::token_for<expected<MagicLink>> Token>
    auto create_magic_link(const CreateMagicLinkRequest& request, Token&& token)
    {
        return create_magic_link(request, CallOptions{}, std::forward<Token>(token));
    }

    /// `get_app` with a completion token for the signature `void(expected<AppInfo>)`.
    template <detail::token_for<expected<AppInfo>> Token>
    auto get_app(const CallOptions& options, Token&& token)
    {
        return detail::initiate(prepare_get_app(options), executor_, std::forward<Token>(token));
    }
    /// `get_app` with the default options and a completion token.
    template <detail::token_for<expected<AppInfo>> Token>
    auto get_app(Token&& token)
    {
        return get_app(CallOptions{}, std::forward<Token>(token));
    }

private:
    template <class T>
    using Prepared = std::shared_ptr<detail::Operation<expected<T>>>;

    Prepared<UserInfo> prepare_create_user(const CreateUserRequest& request, const CallOptions& options);
    Prepared<UserInfo> prepare_get_user(std::string_view user_id, const CallOptions& options);
    Prepared<UserInfo> prepare_coalesced_get_user(std::string_view user_id, const CallOptions& options);
    Prepared<UserInfo> prepare_get_user_by_identifier(std::string_view identifier, const CallOptions& options);
    Prepared<UserInfo> prepare_update_user(std::string_view user_id, const UpdateUserRequest& request,
                                           const CallOptions& options);
    Prepared<UserInfo> prepare_activate_user(std::string_view user_id, const CallOptions& options);
    Prepared<UserInfo> prepare_deactivate_user(std::string_view user_id, const CallOptions& options);
    Prepared<void> prepare_delete_user(std::string_view user_id, const CallOptions& options);
    Prepared<std::vector<WebAuthnDevice>> prepare_list_user_devices(std::string_view user_id,
                                                                    const CallOptions& options);
    Prepared<void> prepare_delete_user_device(std::string_view user_id, std::string_view device_id,
                                              const CallOptions& options);
    Prepared<void> prepare_revoke_user_refresh_tokens(std::string_view user_id, const CallOptions& options);
    Prepared<UserPage> prepare_list_users(const ListUsersRequest& request, const CallOptions& options);
    Prepared<MagicLink> prepare_create_magic_link(const CreateMagicLinkRequest& request, const CallOptions& options);
    Prepared<AppInfo> prepare_get_app(const CallOptions& options);

    explicit Client(std::shared_ptr<client::ClientState> client_state);

    executor_type executor_; ///< Kept when the client is moved from.
    std::shared_ptr<client::ClientState> client_state_;
    std::shared_ptr<client::SharedReads> shared_reads_;
};

/// A range of all users of a list, which reads the users page by page. Made by `Client::users`.
///
/// ```
/// passage::UserRange users = client.users();
/// for (;;) {
///     passage::expected<std::optional<passage::UserSummary>> user = co_await users.next();
///     if (!user || !*user)
///         break; // an error, or the end
/// }
/// ```
///
/// \par Users in the range
/// The set of users is fixed when the first page is read. Users that are created later are not in it. The service
/// counts this time in whole seconds.
///
/// By default the range follows the time at which users were created, oldest first. It misses no user and yields none
/// twice, even if users are created or deleted in the meantime. A program may therefore delete the users that the range
/// yields while it reads the range.
///
/// A request with an order, a page, or a condition on `created_at` is read by page number instead. Each user that is
/// deleted between two pages then makes the range miss one user.
///
/// \par Thread safety
/// Distinct ranges: safe. One range: unsafe; only one `next()` at a time may be in flight.
class PASSAGE_EXPORT UserRange
{
public:
    /// Move constructor. The range continues at its position; `next()` of the other one completes with
    /// `Errc::invalid_argument` afterwards.
    UserRange(UserRange&& other) noexcept;
    /// Move assignment. The range continues at the position of the other one, whose `next()` completes with
    /// `Errc::invalid_argument` afterwards.
    UserRange& operator=(UserRange&& other) noexcept;
    ~UserRange();

    /// Reads the next user.
    ///
    /// \par Effects
    /// Completes with the next user, or with an empty optional at the end. If no user of a page is left, reads the next
    /// page with the request of `Client::list_users`. Changes nothing. After an error, the next call of `next()` reads
    /// the same page again.
    /// \par Preconditions
    /// No other `next()` of this range is in flight, and the range was not moved from.
    /// \par Errors
    /// As for `Client::list_users`, and:
    /// - `Errc::invalid_argument`: A precondition is violated.
    /// - `Errc::protocol`: The pages of the service do not advance, or are not in order.
    ///
    /// `Error::operation` is "list_users".
    /// \par Cancellation
    /// As for `Client::list_users`.
    /// \par Executor
    /// As for `Client`: the default executor of a completion handler is the client's.
    boost::asio::awaitable<expected<std::optional<UserSummary>>> next();

    /// `next` with a completion token for the signature `void(expected<std::optional<UserSummary>>)`.
    template <detail::token_for<expected<std::optional<UserSummary>>> Token>
    auto next(Token&& token)
    {
        return detail::initiate(prepare_next(), executor_, std::forward<Token>(token));
    }

    /// The type of the range's executor.
    using executor_type = boost::asio::any_io_executor;
    /// Returns the executor of the client. It is the default executor of completion handlers.
    executor_type get_executor() const noexcept { return executor_; }

private:
    friend class Client;
    struct State;
    UserRange(executor_type executor, std::shared_ptr<State> state) noexcept;
    std::shared_ptr<detail::Operation<expected<std::optional<UserSummary>>>> prepare_next();
    static boost::asio::awaitable<expected<std::optional<UserSummary>>> next(std::shared_ptr<State> state);

    executor_type executor_;
    std::shared_ptr<State> state_;
};

} // namespace passage
