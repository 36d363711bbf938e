#include <passage/client.hpp>

#include "api/arguments.hpp"
#include "api/operations.hpp"
#include "api/user_pages.hpp"
#include "client/client_state.hpp"
#include "client/coroutine.hpp"
#include "client/coroutine_operation.hpp"
#include "client/exception.hpp"
#include "client/operation_call.hpp"
#include "client/ready_operation.hpp"
#include "client/shared_reads.hpp"
#include "client/token_keys.hpp"
#include "model/invalid.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace passage {
namespace {

namespace asio = boost::asio;
using client::ClientState;
using net::Clock;
using ClientStatePtr = std::shared_ptr<ClientState>;
template <class T>
using OperationPtr = std::shared_ptr<detail::Operation<expected<T>>>;

/// Makes a call of a request, or a call that ends with the error in its place.
template <class T>
OperationPtr<T> make_call_with(const ClientStatePtr& client_state, const api::OperationFor<T>& operation,
                               const CallOptions& options, expected<http::Request> request,
                               std::shared_ptr<client::CallReport> report = nullptr)
{
    ClientState::add_fields(request, options);
    return std::make_shared<client::OperationCall<T>>(client_state, operation, options, std::move(request),
                                                      std::move(report));
}

/// Makes a call. Reads all arguments, so that the call refers to none.
template <class T, class... Args>
OperationPtr<T> make_call(const ClientStatePtr& client_state, const api::Row<T(Args...)>& operation,
                          const CallOptions& options, const std::type_identity_t<Args>&... args)
{
    if (!client_state) {
        Error error{Errc::shut_down, "the client was moved from or destroyed"};
        error.operation = operation.name;
        return std::make_shared<client::ReadyOperation<T>>(unexpected{std::move(error)});
    }
    return make_call_with(client_state, operation, options, client_state->requests().build(operation, args...));
}

/// Returns the result of an operation. A function, because a local variable of a coroutine would cost a move.
template <class Result>
Result take_or_throw(detail::Operation<Result>& operation)
{
    Result result = operation.take();
    client::throw_if_no_memory(result);
    return result;
}

/// Makes an awaitable of an operation. Cancellation ends it with a result, not an exception. Kept small, as every call
/// has such a coroutine.
template <class Result>
asio::awaitable<Result> await(std::shared_ptr<detail::Operation<Result>> operation)
{
    using Ptr = std::shared_ptr<detail::Operation<Result>>;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        operation->cancel(); // without a reset, which would clear the state
    else
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    auto initiate = [](auto handler, Ptr started) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        started->start(detail::Handler<Ptr>{std::move(handler)}, std::move(executor), true);
    };
    operation = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Ptr)>(
        std::move(initiate), asio::use_awaitable, std::move(operation));
    co_return take_or_throw(*operation);
}

asio::awaitable<expected<UserInfo>> share(std::shared_ptr<client::SharedReads> reads, ClientStatePtr client_state,
                                          std::string id, CallOptions options)
{
    const auto deadline = client_state->deadline(options, Clock::now());
    CallOptions shared;
    if (options.trace_parent())
        shared.trace_parent(*options.trace_parent());
    auto make = [by = std::move(client_state), id, shared](std::shared_ptr<client::CallReport> report) {
        return make_call_with(by, api::coalesced_get_user, shared, by->requests().build(api::coalesced_get_user, id),
                              std::move(report));
    };
    co_return co_await client::SharedReads::read(std::move(reads), std::move(id), std::move(make), deadline);
}

expected<ClientStatePtr> make_client_state(asio::any_io_executor executor, const Config& config)
{
    if (config.api_key.empty())
        return invalid("api_key", "is empty");
    return ClientState::create(std::move(executor), config);
}

} // namespace

OperationPtr<jwt::KeySet> client::make_token_keys_call(const ClientStatePtr& client_state, const CallOptions& options,
                                                       std::shared_ptr<CallReport> report)
{
    return make_call_with(client_state, api::authenticate, options, client_state->requests().build(api::authenticate),
                          std::move(report));
}

Client::Client(asio::any_io_executor executor, Config config)
{
    auto client_state = make_client_state(std::move(executor), config);
    if (!client_state)
        throw client::to_exception(client_state.error());
    *this = Client{std::move(*client_state)};
}

Client::Client(std::shared_ptr<client::ClientState> client_state)
    : executor_{client_state->strand().inner()},
      client_state_{std::move(client_state)},
      shared_reads_{std::make_shared<client::SharedReads>(client_state_->strand().inner(),
                                                          client_state_->config().pool.max_waiting)}
{}

expected<Client> Client::create(asio::any_io_executor executor, Config config)
{
    auto client_state = make_client_state(std::move(executor), config);
    if (!client_state)
        return unexpected{std::move(client_state.error())};
    return Client{std::move(*client_state)};
}

Client::Client(Client&& other) noexcept
    : executor_{other.executor_},
      client_state_{std::move(other.client_state_)},
      shared_reads_{std::move(other.shared_reads_)}
{}

