#pragma once

#include <passage/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace passage::http {

/// The base URL of a service: scheme, host, port, and the prefix of all paths.
struct BaseUrl
{
    bool tls = true;
    /// In lower case, without brackets or a trailing dot. This name is resolved, and verified by TLS.
    std::string host;
    bool host_is_address = false;
    std::uint16_t port = 443;
    /// Percent-encoded. Empty, or begins with a slash and does not end with one.
    std::string path;

    /// The `Host` field's value (RFC 9110, section 7.2).
    std::string host_field() const;
    /// `host:port` (RFC 9112, section 3.2.3).
    std::string authority() const;
    /// The scheme, the host and the port, as a URL begins.
    std::string origin() const;
    /// Whether the host is always this machine.
    bool is_loopback() const;
};

/// Parses `http[s]://host[:port][/path]`. Fails with `Errc::invalid_argument`; the message names the setting and says
/// what is wrong.
expected<BaseUrl> parse_base_url(std::string_view text, std::string_view setting = "base_url");

/// Whether a host name in lower case has labels of 1 to 63 letters, digits, hyphens and underscores, and at most 253
/// characters (RFC 1035, section 2.3.4), and would not be read as an IPv4 address.
bool is_host_name(std::string_view host);

/// Encodes a text as one segment of a path or one value in a query: percent-encodes all but unreserved characters
/// (RFC 3986, section 2.3). Does not change "." and "..", which are not usable as segments.
std::string percent_encode(std::string_view text);
/// As `percent_encode`, but appends to `out`.
void append_percent_encoded(std::string& out, std::string_view text);

} // namespace passage::http
