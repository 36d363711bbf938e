#include "target.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <string_view>

namespace passage::ctl {
namespace {

/// A URL as the library accepts it: `[scheme://]host[:port][/path]`.
struct UrlParts
{
    std::string scheme;
    std::string host;
    std::string port; ///< Empty if absent.
    std::string path;
};

UrlParts split(std::string_view url)
{
    UrlParts parts;
    if (const std::size_t end = url.find("://"); end != url.npos) {
        parts.scheme = url.substr(0, end);
        url.remove_prefix(end + 3);
    }
    const std::size_t slash = std::min(url.find('/'), url.size());
    parts.path = url.substr(slash);
    std::string_view authority = url.substr(0, slash);
    const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
    if (const std::size_t colon = authority.find(':', bracket); colon != authority.npos) {
        parts.port = authority.substr(colon + 1);
        authority = authority.substr(0, colon);
    }
    if (bracket != 0)
        authority = authority.substr(1, bracket - 1);
    if (authority.ends_with('.')) // the library drops it, too
        authority.remove_suffix(1);
    parts.host = authority;
    while (parts.path.ends_with('/'))
        parts.path.pop_back();
    return parts;
}

bool is_https(std::string scheme)
{
    std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](char c) { return static_cast<char>(c | ' '); });
    return scheme == "https";
}

std::string base64(std::string_view text)
{
    std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    encoded.resize(static_cast<std::size_t>(size));
    return encoded;
}

std::string port_of(const UrlParts& url, const char* otherwise)
{
    return url.port.empty() ? otherwise : url.port;
}

} // namespace

ProbeTarget target_of(const Config& config, bool is_proxied)
{
    const UrlParts url = split(config.base_url);
    ProbeTarget target;
    target.host = url.host;
    target.tls = is_https(url.scheme);
    target.port = port_of(url, target.tls ? "443" : "80");
    target.unix_socket = config.unix_socket;
    target.ca_file = config.tls.ca_file;
    if (is_proxied) {
        const UrlParts proxy = split(config.proxy.url);
        target.proxy_host = proxy.host;
        target.proxy_tls = is_https(proxy.scheme);
        target.proxy_port = port_of(proxy, target.proxy_tls ? "443" : "1080");
        if (!config.proxy.credentials.empty())
            target.proxy_authorization = "Basic " + base64(config.proxy.credentials.reveal());
    }
    return target;
}

std::string app_path(const Config& config)
{
    return split(config.base_url).path + "/apps/" + config.app_id;
}

} // namespace passage::ctl
