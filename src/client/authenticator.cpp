#include <passage/auth.hpp>

#include "client/client_state.hpp"
#include "client/config_check.hpp"
#include "client/coroutine.hpp"
#include "client/coroutine_operation.hpp"
#include "client/deadline.hpp"
#include "client/exception.hpp"
#include "client/ready_operation.hpp"
#include "client/shared_wait.hpp"
#include "client/token_keys.hpp"
#include "jwt/key_cache.hpp"
#include "jwt/request_token.hpp"
#include "jwt/token.hpp"
#include "model/invalid.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <utility>

namespace passage {
namespace {

namespace asio = boost::asio;
using Result = expected<Claims>;
using Clock = client::SharedWait::Clock;
using jwt::KeyCache;
using Next = KeyCache::Answer::Next;

/// A set has few keys, each of some kilobytes if it has a certificate chain.
constexpr std::size_t max_key_set = 1024 * 1024;

expected<void> check_options(const AuthOptions& options)
{
    using std::chrono::seconds;
    constexpr seconds longest = std::chrono::hours{24 * 365};
    if (options.leeway < seconds{0} || options.leeway > std::chrono::minutes{5})
        return invalid("leeway", "must be 0 to 5 minutes");
    if (options.key_lifetime < seconds{1} || options.key_lifetime_in_outage < options.key_lifetime ||
        options.key_lifetime_in_outage > longest)
        return invalid("key_lifetime",
                       "must be at least a second, and key_lifetime_in_outage no shorter and at most 365 days");
    if (options.key_refetch_interval < seconds{1} || options.key_refetch_interval > longest)
        return invalid("key_refetch_interval", "must be a second to 365 days");
    if (std::ranges::find(options.auth_origins, std::string{}) != options.auth_origins.end())
        return invalid("auth_origins", "has an empty one");
    if (options.keys.size() > max_key_set)
        return invalid("keys", "must not exceed " + std::to_string(max_key_set) + " bytes");
    return {};
}

bool have_same_origin(std::string_view one, std::string_view other)
{
    const auto first = http::parse_base_url(one);
    const auto second = http::parse_base_url(other);
    return first && second && first->origin() == second->origin();
}

/// The configuration to fetch keys with. Without the API key, which the keys' server must not see.
expected<Config> config_for_keys(const Config& config)
{
    const bool is_own = !config.auth_url.empty();
    Config result = config;
    if (is_own) {
        result.base_url = config.auth_url;
        if (!have_same_origin(config.auth_url, config.base_url))
            result.unix_socket.clear(); // which is the other server's
    }
    auto url = client::read_url(result, is_own ? "auth_url" : "base_url", result.base_url,
                                "let anybody in between put other keys in place");
    if (!url)
        return unexpected{std::move(url.error())};
    result.api_key = Secret{};
    result.pool.max_connections = 1;
    result.limits.body_bytes = std::min(config.limits.body_bytes, max_key_set);
    return result;
}

unexpected<Error> failure(Error error)
{
    error.operation = "authenticate";
    return unexpected{std::move(error)};
}

/// The error for a token that can't be verified, as no keys could be fetched.
Error no_keys(const Error& cause)
{
    if (cause.code == Errc::shut_down || cause.code == Errc::no_memory)
        return cause;
    Error error = cause;
    error.code = Errc::jwks;
    // Only what describes the cause: the rest of the error is printed after the message.
    Error reason{cause.code, cause.message};
    reason.stage = cause.stage;
    reason.http_status = cause.http_status;
    reason.api_code = cause.api_code;
    error.message = "no keys are available: " + to_string(reason);
    error.api_code.clear();
    error.effect = Effect::none;
    error.retryable = true;
    return error;
}

/// The error for a caller if too many others wait for keys.
Error too_many_wait(std::size_t most)
{
    Error error{Errc::jwks, std::to_string(most) + " callers are already waiting for keys"};
    error.retryable = true;
    return error;
}

asio::awaitable<Result> ready(Result result)
{
    client::throw_if_no_memory(result);
    co_return result;
}

} // namespace

/// State shared by an authenticator and its operations in flight.
struct Authenticator::State : std::enable_shared_from_this<State>
{
    State(asio::any_io_executor on, jwt::Expectations rules, const AuthOptions& options, std::size_t max_waiting,
          const std::shared_ptr<client::ClientState>& by)
        : executor{std::move(on)},
          expectations{std::move(rules)},
          source{options.source},
          client_state{by},
          limit{max_waiting},
          cache{{options.key_lifetime, options.key_lifetime_in_outage, options.key_refetch_interval}}
    {}

