#include "client/core.hpp"

#include "api/redact.hpp"
#include "client/config_check.hpp"
#include "net/completion.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace passage::client {
namespace {

using net::Clock;

/// Cancels a call, from any thread: the call keeps to its strand.
struct Cancel
{
    void operator()(asio::cancellation_type type) const
    {
        asio::post(strand, [call = call, type] {
            if (const auto alive = call.lock())
                alive->cancel(type);
        });
    }

    std::weak_ptr<Call> call;
    net::Executor strand;
};

/// A call whose caller is an Asio completion handler.
template <class Handler>
class CallFor final : public Call
{
public:
    template <class... Args>
    explicit CallFor(Handler handler, Args&&... args)
        : Call{std::forward<Args>(args)...}, completion_{std::move(handler)}
    {}

    /// To be called before the call is started, unless the handler belongs to the strand's context.
    void guard(const net::Executor& strand)
    {
        completion_.guard(asio::query(strand, asio::execution::context),
                          [cancel = Cancel{weak_from_this(), strand}]() noexcept {
                              try {
                                  cancel(asio::cancellation_type::terminal);
                              } catch (const std::bad_alloc&) { // it ends in its own time
                              }
                          });
    }

    void complete(std::exception_ptr error) override { completion_.complete(std::move(error), shared_from_this()); }

private:
    net::Completion<Handler> completion_;
};

} // namespace

expected<std::shared_ptr<Core>> Core::create(asio::any_io_executor executor, const Config& config, net::Lookup lookup)
{
    auto url = check_config(config);
    if (!url)
        return unexpected{std::move(url.error())};
    std::unique_ptr<net::TlsContext> tls;
    if (url->tls) {
        auto made = net::TlsContext::create(config.tls, url->host, url->host_is_address);
        if (!made)
            return unexpected{std::move(made.error())};
        tls = std::move(*made);
    }
    return std::shared_ptr<Core>{
        new Core{std::move(executor), config, std::move(*url), std::move(tls), std::move(lookup)}};
}

Core::Core(asio::any_io_executor executor, const Config& config, http::BaseUrl url,
           std::unique_ptr<net::TlsContext> tls, net::Lookup lookup)
    : config_{config},
      url_{std::move(url)},
      requests_{url_.path, config.app_id, config.limits.request_bytes},
      writer_{url_.host_field(), config.api_key, config.user_agent},
      retry_rules_{config.retry.max_attempts, config.retry.base, config.retry.throttled_base, config.retry.cap},
      strand_{std::move(executor)},
      connections_{Connections::create(strand_, config, url_, std::move(tls), std::move(lookup))},
      random_{std::random_device{}()}
{}

expected<Secret> Core::write(expected<http::Request> request, const CallOptions& options) const
{
    if (!request)
        return unexpected{std::move(request.error())};
    if (auto good = http::check_extra_fields(options.headers()); !good)
        return unexpected{std::move(good.error())};
    return writer_.write(*request, options.headers());
}

std::shared_ptr<Observation> Core::observe(const api::Operation& operation, const CallOptions& options,
                                           std::shared_ptr<CallReport> report) const
{
    return client::observe(config_.observer.get(), operation, url_, options, std::move(report));
}

void Core::redact(Error& error) const
{
    api::redact(error, config_.api_key.reveal());
}

Clock::time_point Core::deadline(const CallOptions& options, Clock::time_point now) const
{
    // Both are bounded before they are used: callers' values reach further than the clock counts.
    using std::chrono::milliseconds;
    const auto longest = std::chrono::floor<milliseconds>(Clock::time_point::max() - now);
    const milliseconds timeout = options.timeout().value_or(config_.timeouts.total);
    const Clock::time_point end = options.deadline().value_or(now + std::clamp(timeout, milliseconds{0}, longest));
    return std::max(std::min(end, options.no_later_than()), now);
}

asio::awaitable<std::shared_ptr<Call>> Core::call(const api::Operation& operation, Secret request, bool retries,
                                                  Clock::time_point deadline, std::shared_ptr<Observation> observation,
                                                  Effect before)
{
    auto initiate = [this](auto handler, const api::Operation* what, Secret bytes, bool repeat, Clock::time_point until,
                           std::shared_ptr<Observation> told, Effect earlier) {
        using Handler = decltype(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        // What is awaited begins on its own executor: mostly the one beneath the strand.
        const bool is_inner = asio::get_associated_executor(handler) == strand_.inner();
        const auto call = std::make_shared<CallFor<Handler>>(std::move(handler), shared_from_this(), *what,
                                                             std::move(bytes), repeat, until, std::move(told), earlier);
        if (!is_inner)
            call->guard(strand_);
        if (slot.is_connected())
            slot.assign(Cancel{call, strand_});
        if (is_inner)
            strand_.enter([call] { call->start(); });
        else
            asio::dispatch(strand_, [call] { call->start(); });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, std::shared_ptr<Call>)>(
        std::move(initiate), asio::use_awaitable, &operation, std::move(request), retries, deadline,
        std::move(observation), before);
}

void Core::distrust(const ConnectionId& connection)
{
    asio::dispatch(strand_, [connections = connections_, connection] { connections->distrust(connection); });
}

void Core::doubt(const ConnectionId& connection)
{
    asio::dispatch(strand_, [connections = connections_, connection] { connections->doubt(connection); });
}

void Core::close() noexcept
try {
    connections_->stop();
    asio::dispatch(strand_, [connections = connections_] { connections->close(); });
} catch (const std::bad_alloc&) {
    // The next sweep does it, or the next call to begin.
}

} // namespace passage::client
