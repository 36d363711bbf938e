#pragma once

#include "api/requests.hpp"
#include "client/call.hpp"
#include "client/connections.hpp"
#include "http/request.hpp"
#include "http/url.hpp"
#include "net/host_resolver.hpp"
#include "policy/retry.hpp"

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/config.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <random>

namespace passage::client {

/// The inside of a client: how calls are made, and what they share, on one strand.
///
/// Kept alive by the client and by each call under way.
class Core : public std::enable_shared_from_this<Core>
{
public:
    /// Checks the configuration whole. `lookup` resolves names.
    static expected<std::shared_ptr<Core>> create(asio::any_io_executor executor, const Config& config,
                                                  net::Lookup lookup = net::system_lookup);

    /// How arguments become requests. Any thread.
    const api::Requests& requests() const noexcept { return requests_; }

    /// The bytes of a request with a call's own header fields. Any thread.
    expected<Secret> write(expected<http::Request> request, const CallOptions& options) const;

    /// Tells that a call begins; none if nobody is to hear of it. Any thread.
    std::shared_ptr<Observation> observe(const api::Operation& operation, const CallOptions& options,
                                         std::shared_ptr<CallReport> report) const;

    /// Masks the API key in an error's texts. Any thread.
    void redact(Error& error) const;

    /// By when a call ends that starts now. Any thread.
    net::Clock::time_point deadline(const CallOptions& options, net::Clock::time_point now) const;

    /// Makes a call and returns it when it is complete. Cancellation and completion are on the awaiting coroutine's
    /// executor. `before` is what earlier calls, which this one repeats, may have done. Any thread.
    asio::awaitable<std::shared_ptr<Call>> call(const api::Operation& operation, Secret request, bool retries,
                                                net::Clock::time_point deadline,
                                                std::shared_ptr<Observation> observation, Effect before = Effect::none);

    /// Closes a connection on which the answer to another request came. Any thread.
    void distrust(const ConnectionId& connection);
    /// Says that an answer on a connection can't be told from one to another request. Any thread.
    void doubt(const ConnectionId& connection);

    /// Ends all calls, those under way and later ones. Any thread.
    void close() noexcept;

    /// Any thread.
    ClientStats stats() const noexcept { return connections_->stats(); }

    const Config& config() const noexcept { return config_; }
    const policy::RetryRules& retry_rules() const noexcept { return retry_rules_; }
    const net::Executor& strand() const noexcept { return strand_; }

    // On the strand only:

    Connections& connections() const noexcept { return *connections_; }
    policy::RetryBudget& retry_budget() noexcept { return retry_budget_; }
    /// From [0, 1).
    double random() { return std::uniform_real_distribution{}(random_); }

private:
    Core(asio::any_io_executor executor, const Config& config, http::BaseUrl url, std::unique_ptr<net::TlsContext> tls,
         net::Lookup lookup);

    const Config config_;
    const http::BaseUrl url_;
    const api::Requests requests_;
    const http::RequestWriter writer_;
    const policy::RetryRules retry_rules_;
    const net::Executor strand_;
    const std::shared_ptr<Connections> connections_;
    policy::RetryBudget retry_budget_;
    std::minstd_rand random_;
};

} // namespace passage::client