    /// A fetch of keys in flight.
    struct Fetch
    {
        explicit Fetch(const asio::any_io_executor& executor) : wait{std::make_shared<client::SharedWait>(executor)} {}

        const std::shared_ptr<client::SharedWait> wait;
        const std::shared_ptr<client::CallReport> report = std::make_shared<client::CallReport>();
        std::atomic<bool> is_started = false; ///< False while the call is being started.
    };
    using FetchPtr = std::shared_ptr<Fetch>;

    /// What to do for a token now.
    KeyCache::Answer ask(const jwt::Token& token)
    {
        if (given_keys) {
            const auto* const key = given_keys->find(token.key_id());
            return {key ? Next::use : Next::unknown, false, given_keys, key};
        }
        const std::lock_guard lock{mutex};
        return cache.find(token.key_id(), std::chrono::steady_clock::now());
    }

    Result verify(const jwt::Token& token, const jwt::PublicKey& key) const
    {
        const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
        auto claims = jwt::verify(token, key, expectations, now);
        if (!claims)
            return failure(jwt::refusal(claims.error()));
        return *std::move(claims);
    }

    /// The result for a token; null if keys must be fetched first.
    std::optional<Result> check(const jwt::Token& token, const KeyCache::Answer& answer)
    {
        switch (answer.next) {
        case Next::use:
            return verify(token, *answer.key);
        case Next::unknown:
            return failure(jwt::refusal(JwtReason::unknown_key));
        case Next::unavailable: {
            const std::lock_guard lock{mutex};
            return failure(no_keys(cache.last_failure().value_or(Error{Errc::jwks})));
        }
        case Next::wait:
            break;
        }
        return std::nullopt;
    }

    /// As `ask`, but also starts a fetch if one is needed. Sets `under_way` to the fetch to wait for, and `permit` if
    /// another caller started it.
    KeyCache::Answer ask_and_fetch(const jwt::Token& token, const CallOptions& options, FetchPtr& under_way,
                                   client::WaitingLimit::Permit& permit)
    {
        std::shared_ptr<client::ClientState> by; // is released without the mutex
        std::unique_lock lock{mutex};
        const KeyCache::Answer answer = cache.find(token.key_id(), std::chrono::steady_clock::now());
        // Only for a fetch: callers are also woken when the client's context is destroyed, and this reference must not
        // be the last one then.
        if (answer.fetch)
            by = client_state.lock();
        if (!by) {
            if (fetch)
                permit = limit.enter();
            under_way = fetch;
            return answer;
        }
        under_way = fetch = std::make_shared<Fetch>(executor);
        cache.begin_fetch();
        lock.unlock();
        // From here on other callers may wait, so the fetch must end even if something throws.
        auto end = client::exactly_once<jwt::KeySet>(
            [under_way] { return under_way->is_started ? Errc::jwks : Errc::no_memory; },
            [self = shared_from_this()](expected<jwt::KeySet> keys) { self->end_fetch(std::move(keys)); });
        CallOptions of_fetch;
        if (options.trace_parent())
            of_fetch.trace_parent(*options.trace_parent());
        const auto call = client::make_token_keys_call(by, of_fetch, under_way->report);
        call->start(detail::Handler<std::decay_t<decltype(call)>>{std::move(end)}, executor, false);
        under_way->is_started = true;
        return answer;
    }

