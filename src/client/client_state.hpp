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
#include <string>

namespace passage::client {

namespace asio = boost::asio;

/// What all calls of a client share. The client and each call in flight own it.
class ClientState : public std::enable_shared_from_this<ClientState>
{
public:
    /// Fails if the configuration is invalid. `lookup` resolves names.
    static expected<std::shared_ptr<ClientState>> create(asio::any_io_executor executor, const Config& config,
                                                         net::Lookup lookup = net::system_lookup);

    /// Builds requests. Thread-safe.
    const api::Requests& requests() const noexcept { return requests_; }

    /// Adds the header fields of `options` to a request, unless that is an error. Thread-safe.
    static void add_fields(expected<http::Request>& request, const CallOptions& options);

    /// See `client::observe`. Thread-safe.
    std::shared_ptr<Observation> observe(const api::Operation& operation, const CallOptions& options,
                                         std::shared_ptr<CallReport> report) const;

    /// Masks the API key in the texts of an error. Thread-safe.
    void redact(Error& error) const;

    /// The deadline of a call that starts now. Thread-safe.
    net::Clock::time_point deadline(const CallOptions& options, net::Clock::time_point now) const;

    /// Has later connections made with other TLS settings. After an error nothing has changed. Thread-safe.
    expected<void> reload_tls(const TlsOptions& options);

    /// See `Connections::distrust`. Thread-safe.
    void distrust(const ConnectionId& connection);
    /// See `Connections::doubt`. Thread-safe.
    void doubt(const ConnectionId& connection);

    /// Ends all calls, in flight and later ones. Thread-safe.
    void close() noexcept;

    /// Thread-safe.
    ClientStats stats() const noexcept { return connections_->stats(); }

    const Config& config() const noexcept { return config_; }
    const net::Strand& strand() const noexcept { return strand_; }

    // To be called on the strand:

    Connections& connections() const noexcept { return *connections_; }
    policy::ClientPolicy& policy() noexcept { return policy_; }

private:
    ClientState(asio::any_io_executor executor, const Config& config, Connections::Route route, net::Lookup lookup);

    const Config config_;
    const http::BaseUrl url_;
    const api::Requests requests_;
    const std::string app_url_;
    const net::Strand strand_;
    const std::shared_ptr<Connections> connections_;
    policy::ClientPolicy policy_;
};

} // namespace passage::client
