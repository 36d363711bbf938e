#pragma once

#include <passage/observer.hpp>

#include <memory>
#include <optional>
#include <string>

namespace passage::ctl {

/// Remembers what a client's calls show of the last connection.
class ConnectionWatch : public Observer
{
public:
    std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept override;
    void connection_made(const ConnectionMade& connection) noexcept override { timings_ = connection.timings; }

    /// How long the steps took that were reached.
    const ConnectionTimings& timings() const noexcept { return timings_; }
    /// The address and port of the server or the proxy; empty if no attempt got a connection.
    const std::string& peer() const noexcept { return peer_; }
    /// The version of HTTP; absent if no attempt got a connection.
    std::optional<HttpVersion> http_version() const noexcept { return http_version_; }

private:
    class Attempts;

    ConnectionTimings timings_;
    std::string peer_;
    std::optional<HttpVersion> http_version_;
};

} // namespace passage::ctl
