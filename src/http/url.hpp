#pragma once

#include <passage/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace passage::http {

/// Where requests go: scheme, host and port to connect to, and what stands before every path.
struct BaseUrl
{
    bool tls = true;
    /// Lower case, without brackets and trailing dot; as it is looked up and verified.
    std::string host;
    bool host_is_address = false;
    std::uint16_t port = 443;
    /// Percent-encoded, without a trailing slash; empty or beginning with one.
    std::string path;

    /// The `Host` field's value (RFC 9110, section 7.2).
    std::string host_field() const;
    /// Whether the host can only be this machine.
    bool is_loopback() const;
};

/// Reads `http[s]://host[:port][/path]`; `Errc::invalid_argument` says what is wrong with it, and with which setting.
expected<BaseUrl> parse_base_url(std::string_view text, std::string_view setting = "base_url");

/// A text as one segment of a path or one value in a query: all but unreserved characters percent-encoded
/// (RFC 3986, section 2.3). The segments "." and ".." can't be protected this way.
std::string percent_encode(std::string_view text);
/// The same, to the end of `out`.
void append_percent_encoded(std::string& out, std::string_view text);

} // namespace passage::http
