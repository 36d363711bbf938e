#include "client/config_check.hpp"

#include "api/arguments.hpp"
#include "http/no_proxy.hpp"
#include "http/proxy.hpp"
#include "http/request.hpp"
#include "model/invalid.hpp"

namespace passage::client {
namespace {

/// Limit on durations, so that sums of times can't overflow.
constexpr std::chrono::milliseconds longest = std::chrono::hours{24 * 365};
/// Servers refuse longer fields (RFC 9110, section 5.4).
constexpr std::size_t max_field = 4096;
/// RFC 9113, section 6.9.2: the least that a client starts with, and the most that can be.
constexpr std::uint32_t smallest_window = 65'535;
constexpr std::uint32_t largest_window = 0x7fff'ffff;

template <class T>
struct Setting
{
    Setting(std::string_view its_name, T its_value) : name{its_name}, value{its_value} {}
    std::string_view name;
    T value;
};

bool is_bearer_token(std::string_view text)
{
    return text.find(' ') == text.npos && http::is_field_value(text);
}

} // namespace

expected<std::optional<http::BaseUrl>> proxy_for(const Config& config, const http::BaseUrl& server)
{
    const ProxyOptions& options = config.proxy;
    if (options.url.empty())
        return std::nullopt;
    auto url = http::parse_proxy_url(options.url, "proxy.url");
    if (!url)
        return unexpected{std::move(url.error())};
    if (auto good = http::check_proxy_credentials(options.credentials.reveal(), "proxy.credentials"); !good)
        return unexpected{std::move(good.error())};
    const auto excepted = http::is_without_proxy(server, options.no_proxy, "proxy.no_proxy");
    if (!excepted)
        return unexpected{excepted.error()};
    if (*excepted || !config.unix_socket.empty())
        return std::nullopt;
    return std::optional{std::move(*url)};
}

http::ResponseLimits response_limits(const Config& config)
{
    return {config.limits.header_bytes, config.limits.header_fields, config.limits.body_bytes,
            config.limits.interim_responses};
}

expected<http::BaseUrl> read_url(const Config& config, std::string_view setting, std::string_view text,
                                 std::string_view danger)
{
    auto url = http::parse_base_url(text, setting);
    if (!url)
        return url;
    const auto proxy = proxy_for(config, *url);
    if (!proxy)
        return unexpected{proxy.error()};
    const bool is_local = !config.unix_socket.empty() || (url->is_loopback() && !*proxy);
    if (!url->tls && !config.allow_plain_http && !is_local)
        return invalid(setting, std::string{*proxy ? "is plain http through a proxy, which would "
                                                   : "is plain http to a host that is not loopback, which would "}
                                    .append(danger)
                                    .append("; use https, or set allow_plain_http"));
    return url;
}

expected<void> check_app_id(std::string_view id)
{
    if (auto good = api::check_id("app_id", id); !good) {
        good.error().code = Errc::invalid_argument; // also of an id that is too long
        return good;
    }
    if (http::percent_encode(id) != id)
        return invalid("app_id", "has characters other than letters, digits and - . _ ~");
    return {};
}

expected<http::BaseUrl> check_config(const Config& config)
{
    using std::chrono::milliseconds;

    if (auto good = check_app_id(config.app_id); !good)
        return unexpected{std::move(good.error())};
    for (const auto& [name, size] :
         {Setting{"api_key", config.api_key.reveal().size()}, Setting{"user_agent", config.user_agent.size()}})
        if (size > max_field)
            return invalid(name, "must not exceed " + std::to_string(max_field) + " bytes");
    if (!config.api_key.empty() && !is_bearer_token(config.api_key.reveal()))
        return invalid("api_key", "has characters that an Authorization header can't carry");
    if (!http::is_field_value(config.user_agent))
        return invalid("user_agent", "has characters that a header can't carry");

    if (config.unix_socket.find('\0') != config.unix_socket.npos)
        return invalid("unix_socket", "has a zero byte; abstract sockets are not supported");
    auto url = read_url(config, "base_url", config.base_url, "show the API key to the network");
    if (!url)
        return url;
    if (!config.auth_url.empty()) {
        if (auto auth_url = http::parse_base_url(config.auth_url, "auth_url"); !auth_url)
            return auth_url;
    }

    if (config.pool.max_connections < 1 || config.pool.max_connections > 65'536)
        return invalid("pool.max_connections", "must be 1 to 65536");
    if (config.pool.max_waiting < 1)
        return invalid("pool.max_waiting", "must be at least 1");
    if (config.retry.max_attempts < 1)
        return invalid("retry.max_attempts", "must be at least 1");
    for (const auto& [name, duration] :
         {Setting{"timeouts.total", config.timeouts.total}, Setting{"timeouts.attempt", config.timeouts.attempt},
          Setting{"timeouts.connect", config.timeouts.connect}, Setting{"http2.ping_after", config.http2.ping_after},
          Setting{"http2.ping_timeout", config.http2.ping_timeout}})
        if (duration <= milliseconds{0} || duration > longest)
            return invalid(name, "must be longer than 0, and at most 365 days");
    for (const auto& [name, duration] :
         {Setting{"pool.idle_timeout", config.pool.idle_timeout},
          Setting{"pool.max_lifetime", config.pool.max_lifetime}, Setting{"retry.base", config.retry.base},
          Setting{"retry.throttled_base", config.retry.throttled_base}, Setting{"retry.cap", config.retry.cap}})
        if (duration < milliseconds{0} || duration > longest)
            return invalid(name, "must not be negative, and must be at most 365 days");
    for (const auto& [name, limit] : {Setting{"limits.header_bytes", config.limits.header_bytes},
                                      Setting{"limits.header_fields", config.limits.header_fields},
                                      Setting{"limits.body_bytes", config.limits.body_bytes},
                                      Setting{"limits.decoded_bytes", config.limits.decoded_bytes}})
        if (limit < 1)
            return invalid(name, "must be at least 1");
    if (config.http_version == HttpVersion::http2 && !PASSAGE_HTTP2)
        return invalid("http_version", "can't be http2: the library was built without HTTP/2");
    if (config.http2.max_connections < 1)
        return invalid("http2.max_connections", "must be at least 1");
    for (const auto& [name, window] : {Setting{"http2.stream_window", config.http2.stream_window},
                                       Setting{"http2.connection_window", config.http2.connection_window}})
        if (window < smallest_window || window > largest_window)
            return invalid(name, "must be 65535 to 2147483647");
    return url;
}

} // namespace passage::client
