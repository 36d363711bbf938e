#pragma once

#include "http/proxy.hpp"
#include "http/url.hpp"
#include "model/failure.hpp"
#include "net/executor.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"

#include <passage/secret.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace passage::net {

/// Opens tunnels to one server through a proxy. Used on the strand only.
class Proxy
{
public:
    /// `tls` is null without TLS to the proxy. `request` is the result of `http::write_connect`.
    Proxy(http::BaseUrl url, std::shared_ptr<TlsContext> tls, Secret request, const http::ResponseLimits& limits);

    const http::BaseUrl& url() const noexcept { return url_; }

    /// Opens a tunnel to the server on a stream that is connected to the proxy. Does not read beyond the proxy's
    /// response: all further bytes are the server's.
    Task<std::optional<Failure>> open_tunnel(Stream& stream) const;

    /// Replaces the TLS settings of later connections. No-op without TLS to the proxy.
    void renew_tls(std::shared_ptr<TlsContext> tls) noexcept
    {
        if (tls_)
            tls_ = std::move(tls);
    }

    /// What messages call the proxy: "the proxy host:port".
    std::string_view name() const noexcept { return name_; }

    /// Adds the proxy's name to the message of a failure.
    void name_in(Failure& failure) const;

private:
    Task<void> send_request(Stream& stream) const;
    Task<std::optional<Failure>> read_response(Stream& stream) const;

    http::BaseUrl url_;
    std::string name_;
    std::shared_ptr<TlsContext> tls_;
    Secret request_;
    http::ResponseLimits limits_;
};

} // namespace passage::net
