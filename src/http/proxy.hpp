#pragma once

#include "http/line_block.hpp"
#include "http/response_parser.hpp"
#include "http/url.hpp"
#include "model/failure.hpp"

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace passage::http {

/// Parses the URL of a proxy, `[http[s]://]host[:port]`. As in curl, a missing port is 1080, or 443 for https. Fails
/// with `Errc::invalid_argument`; the message names the setting and says what is wrong.
expected<BaseUrl> parse_proxy_url(std::string_view text, std::string_view setting);

/// The value of an environment variable for a proxy.
struct ProxyVariable
{
    std::string url;    ///< Without user information.
    Secret credentials; ///< The user information, percent-decoded, as "user:password"; empty if there is none.
};

/// Parses the value of an environment variable. Fails as `parse_proxy_url`; no message shows any part of the value.
expected<ProxyVariable> parse_proxy_variable(std::string_view text, std::string_view variable);

/// Checks that credentials are empty or "user:password" (RFC 7617, section 2).
expected<void> check_proxy_credentials(std::string_view credentials, std::string_view setting);

/// Returns the request that asks a proxy for a tunnel to a server (RFC 9110, section 9.3.6).
Secret write_connect(const BaseUrl& server, std::string_view user_agent, const Secret& credentials);

/// Parses the header of the response to CONNECT. Any 2xx status opens the tunnel. Content-Length and Transfer-Encoding
/// are ignored then: all bytes after the header belong to the tunnel.
class ConnectResponse
{
public:
    explicit ConnectResponse(const ResponseLimits& limits) : limits_{limits} {}

    enum class State { incomplete, opened, failed };

    /// Parses further bytes. Returns how many of them belong to the header; the others belong to the tunnel.
    std::size_t put(std::string_view bytes);
    State state() const noexcept { return state_; }

    /// Reports that no more bytes come.
    void put_end(const boost::system::error_code& cause);

    /// The failure, after `failed`: `Errc::connect` with the proxy's status, if it sent one. It shows nothing else that
    /// the proxy sent, which may contain the credentials.
    const Failure& failure() const noexcept { return failure_; }

private:
    void end_head();
    void fail(std::string why, int status = 0, bool transient = false);

    ResponseLimits limits_;
    LineBlock lines_{LineBlock::Line::status};
    std::string head_;
    std::size_t interim_ = 0;
    State state_ = State::incomplete;
    Failure failure_;
};

} // namespace passage::http
