#pragma once

#include "api/requests.hpp"
#include "client/connections.hpp"
#include "client/observation.hpp"
#include "http/request.hpp"
#include "http/url.hpp"
#include "net/host_resolver.hpp"
#include "policy/call_fsm.hpp"

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/config.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace passage::client {

namespace asio = boost::asio;

/// The inside of a client: how calls are made, and what they share, on one strand.
///
/// Kept alive by the client and by each call under way.
class ClientState : public std::enable_shared_from_this<ClientState>
{
public:
    /// Checks the configuration whole. `lookup` resolves names.
    static expected<std::shared_ptr<ClientState>> create(asio::any_io_executor executor, const Config& config,
                                                         net::Lookup lookup = net::system_lookup);

    /// How arguments become requests. Any thread.
    const api::Requests& requests() const noexcept { return requests_; }

    /// Adds a call's own header fields to its request, if there is one. Any thread.
    static void add_fields(expected<http::Request>& request, const CallOptions& options);

    /// Tells that a call begins. Any thread.
    std::shared_ptr<Observation> observe(const api::Operation& operation, const CallOptions& options,
                                         std::shared_ptr<CallReport> report) const;

    /// Masks the API key in an error's texts. Any thread.
    void redact(Error& error) const;

    /// By when a call ends that starts now. Any thread.
    net::Clock::time_point deadline(const CallOptions& options, net::Clock::time_point now) const;

    /// Closes a connection on which the answer to another request came. Any thread.
    void distrust(const ConnectionId& connection);
    /// Says that an answer on a connection can't be told from one to another request. Any thread.
    void doubt(const ConnectionId& connection);

    /// Ends all calls, those under way and later ones. Any thread.
    void close() noexcept;

    /// Any thread.
    ClientStats stats() const noexcept { return connections_->stats(); }

    const Config& config() const noexcept { return config_; }
    const net::Strand& strand() const noexcept { return strand_; }

    // On the strand only:

    Connections& connections() const noexcept { return *connections_; }
    policy::ClientPolicy& policy() noexcept { return policy_; }

private:
    ClientState(asio::any_io_executor executor, const Config& config, http::BaseUrl url,
                std::unique_ptr<net::TlsContext> tls, net::Lookup lookup);

    const Config config_;
    const http::BaseUrl url_;
    const api::Requests requests_;
    const net::Strand strand_;
    const std::shared_ptr<Connections> connections_;
    policy::ClientPolicy policy_;
};

} // namespace passage::client
