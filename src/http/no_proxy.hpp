#pragma once

#include "http/url.hpp"

#include <passage/expected.hpp>

#include <string_view>

namespace passage::http {

/// The list of loopback addresses, which a proxy from the environment is not used for.
inline constexpr std::string_view loopback_hosts = "localhost,127.0.0.0/8,::1";

/// Whether a server is in a list of servers that are reached without a proxy. Entries are separated by commas or
/// spaces. An entry is a name, which includes its subdomains, with or without a dot before it; an address; a name or an
/// address with a port; a network in CIDR notation (RFC 4632); or `*` for all servers.
///
/// Fails with `Errc::invalid_argument` if the list has any other entry; the message names the setting.
expected<bool> is_without_proxy(const BaseUrl& server, std::string_view list, std::string_view setting);

} // namespace passage::http
