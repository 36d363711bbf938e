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
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace passage {

class UserRange;
namespace client {
class ClientState;
class SharedReads;
} // namespace client

/// A client of the Passage management API over a pool of kept-alive TLS connections.
///
/// **Operations.** Each member function that makes a call is an asynchronous operation. Without a completion token it
/// returns an awaitable of an `expected`; with one as its last argument it completes as the token says, with the
/// signature `void(expected<T>)`. Arguments are read before the function returns, so they need not outlive it. Nothing
/// is sent before the awaitable is awaited, or the operation is initiated by its token. An awaitable may be awaited
/// once; to await it again is undefined behaviour.
///
/// **Handlers.** The associated executor, allocator, cancellation slot and, where Boost.Asio has it, immediate executor
/// of a completion handler are used; the default executor is the client's. A handler is never called within the
/// initiating function, unless its immediate executor does that.
///
/// **Errors.** Any operation may end with any `Errc`. Arguments that can't be sent (an empty id, a control byte, a
/// phone that is not E.164, ...) end it with `Errc::invalid_argument`, before any I/O. What the service refuses is
/// `Errc::api` with its status and code: 401 for a wrong key, 404 for an unknown user, 400 for a request that it finds
/// invalid. An answer that names another user, identifier or app than the request did is `Errc::protocol` with
/// `Effect::unknown`: the connection is closed, and another call that uses it at that moment fails in the same way. A
/// success status that the operation does not have is treated likewise. If memory runs out, an awaitable throws
/// `std::bad_alloc`, and any other token completes with `Errc::no_memory`; the initiating function may throw
/// `std::bad_alloc`. Nothing else is thrown.
///
/// **Retries.** Lost connections and the statuses 408, 500, 502, 503 and 504 are retried for idempotent operations,
/// which are all but `create_user` and `create_magic_link`. 429 is retried for every operation, and so is 421, once and
/// on a new connection (RFC 9110, section 15.5.20). The other two are otherwise retried only if nothing was sent. If
/// the answer before, on the same connection, named no user, a 429 or 421 may belong to another request: a creation
/// then waits at least 1 s after 429, and is retried if no further answer comes on the connection by then; it is not
/// retried after 421; and `Error::effect` is `Effect::unknown`. Without retries (`CallOptions::retries`, or one attempt
/// in `RetryOptions`) a request is sent at most once.
///
/// **Cancellation.** Terminal and partial cancellation end a call with `Errc::cancelled` and leave the client usable;
/// total cancellation does so only while nothing of the request was sent. `Error::effect` says what is known. A
/// tokenless operation accepts all three types while it is awaited, whatever the filter of the coroutine that awaits
/// it, and the coroutine keeps accepting them afterwards (`boost::asio::enable_total_cancellation`); to keep a call
/// from being cancelled, pass `boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot{}, ...)` as the
/// token. A cancelled call ends with a result. The next `co_await` of a coroutine that was cancelled throws
/// `boost::system::system_error` (`operation_aborted`), as always in Asio, unless the coroutine resets its state
/// (`boost::asio::this_coro::reset_cancellation_state`) or sets `boost::asio::this_coro::throw_if_cancelled(false)`.
///
/// **Deadlines** run on the client's executor. None is noticed while no thread runs the client's execution context, and
/// a call whose handler belongs to another context waits until one does.
///
/// **Threads.** Every member function may be called from any thread at any time, but for move and destruction. The I/O
/// runs on a strand of the client's executor. The client starts no threads but those that resolve names.
///
/// **Lifetime.** Destroying the client, or `close()`, ends all calls in flight with `Errc::shut_down`. It is undefined
/// behaviour to destroy the execution context of the client's executor before the client, or while a call is under way
/// whose handler belongs to another context. A context that is destroyed destroys the handlers and coroutines that
/// belong to it: they are not called, and their calls are cancelled. This holds for a context that is not the client's,
/// too, also while the client's threads complete a call. Calls on a moved-from client end with `Errc::shut_down`.
class PASSAGE_EXPORT Client
{
public:
    /// Makes a client whose I/O runs on an executor.
    ///
    /// Reads the CA file, if one is configured; connects to nothing. Throws
    /// `boost::system::system_error` with `Errc::invalid_argument`, or `Errc::tls` for unusable CA
    /// certificates; `what()` says what to do.
    Client(boost::asio::any_io_executor executor, Config config);

    /// Makes a client whose I/O runs on an execution context, as `Client{context.get_executor(),
    /// config}` does.
    template <class Context>
    requires requires(Context& context)
    {
        {
            context.get_executor()
            } -> std::convertible_to<boost::asio::any_io_executor>;
    }
    Client(Context& context, Config config) : Client{context.get_executor(), std::move(config)} {}

    /// Makes a client, as the constructor does, with the error returned in place of thrown.
    static expected<Client> create(boost::asio::any_io_executor executor, Config config);

    /// The type of the client's executor.
    using executor_type = boost::asio::any_io_executor;
    /// The executor that the client was made with. It is the default of a completion token's handlers.
    executor_type get_executor() const noexcept { return executor_; }

    /// Takes the client over; calls in flight go on.
    Client(Client&& other) noexcept;
    /// Closes this client and takes the other one over.
    Client& operator=(Client&& other) noexcept;
    /// Closes the client.
    ~Client();

    /// Ends all calls in flight, and every later one, with `Errc::shut_down`, and closes all
    /// connections.
    ///
    /// Returns at once; the calls end on their own executors. May be called more than once.
    void close() noexcept;

    /// Creates a user: `POST /apps/{app_id}/users`.
    ///
    /// Needs an e-mail address or a phone number. Both are unique in the app: 400 if one is taken.
    boost::asio::awaitable<expected<UserInfo>> create_user(const CreateUserRequest& request,
                                                           const CallOptions& options = {});

    /// Reads a user: `GET /apps/{app_id}/users/{user_id}`.
    boost::asio::awaitable<expected<UserInfo>> get_user(std::string_view user_id, const CallOptions& options = {});

    /// Reads a user as `get_user` does, and shares one request with all who read the same user at the same time.
    ///
    /// The result may be as old as the request that was under way. The shared request has the client's time-outs and
    /// retries, and the `CallOptions::trace_parent` of the caller that begins it; that of the others is not sent. Each
    /// caller has its own deadline, and cancelling one leaves the others waiting; when the last one is cancelled, or
    /// its deadline passes, so is the request. A call with header fields, or without retries, is not shared.
    ///
    /// At most `PoolOptions::max_waiting` callers of a client wait for requests that others began; one more ends with
    /// `Errc::pool_timeout` at once. If memory runs out, callers may also end with `Errc::shut_down`.
    boost::asio::awaitable<expected<UserInfo>> coalesced_get_user(std::string_view user_id,
                                                                  const CallOptions& options = {});

    /// Finds a user by e-mail address (any case) or phone number, and reads it.
    ///
    /// Two requests under one deadline: `GET /apps/{app_id}/users?limit=1&identifier=...` and
    /// `get_user`. No match is 404 `user_not_found`.
    boost::asio::awaitable<expected<UserInfo>> get_user_by_identifier(std::string_view identifier,
                                                                      const CallOptions& options = {});

    /// Changes the fields of a user that the request names: `PATCH /apps/{app_id}/users/{user_id}`.
    boost::asio::awaitable<expected<UserInfo>> update_user(std::string_view user_id, const UpdateUserRequest& request,
                                                           const CallOptions& options = {});

    /// Lets a user sign in: `PATCH /apps/{app_id}/users/{user_id}/activate`.
    boost::asio::awaitable<expected<UserInfo>> activate_user(std::string_view user_id, const CallOptions& options = {});

    /// Keeps a user from signing in: `PATCH /apps/{app_id}/users/{user_id}/deactivate`.
    boost::asio::awaitable<expected<UserInfo>> deactivate_user(std::string_view user_id,
                                                               const CallOptions& options = {});

    /// Deletes a user: `DELETE /apps/{app_id}/users/{user_id}`.
    ///
    /// If an attempt may have been carried out and its repetition finds no such user (404 `user_not_found`), the call
    /// succeeds: the user is gone.
    boost::asio::awaitable<expected<void>> delete_user(std::string_view user_id, const CallOptions& options = {});

    /// Lists a user's WebAuthn devices: `GET /apps/{app_id}/users/{user_id}/devices`.
    boost::asio::awaitable<expected<std::vector<WebAuthnDevice>>> list_user_devices(std::string_view user_id,
                                                                                    const CallOptions& options = {});

    /// Deletes a device of a user: `DELETE /apps/{app_id}/users/{user_id}/devices/{device_id}`.
    ///
    /// Repeated as `delete_user` is; 404 `device_not_found` counts as well.
    boost::asio::awaitable<expected<void>> delete_user_device(std::string_view user_id, std::string_view device_id,
                                                              const CallOptions& options = {});

    /// The name of `delete_user_device` in the official SDKs.
    [[deprecated("use delete_user_device")]] boost::asio::awaitable<expected<void>>
    revoke_user_device(std::string_view user_id, std::string_view device_id, const CallOptions& options = {});

    /// Revokes a user's refresh tokens: `DELETE /apps/{app_id}/users/{user_id}/tokens`.
    boost::asio::awaitable<expected<void>> revoke_user_refresh_tokens(std::string_view user_id,
                                                                      const CallOptions& options = {});

    /// The name of `revoke_user_refresh_tokens` in the official SDKs.
    [[deprecated("use revoke_user_refresh_tokens")]] boost::asio::awaitable<expected<void>>
    signout(std::string_view user_id, const CallOptions& options = {});

    /// Reads one page of the list of users: `GET /apps/{app_id}/users?...`.
    boost::asio::awaitable<expected<UserPage>> list_users(const ListUsersRequest& request = {},
                                                          const CallOptions& options = {});

    /// All users that a request selects, page after page; the request's page is where it begins.
    ///
    /// `options` hold for each page. The range keeps what it needs of the client: it may outlive
    /// it, and then yields `Errc::shut_down`.
    UserRange users(const ListUsersRequest& request = {}, const CallOptions& options = {});

    /// Creates a magic link, and has it sent if the request says so: `POST /apps/{app_id}/magic-links`.
    ///
    /// 404 `user_not_found` if nobody has the id. For an e-mail address or a phone number that nobody has, the link's
    /// `user_id` is empty.
    boost::asio::awaitable<expected<MagicLink>> create_magic_link(const CreateMagicLinkRequest& request,
                                                                  const CallOptions& options = {});

    /// Reads how the app is configured: `GET /apps/{app_id}`.
    boost::asio::awaitable<expected<AppInfo>> get_app(const CallOptions& options = {});

    /// Connections and calls at this moment.
    ClientStats stats() const noexcept;

    // The operations with a completion token.

    /// `create_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `get_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `coalesced_get_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `get_user_by_identifier` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `update_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `activate_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `deactivate_user` with a completion token, whose signature is `void(expected<UserInfo>)`.
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

    /// `delete_user` with a completion token, whose signature is `void(expected<void>)`.
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

    /// `list_user_devices` with a completion token, whose signature is `void(expected<std::vector<WebAuthnDevice>>)`.
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

    /// `delete_user_device` with a completion token, whose signature is `void(expected<void>)`.
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

    /// `revoke_user_refresh_tokens` with a completion token, whose signature is `void(expected<void>)`.
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

    /// `list_users` with a completion token, whose signature is `void(expected<UserPage>)`.
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

    /// `create_magic_link` with a completion token, whose signature is `void(expected<MagicLink>)`.
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

    /// `get_app` with a completion token, whose signature is `void(expected<AppInfo>)`.
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

/// All users of a list, fetched page by page as they are asked for; made by `Client::users`.
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
/// The set is fixed when the first page is read: users created later are not in it (to the second, as the service
/// counts).
///
/// Pages are found by the time when users were created, oldest first: nobody is missed or comes twice, whoever is
/// created or deleted meanwhile, so users may be deleted as they come. A request that has an order, a page, or a
/// condition on `created_at` is paged by number: then a deletion between two pages has as many users missed as were
/// deleted.
///
/// One `next()` at a time: a second one ends with `Errc::invalid_argument`. Distinct ranges may be used from distinct
/// threads.
class PASSAGE_EXPORT UserRange
{
public:
    /// Takes the range over where it stands; `next()` of the other one is `Errc::invalid_argument` then.
    UserRange(UserRange&& other) noexcept;
    /// Takes the range over where it stands; `next()` of the other one is `Errc::invalid_argument` then.
    UserRange& operator=(UserRange&& other) noexcept;
    ~UserRange();

    /// The next user; none at the end.
    ///
    /// Errors and cancellation: as `Client::list_users`. After an error the same page is asked for
    /// again. A server whose pages don't advance, or are not in order, ends the range with `Errc::protocol`.
    boost::asio::awaitable<expected<std::optional<UserSummary>>> next();

    /// `next` with a completion token, whose signature is `void(expected<std::optional<UserSummary>>)`.
    template <detail::token_for<expected<std::optional<UserSummary>>> Token>
    auto next(Token&& token)
    {
        return detail::initiate(prepare_next(), executor_, std::forward<Token>(token));
    }

    /// The type of the range's executor.
    using executor_type = boost::asio::any_io_executor;
    /// The executor of the client.
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
