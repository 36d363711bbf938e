#include "client/client_state.hpp"

#include "api/redact.hpp"
#include "client/config_check.hpp"
#include "client/deadline.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <random>
#include <utility>

namespace passage::client {

using net::Clock;

namespace {

using TlsPtr = std::shared_ptr<net::TlsContext>;

/// Returns null for plain HTTP.
expected<TlsPtr> make_tls(const TlsOptions& options, HttpVersion version, const http::BaseUrl& url)
{
    if (!url.tls)
        return nullptr;
    return net::TlsContext::create(options, PASSAGE_HTTP2 ? version : HttpVersion::http1, url.host,
                                   url.host_is_address);
}

/// The settings for TLS with a proxy: the authorities that are trusted. All others apply to the server only.
TlsOptions proxy_trust(const TlsOptions& server)
{
    TlsOptions options;
    options.ca_file = server.ca_file;
    options.ca_path = server.ca_path;
    options.ca_pem = server.ca_pem;
    return options;
}

/// Returns null if the server is reached without a proxy.
expected<std::unique_ptr<net::Proxy>> make_proxy(const Config& config, const http::BaseUrl& server)
{
    auto url = proxy_for(config, server);
    if (!url)
        return unexpected{std::move(url.error())};
    if (!*url)
        return std::unique_ptr<net::Proxy>{};
    auto tls = make_tls(proxy_trust(config.tls), HttpVersion::http1, **url);
    if (!tls)
        return unexpected{std::move(tls.error())};
    const http::CommonFields fields{{}, {}, config.user_agent};
    return std::make_unique<net::Proxy>(std::move(**url), std::move(*tls),
                                        http::write_connect(server, fields.user_agent, config.proxy.credentials),
                                        response_limits(config));
}

/// Secrets that are used once are not kept.
Config without_tls_and_proxy(Config config)
{
    config.tls = {};
    config.proxy = {};
    return config;
}

} // namespace

expected<std::shared_ptr<ClientState>> ClientState::create(asio::any_io_executor executor, const Config& config,
                                                           net::Lookup lookup)
{
    auto url = check_config(config);
    if (!url)
        return unexpected{std::move(url.error())};
    auto tls = make_tls(config.tls, config.http_version, *url);
    if (!tls)
        return unexpected{std::move(tls.error())};
    auto proxy = make_proxy(config, *url);
    if (!proxy)
        return unexpected{std::move(proxy.error())};
    Connections::Route route{std::move(*url), std::move(*tls), std::move(*proxy)};
    return std::shared_ptr<ClientState>{
        new ClientState{std::move(executor), config, std::move(route), std::move(lookup)}};
}

ClientState::ClientState(asio::any_io_executor executor, const Config& config, Connections::Route route,
                         net::Lookup lookup)
    : config_{without_tls_and_proxy(config)},
      url_{route.url},
      requests_{url_.path, config.app_id, config.limits.request_bytes},
      app_url_{url_.origin().append(requests_.app_path())},
      strand_{std::move(executor)},
      connections_{Connections::create(strand_, config, std::move(route), std::move(lookup))},
      policy_{{config.retry.max_attempts, config.retry.base, config.retry.throttled_base, config.retry.cap},
              config.timeouts.attempt,
              config_.api_key.reveal(),
              {},
              std::minstd_rand{std::random_device{}()}}
{}

void ClientState::add_fields(expected<http::Request>& request, const CallOptions& options)
{
    if (!request || options.headers().empty())
        return;
    if (auto good = http::check_extra_fields(options.headers()); !good)
        request = unexpected{std::move(good.error())};
    else
        request->extra = options.headers();
}

std::shared_ptr<Observation> ClientState::observe(const api::Operation& operation, const CallOptions& options,
                                                  std::shared_ptr<CallReport> report) const
{
    return client::observe(config_.observer.get(), operation, url_, app_url_, options, std::move(report));
}

void ClientState::redact(Error& error) const
{
    api::redact(error, config_.api_key.reveal());
}

Clock::time_point ClientState::deadline(const CallOptions& options, Clock::time_point now) const
{
    return std::max(client::deadline(options, now, config_.timeouts.total), now);
}

expected<void> ClientState::reload_tls(const TlsOptions& options)
{
    auto tls = make_tls(options, config_.http_version, url_);
    if (!tls)
        return unexpected{std::move(tls.error())};
    expected<TlsPtr> proxy_tls;
    if (const net::Proxy* const proxy = connections_->proxy())
        proxy_tls = make_tls(proxy_trust(options), HttpVersion::http1, proxy->url());
    if (!proxy_tls)
        return unexpected{std::move(proxy_tls.error())};
    // An observer may call this on the strand, in the midst of what the connections do.
    asio::post(strand_,
               [connections = connections_, tls = *std::move(tls), proxy_tls = *std::move(proxy_tls)]() mutable {
                   connections->renew_tls(std::move(tls), std::move(proxy_tls));
               });
    return {};
}

void ClientState::distrust(const ConnectionId& connection)
{
    asio::dispatch(strand_, [connections = connections_, connection] { connections->distrust(connection); });
}

void ClientState::doubt(const ConnectionId& connection)
{
    asio::dispatch(strand_, [connections = connections_, connection] { connections->doubt(connection); });
}

void ClientState::close() noexcept
try {
    connections_->stop();
    asio::dispatch(strand_, [connections = connections_] { connections->close(); });
} catch (const std::bad_alloc&) {
    // The next sweep or the next call closes them.
}

} // namespace passage::client
