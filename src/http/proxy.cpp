#include "http/proxy.hpp"

#include "model/hex.hpp"
#include "model/invalid.hpp"
#include "model/text.hpp"

#include <algorithm>

namespace passage::http {
namespace {

/// Servers take no longer field (RFC 9110, section 5.4).
constexpr std::size_t max_credentials = 3072;

unexpected<Error> invalid_proxy(std::string_view setting, std::string_view text, std::string_view why)
{
    std::string name{setting};
    if (text.find('@') == text.npos) // otherwise it may contain a password
        name.append(" \"").append(printable(text, 200)).append("\"");
    return invalid(name += ':', why);
}

std::size_t size_of_scheme(std::string_view text)
{
    const std::size_t end = text.find("://");
    return end == text.npos ? 0 : end + 3;
}

/// False if the encoding is broken.
bool append_percent_decoded(std::string& out, std::string_view text)
{
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        if (text.size() - at < 3 || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2]))
            return false;
        out += static_cast<char>(hex_digit(text[at + 1]) << 4 | hex_digit(text[at + 2]));
        at += 2;
    }
    return true;
}

/// RFC 4648, section 4.
Secret base64(std::string_view bytes)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4); // a string that grows leaves copies in freed memory
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view group = bytes.substr(at, 3);
        unsigned bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= group.size() ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    return Secret{std::move(out)};
}

/// Whether a retry may succeed: the proxy could not reach the server, or is overloaded.
constexpr bool is_transient_refusal(int status) noexcept
{
    return status == 502 || status == 503 || status == 504;
}

} // namespace

expected<BaseUrl> parse_proxy_url(std::string_view text, std::string_view setting)
{
    const auto refuse = [&](std::string_view why) { return invalid_proxy(setting, text, why); };
    const std::size_t scheme_size = size_of_scheme(text);
    const std::string scheme = scheme_size == 0 ? "http://" : lower_case(text.substr(0, scheme_size));
    if (scheme != "http://" && scheme != "https://")
        return refuse("the scheme must be http or https");
    std::string_view authority = text.substr(scheme_size);
    if (authority.ends_with('/'))
        authority.remove_suffix(1);
    if (authority.find('@') != authority.npos)
        return refuse("user information is not allowed; the credentials are a setting of their own");
    if (authority.find_first_of("/?#") != authority.npos)
        return refuse("a path, a query or a fragment is not allowed");

    std::string url = scheme;
    url += authority;
    const std::size_t address_end = authority.starts_with('[') ? authority.find(']') : 0;
    if (authority.find(':', address_end) == authority.npos)
        url += scheme == "http://" ? ":1080" : ":443";
    return parse_base_url(url, setting);
}

expected<ProxyVariable> parse_proxy_variable(std::string_view text, std::string_view variable)
{
    const std::size_t begin = size_of_scheme(text);
    const std::string_view authority = text.substr(begin, text.substr(begin).find_first_of("/?#"));
    const std::size_t at = authority.rfind('@');

    ProxyVariable result;
    result.url = text.substr(0, begin);
    result.url += text.substr(at == authority.npos ? begin : begin + at + 1);
    if (at != authority.npos) {
        const std::string_view user_info = authority.substr(0, at);
        const std::size_t colon = std::min(user_info.find(':'), user_info.size());
        std::string credentials;
        credentials.reserve(user_info.size() + 1); // a string that grows leaves copies in freed memory
        bool decoded = append_percent_decoded(credentials, user_info.substr(0, colon));
        const bool is_user = credentials.find(':') == credentials.npos;
        credentials += ':';
        decoded =
            append_percent_decoded(credentials, user_info.substr(std::min(colon + 1, user_info.size()))) && decoded;
        if (!user_info.empty())
            result.credentials = std::move(credentials);
        if (!decoded || !is_user)
            return invalid(variable, "has user information that is not percent-encoded");
        if (auto good = check_proxy_credentials(result.credentials.reveal(), variable); !good)
            return unexpected{std::move(good.error())};
    }
    // The value is not shown: what is malformed may have credentials anywhere.
    if (!parse_proxy_url(result.url, variable))
        return invalid(variable, "is not of the form [http[s]://][user:password@]host[:port], with the user and the "
                                 "password percent-encoded");
    return result;
}

expected<void> check_proxy_credentials(std::string_view credentials, std::string_view setting)
{
    if (credentials.empty())
        return {};
    if (credentials.size() > max_credentials)
        return invalid(setting, "has credentials of more than " + std::to_string(max_credentials) + " bytes");
    if (credentials.find(':') == credentials.npos)
        return invalid(setting, "has credentials that are not of the form user:password");
    if (std::ranges::any_of(credentials, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return invalid(setting, "has control characters in its credentials");
    return {};
}

Secret write_connect(const BaseUrl& server, std::string_view user_agent, const Secret& credentials)
{
    const std::string authority = server.authority();
    const Secret encoded = base64(credentials.reveal());
    return Secret::join({"CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority, "\r\nUser-Agent: ", user_agent,
                         credentials.empty() ? "" : "\r\nProxy-Authorization: Basic ", encoded.reveal(), "\r\n\r\n"});
}

std::size_t ConnectResponse::put(std::string_view bytes)
{
    std::size_t used = 0;
    while (state_ == State::incomplete && used < bytes.size()) {
        const std::size_t before = head_.size();
        head_.append(bytes.substr(used, limits_.header_bytes - before));
        switch (lines_.check(head_, limits_.header_fields)) {
        case LineBlock::Result::incomplete:
            used += head_.size() - before;
            if (head_.size() >= limits_.header_bytes)
                fail("its response's header exceeds " + std::to_string(limits_.header_bytes) + " bytes");
            break;
        case LineBlock::Result::malformed:
            fail("its response is malformed");
            break;
        case LineBlock::Result::too_many_fields:
            fail("its response's header exceeds " + std::to_string(limits_.header_fields) + " fields");
            break;
        case LineBlock::Result::good:
            used += lines_.size() - before;
            end_head();
            break;
        }
    }
    return used;
}

void ConnectResponse::end_head()
{
    constexpr std::size_t status_at = std::string_view{"HTTP/1.1 "}.size();
    int status = 0;
    for (const char digit : std::string_view{head_}.substr(status_at, 3))
        status = 10 * status + (digit - '0');
    if (status == 101) {
        fail("it switches protocols, which was not asked for", status);
    } else if (status < 200) {
        if (++interim_ > limits_.interim_responses)
            fail("it sent more than " + std::to_string(limits_.interim_responses) + " interim responses", status);
        head_.clear();
        lines_ = LineBlock{LineBlock::Line::status};
    } else if (status < 300) {
        state_ = State::opened;
    } else {
        std::string why = "it refused the tunnel with status " + std::to_string(status);
        if (status == 407)
            why += ": the credentials are missing or wrong";
        fail(std::move(why), status, is_transient_refusal(status));
    }
}

void ConnectResponse::put_end(const boost::system::error_code& cause)
{
    fail("the connection was lost before the tunnel was open", 0, true);
    failure_.error.cause = cause;
}

void ConnectResponse::fail(std::string why, int status, bool transient)
{
    state_ = State::failed;
    failure_ = Failure{Error{Errc::connect, std::move(why)}, transient};
    failure_.error.stage = Stage::connect;
    failure_.error.http_status = status;
}

} // namespace passage::http
