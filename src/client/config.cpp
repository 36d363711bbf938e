#include <passage/config.hpp>

#include "http/no_proxy.hpp"
#include "http/proxy.hpp"
#include "model/invalid.hpp"

#include <cstdlib>
#include <initializer_list>
#include <string_view>

namespace passage {
namespace {

std::string_view variable(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

struct Variable
{
    std::string_view name;
    std::string_view value; ///< Empty if none is set.
};

/// The first of some variables that is set, and not to an empty text.
Variable first_variable(std::initializer_list<const char*> names)
{
    for (const char* const name : names)
        if (const std::string_view value = variable(name); !value.empty())
            return {name, value};
    return {};
}

expected<ProxyOptions> proxy_from_environment()
{
    ProxyOptions options;
    const Variable proxy = first_variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    if (proxy.value.empty())
        return options;
    auto read = http::parse_proxy_variable(proxy.value, proxy.name);
    if (!read)
        return unexpected{std::move(read.error())};
    const Variable excepted = first_variable({"no_proxy", "NO_PROXY"});
    if (auto good = http::is_without_proxy({}, excepted.value, excepted.name); !good)
        return unexpected{std::move(good.error())};
    options.url = std::move(read->url);
    options.credentials = std::move(read->credentials);
    options.no_proxy.append(http::loopback_hosts).append(",").append(excepted.value);
    return options;
}

} // namespace

expected<Config> Config::from_environment()
{
    const auto missing = [](std::string_view name) {
        return invalid(std::string{"the environment variable "}.append(name), "is not set");
    };

    Config config;
    config.app_id = variable("PASSAGE_APP_ID");
    if (config.app_id.empty())
        return missing("PASSAGE_APP_ID");
    config.api_key = variable("PASSAGE_API_KEY");
    if (config.api_key.empty())
        return missing("PASSAGE_API_KEY");
    config.base_url = variable("PASSAGE_BASE_URL");
    if (config.base_url.empty())
        return missing("PASSAGE_BASE_URL");
    config.auth_url = variable("PASSAGE_AUTH_URL");
    config.tls.ca_file = variable("PASSAGE_CA_FILE");
    config.unix_socket = variable("PASSAGE_UNIX_SOCKET");
    auto proxy = proxy_from_environment();
    if (!proxy)
        return unexpected{std::move(proxy.error())};
    config.proxy = std::move(*proxy);
    return config;
}

} // namespace passage