    void end_fetch(expected<jwt::KeySet> keys)
    {
        std::shared_ptr<client::SharedWait> ended;
        {
            const std::lock_guard lock{mutex};
            const auto now = std::chrono::steady_clock::now();
            try {
                if (keys)
                    cache.fetched(*std::move(keys), now);
                else
                    cache.failed(std::move(keys.error()), now);
            } catch (const std::bad_alloc&) {
                cache.failed(Error{Errc::no_memory}, now);
            }
            ended = std::exchange(fetch, nullptr)->wait;
        }
        ended->finish();
    }

    static asio::awaitable<Result> wait_and_check(std::shared_ptr<State> self, std::string text, CallOptions options);

    const asio::any_io_executor executor;
    const jwt::Expectations expectations;
    const TokenSource source;
    const std::weak_ptr<client::ClientState> client_state;
    std::shared_ptr<const jwt::KeySet> given_keys;
    client::WaitingLimit limit;

    std::mutex mutex; ///< Guards the members below.
    KeyCache cache;
    FetchPtr fetch; ///< Null if no fetch is in flight.
};

asio::awaitable<Result> Authenticator::State::wait_and_check(std::shared_ptr<State> self, std::string text,
                                                             CallOptions options)
{
    const auto began = Clock::now();
    const auto deadline = client::deadline(options, began); // else the timeout of the fetch ends the wait
    const auto token = jwt::read_token(text);
    if (!token)
        co_return failure(jwt::refusal(token.error()));
    bool cancelled = co_await client::accept_cancellation();
    for (;;) {
        FetchPtr fetch;
        client::WaitingLimit::Permit permit;
        const KeyCache::Answer answer = self->ask_and_fetch(*token, options, fetch, permit);
        if (auto result = self->check(*token, answer)) {
            client::throw_if_no_memory(*result);
            co_return *std::move(result);
        }

        if (!fetch)
            co_return failure(Error{Errc::shut_down});
        if (!answer.fetch && !permit)
            co_return failure(too_many_wait(self->limit.most()));
        if (cancelled)
            co_return failure(Error{Errc::cancelled});
        const auto report = fetch->report;
        auto wait = fetch->wait;
        fetch.reset(); // no cycle: the wait owns the waiting coroutines
        const client::SharedWait::End end = co_await client::SharedWait::wait(std::move(wait), deadline);
        if (end != client::SharedWait::End::finished) {
            const bool expired = end == client::SharedWait::End::expired;
            Error error{expired ? Errc::timeout : Errc::cancelled, expired ? "the deadline passed" : ""};
            report->add_to(error);
            error.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
            error.retryable = expired;
            co_return failure(std::move(error));
        }
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        cancelled = state.cancelled() != asio::cancellation_type::none;
    }
}

Authenticator::Authenticator(std::shared_ptr<State> state, std::shared_ptr<client::ClientState> client_state) noexcept
    : executor_{state->executor}, state_{std::move(state)}, client_state_{std::move(client_state)}
{}

Authenticator::Authenticator(asio::any_io_executor executor, const Config& config, const AuthOptions& options)
{
    auto made = create(std::move(executor), config, options);
    if (!made)
        throw client::to_exception(made.error());
    *this = *std::move(made);
}

expected<Authenticator> Authenticator::create(asio::any_io_executor executor, const Config& config,
                                              const AuthOptions& options)
{
    if (auto good = check_options(options); !good)
        return unexpected{std::move(good.error())};
    if (auto good = client::check_app_id(config.app_id); !good)
        return unexpected{std::move(good.error())};

    jwt::Expectations expectations{options.auth_origins, options.issuer, options.leeway};
    expectations.audiences.push_back(config.app_id);

    if (!options.keys.empty()) {
        auto keys = jwt::read_key_set(options.keys);
        if (!keys)
            return unexpected{std::move(keys.error())};
        if (keys->size() == 0)
            return unexpected{Error{Errc::decode, "none of the keys given can verify RS256"}};
        auto state = std::make_shared<State>(std::move(executor), std::move(expectations), options,
                                             config.pool.max_waiting, nullptr);
        state->given_keys = std::make_shared<const jwt::KeySet>(*std::move(keys));
        return Authenticator{std::move(state), nullptr};
    }

    const auto key_config = config_for_keys(config);
    if (!key_config)
        return unexpected{key_config.error()};
    auto client_state = client::ClientState::create(executor, *key_config);
    if (!client_state)
        return unexpected{std::move(client_state.error())};
    auto state = std::make_shared<State>(std::move(executor), std::move(expectations), options, config.pool.max_waiting,
                                         *client_state);
    return Authenticator{std::move(state), *std::move(client_state)};
}

Authenticator::Authenticator(Authenticator&& other) noexcept
    : executor_{other.executor_}, state_{std::move(other.state_)}, client_state_{std::move(other.client_state_)}
{}

Authenticator& Authenticator::operator=(Authenticator&& other) noexcept
{
    Authenticator former{std::move(*this)};
    executor_ = other.executor_;
    state_ = std::move(other.state_);
    client_state_ = std::move(other.client_state_);
    return *this;
}

expected<void> Authenticator::reload_tls(const TlsOptions& options)
{
    if (!state_)
        return unexpected{Error{Errc::shut_down, "the authenticator was moved from"}};
    return client_state_ ? client_state_->reload_tls(options) : expected<void>{};
}

Authenticator::~Authenticator()
{
    if (client_state_)
        client_state_->close();
}

namespace {

/// The token of a request; a refusal if it has none or two.
expected<std::string_view> find_token(TokenSource source, std::string_view authorization, std::string_view cookie)
{
    std::string_view token;
    if (source != TokenSource::cookie)
        token = jwt::bearer_token(authorization);
    if (token.empty() && source != TokenSource::header) {
        const auto in_cookie = jwt::cookie_token(cookie);
        if (!in_cookie)
            return failure(jwt::refusal(in_cookie.error()));
        token = *in_cookie;
    }
    if (token.empty())
        return failure(jwt::refusal(JwtReason::missing));
    return token;
}

} // namespace

/// The result for a token, if that needs no wait. Does not copy the token.
std::optional<Result> Authenticator::check_at_once(std::string_view token)
{
    if (!state_)
        return failure(Error{Errc::shut_down, "the authenticator was moved from"});
    const auto parts = jwt::read_token(token);
    if (!parts)
        return failure(jwt::refusal(parts.error()));
    const KeyCache::Answer answer = state_->ask(*parts);
    return answer.fetch ? std::nullopt : state_->check(*parts, answer);
}

asio::awaitable<Result> Authenticator::authenticate(std::string_view token, const CallOptions& options)
{
    if (auto result = check_at_once(token))
        return ready(*std::move(result));
    return State::wait_and_check(state_, std::string{token}, options);
}

Authenticator::Prepared Authenticator::prepare_authenticate(std::string_view token, const CallOptions& options)
{
    if (auto result = check_at_once(token))
        return std::make_shared<client::ReadyOperation<Claims>>(*std::move(result));
    return std::make_shared<client::CoroutineOperation<Claims>>(
        "authenticate", executor_,
        [state = state_, text = std::string{token}, options] { return State::wait_and_check(state, text, options); });
}

asio::awaitable<Result> Authenticator::authenticate_request(std::string_view authorization, std::string_view cookie,
                                                            const CallOptions& options)
{
    const auto token = find_token(state_ ? state_->source : TokenSource::header, authorization, cookie);
    if (!token)
        return ready(unexpected{token.error()});
    return authenticate(*token, options);
}

Authenticator::Prepared Authenticator::prepare_authenticate_request(std::string_view authorization,
                                                                    std::string_view cookie, const CallOptions& options)
{
    const auto token = find_token(state_ ? state_->source : TokenSource::header, authorization, cookie);
    if (!token)
        return std::make_shared<client::ReadyOperation<Claims>>(unexpected{token.error()});
    return prepare_authenticate(*token, options);
}

asio::awaitable<Result> Authenticator::refuse_ambiguous_request()
{
    return ready(failure(jwt::refusal(JwtReason::malformed)));
}

Authenticator::Prepared Authenticator::prepare_ambiguous_request()
{
    return std::make_shared<client::ReadyOperation<Claims>>(failure(jwt::refusal(JwtReason::malformed)));
}

} // namespace passage
