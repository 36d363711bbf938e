#pragma once

#include <passage/app.hpp>
#include <passage/call_options.hpp>
#include <passage/client_stats.hpp>
#include <passage/config.hpp>
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
#include <vector>

namespace passage {

class UserRange;
namespace client {
class Core;
class SharedReads;
} // namespace client

/// A client of the Passage management API over a pool of kept-alive TLS connections.
///
/// **Operations.** Each returns an awaitable of an `expected`. The arguments are read before the
/// awaitable is returned, so they need not live until it is awaited. Nothing is sent until it is
/// awaited. To await the same awaitable twice is undefined behaviour. An operation throws nothing but
/// `std::bad_alloc`.
///
/// **Errors.** Any operation may end with any `Errc`. Arguments that can't be sent (an empty id, a
/// control byte, a phone that is not E.164, ...) end it with `Errc::invalid_argument` before any
/// I/O. What the service refuses is `Errc::api` with its status and code: 401 for a wrong key, 404
/// for an unknown user, 400 for a request it finds invalid. An answer that names another user, identifier or app than
/// the one that was asked for is `Errc::protocol` with `Effect::unknown`; the connection that it came on is closed, and
/// a call that uses it at that moment fails in the same way. So is a success status that the operation does not have.
///
/// **Repetition.** Lost connections and 408, 500, 502, 503, 504 are repeated for operations that
/// are idempotent, which are all but `create_user` and `create_magic_link`; 429 is for every one, and so is 421, once
/// and on a new connection (RFC 9110, section 15.5.20). These two are otherwise repeated only if no byte of them left.
/// If the answer before, on the same connection, named nobody, a 429 or 421 may be another request's: then they wait at
/// least 1 s after 429, and are repeated if the connection shows no other answer by then; they are not repeated after
/// 421; and `Error::effect` is `Effect::unknown`.
/// Without retries (`CallOptions::retries`, or one attempt in `RetryOptions`) a request is sent at most once.
///
/// **Cancellation.** Terminal and partial cancellation end a call with `Errc::cancelled` and leave
/// the client as usable as before; total cancellation does so only while nothing of the request was
/// sent. `Error::effect` says what is known. A call that is cancelled ends with a result; the next `co_await` of the
/// coroutine that was cancelled throws `boost::system::system_error` (`operation_aborted`), as Asio has it, unless the
/// coroutine resets its state (`boost::asio::this_coro::reset_cancellation_state`) or has
/// `boost::asio::this_coro::throw_if_cancelled(false)`.
///
/// **Deadlines** are kept on the client's executor: none is noticed while no thread runs the client's execution
/// context, and a call that is awaited on another context waits until one does.
///
/// **Threads.** Every member function may be called from any thread at any time, but for move and
/// destruction. The awaitables run on the executor of the coroutine that awaits them; the client's
/// I/O runs on a strand of its own executor. The client starts no threads but those that resolve
/// names.
///
/// **Lifetime.** Destroying the client, or `close()`, ends all calls in flight with
/// `Errc::shut_down`. It is undefined behaviour to destroy the execution context that the client's executor refers to
/// before the client, or while a call is under way that is awaited on another context. A context that is destroyed
/// takes the calls along that are awaited on it, also if it is not the client's and the client's threads complete them
/// at that moment: their coroutines are destroyed and don't resume, and what was under way for them is broken off.
/// Calls on a moved-from client end with `Errc::shut_down`.
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
    /// What it yields may be as old as the request that was under way. The shared request has the client's time-outs
    /// and retries, and the `CallOptions::trace_parent` of the caller that begins it; that of the others is not sent.
    /// Each caller has a deadline of its own, and cancelling one leaves the others waiting. A call with header fields
    /// of its own, or without retries, is not shared.
    ///
    /// At most `PoolOptions::max_waiting` callers of a client wait for requests that others began; one more ends with
    /// `Errc::pool_timeout` at once. If there is no memory to go on with a shared request, those who wait end with
    /// `Errc::connect` or `Errc::shut_down`, or throw `std::bad_alloc`.
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

    /// The former name of `delete_user_device`.
    [[deprecated("use delete_user_device")]] boost::asio::awaitable<expected<void>>
    revoke_user_device(std::string_view user_id, std::string_view device_id, const CallOptions& options = {});

    /// Revokes a user's refresh tokens: `DELETE /apps/{app_id}/users/{user_id}/tokens`.
    boost::asio::awaitable<expected<void>> revoke_user_refresh_tokens(std::string_view user_id,
                                                                      const CallOptions& options = {});

    /// The former name of `revoke_user_refresh_tokens`.
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

private:
    explicit Client(std::shared_ptr<client::Core> core);

    std::shared_ptr<client::Core> core_;
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
    /// Takes the range over where it stands; the other one is only to be destroyed or assigned to.
    UserRange(UserRange&& other) noexcept;
    /// Takes the range over where it stands; the other one is only to be destroyed or assigned to.
    UserRange& operator=(UserRange&& other) noexcept;
    ~UserRange();

    /// The next user; none at the end.
    ///
    /// Errors and cancellation: as `Client::list_users`. After an error the same page is asked for
    /// again. A server whose pages don't advance, or are not in order, ends the range with `Errc::protocol`.
    boost::asio::awaitable<expected<std::optional<UserSummary>>> next();

private:
    friend class Client;
    struct State;
    explicit UserRange(std::shared_ptr<State> state) noexcept;
    static boost::asio::awaitable<expected<std::optional<UserSummary>>> next(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

} // namespace passage
