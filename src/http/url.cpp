#include "http/url.hpp"

#include "model/hex.hpp"
#include "model/invalid.hpp"
#include "model/text.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace passage::http {
namespace {

namespace urls = boost::urls;

unexpected<Error> invalid_url(std::string_view setting, std::string_view text, std::string_view why)
{
    // The user information or the query of a URL may have a secret.
    const bool printed = text.find_first_of("@?") == text.npos;
    std::string name{setting};
    if (printed)
        name.append(" \"").append(printable(text, 200)).append("\"");
    return invalid(name += ':', why);
}

bool is_host_character(char c)
{
    return is_alphanumeric(c) || c == '-' || c == '_';
}

/// Whether a host begins as an IPv4 address does. Some versions of Boost.URL read 127.0.0.1.example as an address and a
/// path.
bool begins_like_address(std::string_view host)
{
    for (int part = 0; part < 4; ++part) {
        if (part > 0) {
            if (!host.starts_with('.'))
                return false;
            host.remove_prefix(1);
        }
        const auto end = std::ranges::find_if_not(host, is_digit);
        if (end == host.begin())
            return false;
        host.remove_prefix(static_cast<std::size_t>(end - host.begin()));
    }
    return true;
}

/// Whether the system would read a name in lower case as an IPv4 address, as it does with 127.1 and 0x7f000001.
bool ends_in_number(std::string_view host)
{
    const std::string_view label = host.substr(host.rfind('.') + 1);
    return std::ranges::all_of(label, is_digit) ||
           (label.starts_with("0x") && std::ranges::all_of(label.substr(2), is_hex_digit));
}

/// Whether a path has a segment "." or "..", percent-encoded or not. Boost.URL's view of the segments skips a leading
/// ".".
bool has_dot_segment(std::string_view path)
{
    while (!path.empty()) {
        const std::string_view encoded = path.substr(0, path.find('/'));
        const std::string segment = urls::pct_string_view{encoded}.decode();
        if (segment == "." || segment == "..")
            return true;
        path.remove_prefix(std::min(encoded.size() + 1, path.size()));
    }
    return false;
}

/// In brackets if it is an IPv6 address.
std::string bracketed(const std::string& host)
{
    return host.find(':') != host.npos ? "[" + host + "]" : host;
}

} // namespace

std::string BaseUrl::host_field() const
{
    return port == (tls ? 443 : 80) ? bracketed(host) : authority();
}

std::string BaseUrl::authority() const
{
    return bracketed(host).append(":").append(std::to_string(port));
}

std::string BaseUrl::origin() const
{
    return (tls ? "https://" : "http://") + host_field();
}

bool BaseUrl::is_loopback() const
{
    return host == "localhost" || (host_is_address && (host.starts_with("127.") || host == "::1"));
}

bool is_host_name(std::string_view host)
{
    if (host.empty() || host.size() > 253)
        return false;
    std::size_t label = 0;
    for (const char c : host) {
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!is_host_character(c) || ++label > 63) {
            return false;
        }
    }
    return label > 0 && !ends_in_number(host) && !begins_like_address(host);
}

expected<BaseUrl> parse_base_url(std::string_view text, std::string_view setting)
{
    const auto refuse = [&](std::string_view why) { return invalid_url(setting, text, why); };
    if (text.empty())
        return invalid(setting, "is empty: set it to where the server is, as https://host[:port][/path]");
    const auto parsed = urls::parse_uri(text);
    if (!parsed)
        return refuse("not a URL of the form https://host[:port][/path]");
    const urls::url_view& url = *parsed;

    BaseUrl result;
    if (url.scheme_id() == urls::scheme::https)
        result.tls = true;
    else if (url.scheme_id() == urls::scheme::http)
        result.tls = false;
    else
        return refuse("the scheme must be https (or http, to a loopback address)");
    if (url.has_userinfo())
        return refuse("user information is not allowed; the API key is a setting of its own");
    if (url.has_query() || url.has_fragment())
        return refuse("a query or a fragment is not allowed");

    result.path = std::string_view{url.encoded_path()};
    if (!result.path.empty() && !result.path.starts_with('/'))
        return refuse("the host is neither a name nor an address");
    while (result.path.ends_with('/'))
        result.path.pop_back();
    if (has_dot_segment(result.path))
        return refuse("the path must not have the segments . and ..");

    result.host = lower_case(url.encoded_host_address());
    switch (url.host_type()) {
    case urls::host_type::ipv4:
    case urls::host_type::ipv6:
        // Some versions of Boost.URL take an address with a zone (RFC 6874).
        if (result.host.find('%') != result.host.npos)
            return refuse("an address must not have a zone");
        result.host_is_address = true;
        break;
    case urls::host_type::name:
        if (result.host.ends_with('.'))
            result.host.pop_back();
        if (!is_host_name(result.host))
            return refuse("the host is not a valid name");
        break;
    default:
        return refuse("the host must be a name or an address");
    }

    result.port = result.tls ? 443 : 80;
    if (url.has_port()) {
        // Boost.URL's port_number() wraps.
        const std::string_view port = url.port();
        const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), result.port);
        if (ec != std::errc{} || end != port.data() + port.size() || result.port == 0)
            return refuse("the port must be 1 to 65535");
    }
    return result;
}

void append_percent_encoded(std::string& out, std::string_view text)
{
    // The common case: ids need no encoding.
    if (std::all_of(text.begin(), text.end(), urls::unreserved_chars)) {
        out.append(text);
        return;
    }
    // Resized here, as Boost.URL ends the program if it lacks memory to resize.
    const std::size_t begin = out.size();
    const std::size_t size = urls::encoded_size(text, urls::unreserved_chars);
    out.resize(begin + size);
    urls::encode(out.data() + begin, size, text, urls::unreserved_chars);
}

std::string percent_encode(std::string_view text)
{
    std::string encoded;
    append_percent_encoded(encoded, text);
    return encoded;
}

} // namespace passage::http