Client& Client::operator=(Client&& other) noexcept
{
    if (this != &other) {
        close();
        executor_ = other.executor_;
        client_state_ = std::move(other.client_state_);
        shared_reads_ = std::move(other.shared_reads_);
    }
    return *this;
}

Client::~Client()
{
    close();
}

expected<void> Client::reload_tls(const TlsOptions& options)
{
    if (!client_state_)
        return unexpected{Error{Errc::shut_down, "the client was moved from"}};
    auto reloaded = client_state_->reload_tls(options);
    if (reloaded)
        shared_reads_->forget(); // only now: before, a read could still begin on a former connection
    return reloaded;
}

void Client::close() noexcept
{
    if (client_state_)
        client_state_->close();
}

Client::Prepared<UserInfo> Client::prepare_create_user(const CreateUserRequest& request, const CallOptions& options)
{
    return make_call(client_state_, api::create_user, options, request);
}

asio::awaitable<expected<UserInfo>> Client::create_user(const CreateUserRequest& request, const CallOptions& options)
{
    return await(prepare_create_user(request, options));
}

Client::Prepared<UserInfo> Client::prepare_get_user(std::string_view user_id, const CallOptions& options)
{
    return make_call(client_state_, api::get_user, options, user_id);
}

asio::awaitable<expected<UserInfo>> Client::get_user(std::string_view user_id, const CallOptions& options)
{
    return await(prepare_get_user(user_id, options));
}

namespace {

/// Whether a call may share its request with others.
bool is_shared(const ClientStatePtr& client_state, std::string_view user_id, const CallOptions& options)
{
    return client_state && options.retries() && options.headers().empty() && api::check_id("user_id", user_id);
}

} // namespace

Client::Prepared<UserInfo> Client::prepare_coalesced_get_user(std::string_view user_id, const CallOptions& options)
{
    if (!is_shared(client_state_, user_id, options))
        return make_call(client_state_, api::coalesced_get_user, options, user_id);
    return std::make_shared<client::CoroutineOperation<UserInfo>>(
        api::coalesced_get_user.name, executor_,
        [reads = shared_reads_, client_state = client_state_, id = std::string{user_id}, options] {
            return share(reads, client_state, id, options);
        });
}

asio::awaitable<expected<UserInfo>> Client::coalesced_get_user(std::string_view user_id, const CallOptions& options)
{
    if (!is_shared(client_state_, user_id, options))
        return await(prepare_coalesced_get_user(user_id, options));
    return share(shared_reads_, client_state_, std::string{user_id}, options);
}

Client::Prepared<UserInfo> Client::prepare_get_user_by_identifier(std::string_view identifier,
                                                                  const CallOptions& options)
{
    return make_call(client_state_, api::get_user_by_identifier, options, api::Identifier{identifier});
}

asio::awaitable<expected<UserInfo>> Client::get_user_by_identifier(std::string_view identifier,
                                                                   const CallOptions& options)
{
    return await(prepare_get_user_by_identifier(identifier, options));
}

Client::Prepared<UserInfo> Client::prepare_update_user(std::string_view user_id, const UpdateUserRequest& request,
                                                       const CallOptions& options)
{
    return make_call(client_state_, api::update_user, options, user_id, request);
}

asio::awaitable<expected<UserInfo>> Client::update_user(std::string_view user_id, const UpdateUserRequest& request,
                                                        const CallOptions& options)
{
    return await(prepare_update_user(user_id, request, options));
}

Client::Prepared<UserInfo> Client::prepare_activate_user(std::string_view user_id, const CallOptions& options)
{
    return make_call(client_state_, api::activate_user, options, user_id);
}

asio::awaitable<expected<UserInfo>> Client::activate_user(std::string_view user_id, const CallOptions& options)
{
    return await(prepare_activate_user(user_id, options));
}

Client::Prepared<UserInfo> Client::prepare_deactivate_user(std::string_view user_id, const CallOptions& options)
{
    return make_call(client_state_, api::deactivate_user, options, user_id);
}

asio::awaitable<expected<UserInfo>> Client::deactivate_user(std::string_view user_id, const CallOptions& options)
{
    return await(prepare_deactivate_user(user_id, options));
}

Client::Prepared<void> Client::prepare_delete_user(std::string_view user_id, const CallOptions& options)
{
    return make_call(client_state_, api::delete_user, options, user_id);
}

asio::awaitable<expected<void>> Client::delete_user(std::string_view user_id, const CallOptions& options)
{
    return await(prepare_delete_user(user_id, options));
}

Client::Prepared<std::vector<WebAuthnDevice>> Client::prepare_list_user_devices(std::string_view user_id,
                                                                                const CallOptions& options)
{
    return make_call(client_state_, api::list_user_devices, options, user_id);
}

asio::awaitable<expected<std::vector<WebAuthnDevice>>> Client::list_user_devices(std::string_view user_id,
                                                                                 const CallOptions& options)
{
    return await(prepare_list_user_devices(user_id, options));
}

Client::Prepared<void> Client::prepare_delete_user_device(std::string_view user_id, std::string_view device_id,
                                                          const CallOptions& options)
{
    return make_call(client_state_, api::delete_user_device, options, user_id, device_id);
}

