#include "http/no_proxy.hpp"

#include "model/invalid.hpp"
#include "model/text.hpp"

#include <boost/url/ipv4_address.hpp>
#include <boost/url/ipv6_address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage::http {
namespace {

namespace urls = boost::urls;

using Bytes = std::vector<unsigned char>;

struct Entry
{
    bool is_all = false;
    std::string name; ///< Lower case, without a dot at either end; empty for an address or a network.
    Bytes network;
    std::size_t prefix_bits = 0;
    std::uint16_t port = 0; ///< 0: any.
};

template <class Number>
std::optional<Number> to_number(std::string_view text, Number most)
{
    Number number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || end != text.data() + text.size() || number > most)
        return std::nullopt;
    return number;
}

/// Empty if the text is no address.
Bytes read_address(std::string_view text)
{
    if (const auto v4 = urls::parse_ipv4_address(text)) {
        const auto bytes = v4->to_bytes();
        return Bytes{bytes.begin(), bytes.end()};
    }
    if (const auto v6 = urls::parse_ipv6_address(text)) {
        const auto bytes = v6->to_bytes();
        return Bytes{bytes.begin(), bytes.end()};
    }
    return {};
}

/// Returns the IPv4 address that an IPv6 address is mapped from (RFC 4291, section 2.5.5.2). Other addresses are
/// returned unchanged.
Bytes unmapped(Bytes address)
{
    constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address.size() > mapped.size() && std::equal(mapped.begin(), mapped.end(), address.begin()))
        address.erase(address.begin(), address.begin() + mapped.size());
    return address;
}

bool set_address(Entry& entry, std::string_view text)
{
    entry.network = read_address(text);
    entry.prefix_bits = 8 * entry.network.size();
    return !entry.network.empty();
}

bool set_port(Entry& entry, std::string_view text)
{
    const auto port = to_number<std::uint16_t>(text, 65'535);
    entry.port = port.value_or(0);
    return entry.port != 0;
}

bool set_name(Entry& entry, std::string_view text)
{
    entry.is_all = text == "*";
    if (text.starts_with("*."))
        text.remove_prefix(1);
    if (text.starts_with('.'))
        text.remove_prefix(1);
    if (text.ends_with('.'))
        text.remove_suffix(1);
    entry.name = lower_case(text);
    return entry.is_all || is_host_name(entry.name);
}

std::optional<Entry> parse_entry(std::string_view text)
{
    Entry entry;
    bool good = false;
    if (const std::size_t slash = text.find('/'); slash != text.npos) {
        good = set_address(entry, text.substr(0, slash));
        const auto bits = to_number<std::size_t>(text.substr(slash + 1), entry.prefix_bits);
        good = good && bits;
        entry.prefix_bits = bits.value_or(0);
    } else if (text.starts_with('[')) {
        const std::size_t end = std::min(text.find(']'), text.size() - 1);
        const std::string_view rest = text.substr(end + 1);
        good = text[end] == ']' && set_address(entry, text.substr(1, end - 1)) &&
               (rest.empty() || (rest.front() == ':' && set_port(entry, rest.substr(1))));
    } else if (set_address(entry, text)) {
        good = true;
    } else {
        const std::size_t colon = text.find(':');
        const std::string_view host = text.substr(0, colon);
        good = (set_address(entry, host) || set_name(entry, host)) &&
               (colon == text.npos || set_port(entry, text.substr(colon + 1)));
    }
    return good ? std::optional{std::move(entry)} : std::nullopt;
}

bool is_within(const Bytes& address, const Entry& entry)
{
    if (address.size() != entry.network.size())
        return false;
    const std::size_t whole = entry.prefix_bits / 8;
    if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole), entry.network.begin()))
        return false;
    const unsigned rest = entry.prefix_bits % 8;
    return rest == 0 || (address[whole] ^ entry.network[whole]) >> (8 - rest) == 0;
}

/// `address` is the server's; empty if its host is a name.
bool matches(const Entry& entry, const BaseUrl& server, const Bytes& address)
{
    if (entry.port != 0 && entry.port != server.port)
        return false;
    if (entry.is_all)
        return true;
    if (!address.empty())
        return is_within(address, entry) || is_within(unmapped(address), entry);
    const std::string_view host = server.host;
    return !entry.name.empty() && host.ends_with(entry.name) &&
           (host.size() == entry.name.size() || host[host.size() - entry.name.size() - 1] == '.');
}

} // namespace

expected<bool> is_without_proxy(const BaseUrl& server, std::string_view list, std::string_view setting)
{
    constexpr std::string_view separators = ", \t\r\n";
    const Bytes address = server.host_is_address ? read_address(server.host) : Bytes{};
    const bool may_be_shown = list.find('@') == list.npos; // a proxy's URL has a password before it
    bool found = false;
    for (;;) {
        list.remove_prefix(std::min(list.find_first_not_of(separators), list.size()));
        if (list.empty())
            return found;
        const std::string_view text = list.substr(0, list.find_first_of(separators));
        list.remove_prefix(text.size());
        const std::optional<Entry> entry = parse_entry(text);
        if (!entry) {
            std::string why = "has an entry that is neither a name, an address nor a network";
            if (may_be_shown)
                why.append(": \"").append(printable(text, 100)).append("\"");
            return invalid(setting, why);
        }
        found = found || matches(*entry, server, address);
    }
}

} // namespace passage::http
