#include "client/core.hpp"

#include "api/redact.hpp"
#include "client/config_check.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace passage::client {
namespace {

using net::Clock;

/// A call whose caller is an Asio completion handler.
template <class Handler>
class CallFor final : public Call
{
public:
    template <class... Args>
    explicit CallFor(Handler handler, Args&&... args)
        : Call{std::forward<Args>(args)...},
          handler_{std::move(handler)},
          work_{asio::make_work_guard(asio::get_associated_executor(handler_))}
    {}

    void complete(std::exception_ptr error) override
    {
        // Not in place, so that what the caller does next neither runs on the strand nor nests; but as a continuation,
        // which this thread goes on with rather than wake another one.
        asio::defer(work_.get_executor(), [call = shared_from_this(), this, error = std::move(error)]() mutable {
            Handler handler = std::move(handler_); // which outlives this call then
            std::move(handler)(std::move(error), std::move(call));
        });
        work_.reset();
    }

private:
    Handler handler_;
    asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
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
      connections_{std::make_shared<Connections>(strand_, config, url_, std::move(tls), std::move(lookup))},
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

std::shared_ptr<Observation> Core::observe(const api::Operation& operation, const CallOptions& options) const
{
    return client::observe(config_.observer.get(), operation, url_, options);
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
        const std::shared_ptr<Call> call = std::make_shared<CallFor<Handler>>(
            std::move(handler), shared_from_this(), *what, std::move(bytes), repeat, until, std::move(told), earlier);
        if (slot.is_connected()) {
            // The slot belongs to the caller's executor, the call to the strand; each keeps to its own.
            slot.assign([weak = std::weak_ptr{call}, strand = strand_](asio::cancellation_type type) {
                asio::post(strand, [weak, type] {
                    if (const auto alive = weak.lock())
                        alive->cancel(type);
                });
            });
        }
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

void Core::close() noexcept
{
    connections_->stop();
    asio::dispatch(strand_, [connections = connections_] { connections->close(); });
}

} // namespace passage::client
