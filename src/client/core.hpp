#pragma once

#include "api/requests.hpp"
#include "client/call.hpp"
#include "http/request.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/host_resolver.hpp"
#include "net/tls_context.hpp"
#include "policy/retry.hpp"
#include "pool/pool_fsm.hpp"

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/config.hpp>

#include <atomic>
#include <memory>
#include <random>
#include <vector>

namespace passage::client {

/// The inside of a client: its calls, its connections and what they share, all on one strand.
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

    /// Masks the API key in an error's texts. Any thread.
    void redact(Error& error) const;

    /// By when a call that starts now ends. Any thread.
    net::Clock::time_point deadline(const CallOptions& options) const;

    /// Makes a call. Cancellation and completion are on the awaiting coroutine's executor. Any thread.
    asio::awaitable<Outcome> call(const api::Operation& operation, Secret request, bool retries,
                                  net::Clock::time_point deadline);

    /// Ends all calls, those under way and later ones. Any thread.
    void close() noexcept;

    /// Any thread.
    ClientStats stats() const noexcept;

private:
    struct Dial;
    struct PendingCall;
    class Lease;
    using ConnectionPtr = std::unique_ptr<net::Connection>;

    Core(asio::any_io_executor executor, const Config& config, http::BaseUrl url, std::unique_ptr<net::TlsContext> tls,
         net::Lookup lookup);

    net::Task<Outcome> perform(std::shared_ptr<Call> call);
    net::Task<expected<http::Response, net::Failure>> attempt(Call& call, policy::Attempt& facts);
    net::Task<expected<Lease, net::Failure>> acquire(Call& call);
    void start_dial(pool::Slot slot);
    void end_dial(pool::Slot slot, expected<ConnectionPtr, net::Failure> result);
    net::Task<expected<ConnectionPtr, net::Failure>> connect(std::shared_ptr<Dial> dial);
    void run_pool_actions();
    void sweep();

    const Config config_;
    const http::BaseUrl url_;
    const api::Requests requests_;
    const http::RequestWriter writer_;
    const policy::RetryRules retry_rules_;
    const http::ResponseLimits response_limits_;

    net::Executor strand_;
    std::unique_ptr<net::TlsContext> tls_; ///< None for plain HTTP.
    net::HostResolver resolver_;
    pool::PoolFsm pool_;
    std::vector<ConnectionPtr> connections_; ///< By slot.
    Stage dial_stage_ =
        Stage::none;            ///< Where the connection is that is being made; of several, the last to get further.
    net::Failure dial_failure_; ///< The last one.
    policy::RetryBudget budget_;
    std::minstd_rand random_;
    std::shared_ptr<net::Deadlines> deadlines_;

    std::atomic<bool> closed_ = false;
    struct
    {
        std::atomic<std::size_t> connections, idle, peak, waiting;
        std::atomic<std::uint64_t> made;
    } stats_{};
};

} // namespace passage::client
