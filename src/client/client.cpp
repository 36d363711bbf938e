#include <passage/client.hpp>

#include "api/question.hpp"
#include "api/responses.hpp"
#include "api/user_pages.hpp"
#include "client/core.hpp"
#include "client/failures.hpp"
#include "client/shared_reads.hpp"
#include "client/token_keys.hpp"

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace passage {
namespace {

namespace asio = boost::asio;
using client::Core;
using CallPtr = std::shared_ptr<client::Call>;
using net::Clock;
using CorePtr = std::shared_ptr<Core>;

/// How a response of success is read, within a limit of memory, and held against what was asked.
template <class T>
using Reader = expected<T> (*)(const http::Response&, std::size_t limit, const api::Question&);

/// What is asked next, after a response of success.
using Next = expected<http::Request> (*)(const api::Requests&, const http::Response&, std::size_t limit,
                                         const api::Question&);

unexpected<Error> answer_of_another()
{
    return unexpected{Error{Errc::protocol, "the answer names another than the one that was asked for"}};
}

/// Reads what names something, by which it is checked.
template <auto Read>
constexpr auto named = [](const http::Response& response, std::size_t limit, const api::Question& question) {
    auto answer = Read(response, limit);
    if (answer && !question.is_answered_by(*answer))
        answer = answer_of_another();
    return answer;
};

/// Reads what names nothing that was asked for.
template <auto Read>
constexpr auto unnamed =
    [](const http::Response& response, std::size_t limit, const api::Question&) { return Read(response, limit); };

expected<void> read_nothing(const http::Response& response, std::size_t, const api::Question& question)
{
    if (!question.may_have_body(response.body))
        return answer_of_another();
    return {};
}

expected<UserInfo> read_created_user(const http::Response& response, std::size_t limit, const api::Question& question)
{
    auto user = api::read_user(response, limit);
    if (user && !question.created(*user))
        return answer_of_another();
    return user;
}

/// A call of a member function: one request or several, under one deadline.
class Session
{
public:
    /// `report` may be null.
    Session(CorePtr core, const api::Operation& operation, const CallOptions& options,
            std::shared_ptr<client::CallReport> report = nullptr)
        : core_{std::move(core)}, operation_{&operation}, options_{options}, report_{std::move(report)}
    {}

    /// To be called first, when the call is awaited: now its time runs.
    void begin()
    {
        begin_ = Clock::now();
        deadline_ = core_->deadline(options_, begin_);
        observation_ = core_->observe(*operation_, options_, report_);
    }

    asio::awaitable<CallPtr> send(Secret request)
    {
        const bool may_have_acted = options_.may_have_acted() == operation_->name;
        return core_->call(*operation_, std::move(request), options_.retries(), deadline_, observation_,
                           may_have_acted ? Effect::unknown : Effect::none);
    }

    /// Makes the request that follows on a response of success; false if there is none, or it can't be made.
    bool follow(client::Call& call, Next next, Secret& request)
    {
        attempts_ += std::exchange(call.outcome.attempts, 0);
        if (!next || !call.outcome.result)
            return false;
        const api::Question question{core_->requests(), call.request()};
        expected<http::Request> made = next(core_->requests(), *call.outcome.result, decoded_limit(), question);
        expected<Secret> written =
            made ? core_->write(std::move(made), options_) : unexpected{complete(made.error(), call)};
        identifier_ = question.identifier();
        if (written)
            request = std::move(*written);
        else
            call.outcome.result = unexpected{std::move(written.error())};
        return written.has_value();
    }

    /// What the last request came to.
    template <class T>
    expected<T> result(const client::Call& call, Reader<T> read)
    {
        const expected<http::Response>& response = call.outcome.result;
        if (!response)
            return failure(response.error());
        api::Question question{core_->requests(), call.request()};
        question.also(identifier_);
        expected<T> value = read(*response, decoded_limit(), question);
        if (!value)
            value = failure(complete(std::move(value.error()), call));
        else if (observation_)
            observation_->end(attempts_, elapsed(), nullptr);
        return value;
    }

    /// An error of this call. A server may echo the API key anywhere, so all that leaves is looked through.
    unexpected<Error> failure(Error error) const
    {
        core_->redact(error);
        error.operation = operation_->name;
        error.attempts = attempts_;
        error.elapsed = elapsed();
        if (observation_)
            observation_->end(attempts_, error.elapsed, &error);
        return unexpected{std::move(error)};
    }

private:
    /// An error in what a response of success says.
    Error complete(Error error, const client::Call& call) const
    {
        const http::Response& response = *call.outcome.result;
        if (error.http_status == 0)
            error.http_status = response.status;
        error.effect = Effect::none;
        if (error.code == Errc::decode || error.code == Errc::too_large) {
            error.effect = Effect::done;
            core_->doubt(call.outcome.connection);
        } else if (error.code == Errc::protocol) {
            error.effect = Effect::unknown;
            core_->distrust(call.outcome.connection);
        }
        error.request_id = response.request_id;
        return error;
    }

    std::size_t decoded_limit() const noexcept { return core_->config().limits.decoded_bytes; }

    std::chrono::microseconds elapsed() const
    {
        return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
    }

    CorePtr core_;
    const api::Operation* operation_;
    CallOptions options_;
    std::shared_ptr<client::CallReport> report_;
    Clock::time_point begin_;
    Clock::time_point deadline_;
    unsigned attempts_ = 0;
    std::string identifier_; ///< Of the request before this one, percent-encoded.
    std::shared_ptr<client::Observation> observation_;
};

/// A call of a client that was moved from.
template <class T>
asio::awaitable<expected<T>> refuse(const api::Operation* operation)
{
    Error error{Errc::shut_down, "the client was moved from"};
    error.operation = operation->name;
    co_return unexpected{std::move(error)};
}

/// A call that can't be made.
template <class T>
asio::awaitable<expected<T>> refuse(Session session, Error error)
{
    session.begin();
    co_return session.failure(std::move(error));
}

/// The caller's coroutine: all that a call costs but the call itself, so it is kept small.
template <class T>
asio::awaitable<expected<T>> run(Session session, Secret request, Reader<T> read, Next next)
{
    session.begin();
    // A setting of the caller's coroutine: cancelling must be a result here, and stay what it was there.
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    CallPtr call;
    do {
        const auto state = co_await asio::this_coro::cancellation_state;
        call.reset();
        if (state.cancelled() != asio::cancellation_type::none)
            break;
        call = co_await session.send(std::move(request));
    } while (session.follow(*call, std::exchange(next, nullptr), request));
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (!call)
        co_return session.failure(Error{Errc::cancelled});
    co_return session.result(*call, read);
}

/// Begins a call that has its request.
template <class T>
asio::awaitable<expected<T>> start(Session session, expected<Secret> request, Reader<T> read, Next next)
{
    if (!request)
        return refuse<T>(std::move(session), std::move(request.error()));
    return run<T>(std::move(session), std::move(*request), read, next);
}

/// Begins a call: all arguments are read here, before there is a coroutine.
template <class T, class... Args>
asio::awaitable<expected<T>> start(const CorePtr& core, const api::Operation& operation, const CallOptions& options,
                                   std::type_identity_t<Reader<T>> read, Next next,
                                   expected<http::Request> (api::Requests::*build)(Args...) const,
                                   const std::type_identity_t<Args>&... args)
{
    if (!core)
        return refuse<T>(&operation);
    return start<T>(Session{core, operation, options}, core->write((core->requests().*build)(args...), options), read,
                    next);
}

template <class T, class... Args>
asio::awaitable<expected<T>> start(const CorePtr& core, const api::Operation& operation, const CallOptions& options,
                                   std::type_identity_t<Reader<T>> read,
                                   expected<http::Request> (api::Requests::*build)(Args...) const,
                                   const std::type_identity_t<Args>&... args)
{
    return start<T>(core, operation, options, read, nullptr, build, args...);
}

/// The user found is read by its id.
expected<http::Request> get_found_user(const api::Requests& requests, const http::Response& response, std::size_t limit,
                                       const api::Question& question)
{
    const expected<UserSummary> found = api::read_found_user(response, limit);
    if (!found)
        return unexpected{found.error()};
    if (!question.is_answered_by(*found))
        return answer_of_another();
    return requests.get_user(found->id);
}

asio::awaitable<expected<UserInfo>> share(std::shared_ptr<client::SharedReads> reads, CorePtr core, std::string id,
                                          CallOptions options)
{
    const auto deadline = core->deadline(options, Clock::now());
    CallOptions shared;
    if (options.trace_parent())
        shared.trace_parent(*options.trace_parent());
    auto begin = [by = std::move(core), id, shared](std::shared_ptr<client::CallReport> report) {
        return start<UserInfo>(Session{by, api::coalesced_get_user, shared, std::move(report)},
                               by->write(by->requests().get_user(id), shared), named<api::read_user>, nullptr);
    };
    co_return co_await client::SharedReads::read(std::move(reads), std::move(id), std::move(begin), deadline);
}

expected<CorePtr> make_core(asio::any_io_executor executor, const Config& config)
{
    if (config.api_key.empty())
        return unexpected{Error{Errc::invalid_argument, "api_key is empty"}};
    return Core::create(std::move(executor), config);
}

} // namespace

asio::awaitable<expected<jwt::KeySet>> client::fetch_token_keys(const CorePtr& core, const CallOptions& options,
                                                                std::shared_ptr<CallReport> report)
{
    return start<jwt::KeySet>(Session{core, api::authenticate, options, std::move(report)},
                              core->write(core->requests().token_keys(), options), unnamed<api::read_token_keys>,
                              nullptr);
}

Client::Client(asio::any_io_executor executor, Config config)
{
    auto core = make_core(std::move(executor), config);
    if (!core)
        throw client::to_exception(core.error());
    *this = Client{std::move(*core)};
}

Client::Client(std::shared_ptr<client::Core> core)
    : core_{std::move(core)},
      shared_reads_{std::make_shared<client::SharedReads>(core_->strand().inner(), core_->config().pool.max_waiting)}
{}

expected<Client> Client::create(asio::any_io_executor executor, Config config)
{
    auto core = make_core(std::move(executor), config);
    if (!core)
        return unexpected{std::move(core.error())};
    return Client{std::move(*core)};
}

Client::Client(Client&& other) noexcept = default;

Client& Client::operator=(Client&& other) noexcept
{
    if (this != &other) {
        close();
        core_ = std::move(other.core_);
        shared_reads_ = std::move(other.shared_reads_);
    }
    return *this;
}

Client::~Client()
{
    close();
}

void Client::close() noexcept
{
    if (core_)
        core_->close();
}

asio::awaitable<expected<UserInfo>> Client::create_user(const CreateUserRequest& request, const CallOptions& options)
{
    return start<UserInfo>(core_, api::create_user, options, &read_created_user, &api::Requests::create_user, request);
}

asio::awaitable<expected<UserInfo>> Client::get_user(std::string_view user_id, const CallOptions& options)
{
    return start<UserInfo>(core_, api::get_user, options, named<api::read_user>, &api::Requests::get_user, user_id);
}

asio::awaitable<expected<UserInfo>> Client::coalesced_get_user(std::string_view user_id, const CallOptions& options)
{
    if (!core_ || !options.retries() || !options.headers().empty() || !api::check_id("user_id", user_id))
        return start<UserInfo>(core_, api::coalesced_get_user, options, named<api::read_user>, &api::Requests::get_user,
                               user_id);
    return share(shared_reads_, core_, std::string{user_id}, options);
}

asio::awaitable<expected<UserInfo>> Client::get_user_by_identifier(std::string_view identifier,
                                                                   const CallOptions& options)
{
    return start<UserInfo>(core_, api::get_user_by_identifier, options, named<api::read_user>, &get_found_user,
                           &api::Requests::find_user, identifier);
}

asio::awaitable<expected<UserInfo>> Client::update_user(std::string_view user_id, const UpdateUserRequest& request,
                                                        const CallOptions& options)
{
    return start<UserInfo>(core_, api::update_user, options, named<api::read_user>, &api::Requests::update_user,
                           user_id, request);
}

asio::awaitable<expected<UserInfo>> Client::activate_user(std::string_view user_id, const CallOptions& options)
{
    return start<UserInfo>(core_, api::activate_user, options, named<api::read_user>, &api::Requests::activate_user,
                           user_id);
}

asio::awaitable<expected<UserInfo>> Client::deactivate_user(std::string_view user_id, const CallOptions& options)
{
    return start<UserInfo>(core_, api::deactivate_user, options, named<api::read_user>, &api::Requests::deactivate_user,
                           user_id);
}

asio::awaitable<expected<void>> Client::delete_user(std::string_view user_id, const CallOptions& options)
{
    return start<void>(core_, api::delete_user, options, &read_nothing, &api::Requests::delete_user, user_id);
}

asio::awaitable<expected<std::vector<WebAuthnDevice>>> Client::list_user_devices(std::string_view user_id,
                                                                                 const CallOptions& options)
{
    return start<std::vector<WebAuthnDevice>>(core_, api::list_user_devices, options, unnamed<api::read_devices>,
                                              &api::Requests::list_user_devices, user_id);
}

asio::awaitable<expected<void>> Client::delete_user_device(std::string_view user_id, std::string_view device_id,
                                                           const CallOptions& options)
{
    return start<void>(core_, api::delete_user_device, options, &read_nothing, &api::Requests::delete_user_device,
                       user_id, device_id);
}

asio::awaitable<expected<void>> Client::revoke_user_device(std::string_view user_id, std::string_view device_id,
                                                           const CallOptions& options)
{
    return delete_user_device(user_id, device_id, options);
}

asio::awaitable<expected<void>> Client::revoke_user_refresh_tokens(std::string_view user_id, const CallOptions& options)
{
    return start<void>(core_, api::revoke_user_refresh_tokens, options, &read_nothing,
                       &api::Requests::revoke_user_refresh_tokens, user_id);
}

asio::awaitable<expected<void>> Client::signout(std::string_view user_id, const CallOptions& options)
{
    return revoke_user_refresh_tokens(user_id, options);
}

asio::awaitable<expected<UserPage>> Client::list_users(const ListUsersRequest& request, const CallOptions& options)
{
    return start<UserPage>(core_, api::list_users, options, unnamed<api::read_user_page>, &api::Requests::list_users,
                           request);
}

asio::awaitable<expected<MagicLink>> Client::create_magic_link(const CreateMagicLinkRequest& request,
                                                               const CallOptions& options)
{
    return start<MagicLink>(core_, api::create_magic_link, options, named<api::read_magic_link>,
                            &api::Requests::create_magic_link, request);
}

asio::awaitable<expected<AppInfo>> Client::get_app(const CallOptions& options)
{
    return start<AppInfo>(core_, api::get_app, options, named<api::read_app>, &api::Requests::get_app);
}

ClientStats Client::stats() const noexcept
{
    return core_ ? core_->stats() : ClientStats{};
}

struct UserRange::State
{
    CorePtr core;
    CallOptions options;
    api::UserPages pages;
    bool is_reading = false; ///< A `next` is under way.
};

UserRange Client::users(const ListUsersRequest& request, const CallOptions& options)
{
    return UserRange{std::make_shared<UserRange::State>(UserRange::State{core_, options, api::UserPages{request}})};
}

UserRange::UserRange(std::shared_ptr<State> state) noexcept : state_{std::move(state)} {}
UserRange::UserRange(UserRange&&) noexcept = default;
UserRange& UserRange::operator=(UserRange&&) noexcept = default;
UserRange::~UserRange() = default;

asio::awaitable<expected<std::optional<UserSummary>>> UserRange::next()
{
    return next(state_);
}

asio::awaitable<expected<std::optional<UserSummary>>> UserRange::next(std::shared_ptr<State> of)
{
    State& state = *of;
    const auto failure = [](Error error) {
        error.operation = api::list_users.name;
        return unexpected{std::move(error)};
    };
    if (state.is_reading)
        co_return failure(Error{Errc::invalid_argument, "another next() of this range is under way"});
    for (;;) {
        if (auto user = state.pages.pop())
            co_return std::optional<UserSummary>{std::move(user)};
        if (state.pages.is_at_end())
            co_return std::optional<UserSummary>{};
        state.is_reading = true;
        const auto end_reading = [](bool* is_reading) { *is_reading = false; };
        const std::unique_ptr<bool, decltype(end_reading)> reading{&state.is_reading};
        expected<UserPage> page =
            co_await start<UserPage>(state.core, api::list_users, state.options, unnamed<api::read_user_page>,
                                     &api::Requests::list_users, state.pages.request());
        if (!page)
            co_return unexpected{std::move(page.error())};
        if (auto error = state.pages.take(std::move(*page)))
            co_return failure(*std::move(error));
    }
}

} // namespace passage