asio::awaitable<expected<void>> Client::delete_user_device(std::string_view user_id, std::string_view device_id,
                                                           const CallOptions& options)
{
    return await(prepare_delete_user_device(user_id, device_id, options));
}

asio::awaitable<expected<void>> Client::revoke_user_device(std::string_view user_id, std::string_view device_id,
                                                           const CallOptions& options)
{
    return delete_user_device(user_id, device_id, options);
}

Client::Prepared<void> Client::prepare_revoke_user_refresh_tokens(std::string_view user_id, const CallOptions& options)
{
    return make_call(client_state_, api::revoke_user_refresh_tokens, options, user_id);
}

asio::awaitable<expected<void>> Client::revoke_user_refresh_tokens(std::string_view user_id, const CallOptions& options)
{
    return await(prepare_revoke_user_refresh_tokens(user_id, options));
}

asio::awaitable<expected<void>> Client::signout(std::string_view user_id, const CallOptions& options)
{
    return revoke_user_refresh_tokens(user_id, options);
}

Client::Prepared<UserPage> Client::prepare_list_users(const ListUsersRequest& request, const CallOptions& options)
{
    return make_call(client_state_, api::list_users, options, request);
}

asio::awaitable<expected<UserPage>> Client::list_users(const ListUsersRequest& request, const CallOptions& options)
{
    return await(prepare_list_users(request, options));
}

Client::Prepared<MagicLink> Client::prepare_create_magic_link(const CreateMagicLinkRequest& request,
                                                              const CallOptions& options)
{
    return make_call(client_state_, api::create_magic_link, options, request);
}

asio::awaitable<expected<MagicLink>> Client::create_magic_link(const CreateMagicLinkRequest& request,
                                                               const CallOptions& options)
{
    return await(prepare_create_magic_link(request, options));
}

Client::Prepared<AppInfo> Client::prepare_get_app(const CallOptions& options)
{
    return make_call(client_state_, api::get_app, options);
}

asio::awaitable<expected<AppInfo>> Client::get_app(const CallOptions& options)
{
    return await(prepare_get_app(options));
}

ClientStats Client::stats() const noexcept
{
    return client_state_ ? client_state_->stats() : ClientStats{};
}

struct UserRange::State
{
    std::weak_ptr<ClientState> client_state; ///< The range may outlive the client and its execution context.
    CallOptions options;
    api::UserPages pages;
    bool is_reading = false; ///< A call of `next` is in flight.
};

UserRange Client::users(const ListUsersRequest& request, const CallOptions& options)
{
    return UserRange{executor_, std::make_shared<UserRange::State>(
                                    UserRange::State{client_state_, options, api::UserPages{request}})};
}

UserRange::UserRange(executor_type executor, std::shared_ptr<State> state) noexcept
    : executor_{std::move(executor)}, state_{std::move(state)}
{}
UserRange::UserRange(UserRange&& other) noexcept : executor_{other.executor_}, state_{std::move(other.state_)} {}
UserRange& UserRange::operator=(UserRange&& other) noexcept
{
    executor_ = other.executor_;
    state_ = std::move(other.state_);
    return *this;
}
UserRange::~UserRange() = default;

std::shared_ptr<detail::Operation<expected<std::optional<UserSummary>>>> UserRange::prepare_next()
{
    return std::make_shared<client::CoroutineOperation<std::optional<UserSummary>>>(
        api::list_users.name, executor_, [state = state_] { return next(state); });
}

asio::awaitable<expected<std::optional<UserSummary>>> UserRange::next()
{
    return next(state_);
}

asio::awaitable<expected<std::optional<UserSummary>>> UserRange::next(std::shared_ptr<State> of)
{
    const auto failure = [](Error error) {
        error.operation = api::list_users.name;
        return unexpected{std::move(error)};
    };
    if (!of)
        co_return failure(Error{Errc::invalid_argument, "the range was moved from"});
    State& state = *of;
    if (state.is_reading)
        co_return failure(Error{Errc::invalid_argument, "another next() of this range is under way"});
    for (bool cancelled = co_await client::accept_cancellation();;) {
        if (auto user = state.pages.pop())
            co_return std::optional<UserSummary>{std::move(user)};
        if (state.pages.is_at_end())
            co_return std::optional<UserSummary>{};
        if (cancelled)
            co_return failure(Error{Errc::cancelled});
        state.is_reading = true;
        const auto end_reading = [](bool* is_reading) { *is_reading = false; };
        const std::unique_ptr<bool, decltype(end_reading)> reading{&state.is_reading};
        // A statement of its own, so that this frame does not hold the client's state during the wait.
        OperationPtr<UserPage> call =
            make_call(state.client_state.lock(), api::list_users, state.options, state.pages.request());
        expected<UserPage> page = co_await await(std::move(call));
        if (!page)
            co_return unexpected{std::move(page.error())};
        if (auto error = state.pages.take(std::move(*page)))
            co_return failure(*std::move(error));
        const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
        cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    }
}

} // namespace passage
