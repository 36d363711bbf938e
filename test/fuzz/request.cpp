#include "fuzz.hpp"

#include "api/operations.hpp"
#include "api/requests.hpp"
#include "http/request.hpp"
#include "http/url.hpp"
#include "model/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>
#include <string>
#include <vector>

// From a caller's arguments to a request's bytes: what is taken goes out as it was given, as exactly one request, and
// never as something else. Lines: the base URL, two ids, a filter's text, further fields as `name: value`.

namespace passage::fuzz {
namespace {

using Request = expected<http::Request>;

constexpr std::size_t max_body = 1'000'000;
constexpr std::string_view app_path = "/apps/demo/users";

/// Percent-decoded; none if it is malformed.
std::optional<std::string> decoded(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            result += text[at];
            continue;
        }
        if (at + 2 >= text.size())
            return std::nullopt;
        const std::size_t high = digits.find(text[at + 1]);
        const std::size_t low = digits.find(text[at + 2]);
        if (high == digits.npos || low == digits.npos)
            return std::nullopt;
        result += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return result;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator)
{
    std::vector<std::string_view> parts;
    for (std::size_t end = text.find(separator); end != text.npos; end = text.find(separator)) {
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end + separator.size());
    }
    parts.push_back(text);
    return parts;
}

void check_refusal(const Error& error)
{
    require(error.code == Errc::invalid_argument || error.code == Errc::too_large, "what can't be sent is refused");
    require(!error.message.empty() && is_one_line(error.message), "a refusal is one line");
}

void check_bytes(const http::Request& request, const http::BaseUrl& url, std::string_view user_agent)
{
    const http::ExtraFields& extra = request.extra;
    const http::RequestWriter writer{http::CommonFields{url.host_field(), Secret{"the-key"}, user_agent}};
    const Secret written = writer.write(request, {});
    const std::string_view bytes = written.reveal();

    const std::size_t end = bytes.find("\r\n\r\n");
    require(end != bytes.npos && bytes.substr(end + 4) == request.body, "after the header comes the body alone");
    std::vector<std::string_view> lines = split(bytes.substr(0, end), "\r\n");
    require(lines.front() == std::string{request.method} + " " + request.target + " HTTP/1.1", "the first line");
    const std::size_t fields_of_body = (request.has_body ? 1 : 0) + (states_length(request) ? 1 : 0);
    require(lines.size() == 1 + 6 + extra.size() + fields_of_body, "no field too many");
    require(lines[1] == "Host: " + url.host_field(), "the host is the base URL's");
    for (std::size_t i = 0; i < extra.size(); ++i)
        require(lines[7 + i] == extra[i].first + ": " + extra[i].second, "a further field is as it was given");

    boost::beast::http::request_parser<boost::beast::http::string_body> parser;
    parser.header_limit(1'000'000);
    parser.eager(true);
    boost::system::error_code error;
    const std::size_t read = parser.put(boost::asio::buffer(bytes), error);
    require(!error && parser.is_done() && read == bytes.size(), "it is one request");
    require(std::string_view{parser.get().target().data(), parser.get().target().size()} == request.target,
            "another parser reads the same target");
}

/// `ids` are the segments of the path that stand for what was given.
void check_target(const http::Request& request, const http::BaseUrl& url, const std::vector<std::string_view>& ids)
{
    require(std::all_of(request.target.begin(), request.target.end(), [](char c) { return c > 0x20 && c < 0x7f; }),
            "a target has visible characters alone");
    require(request.target.starts_with(url.path + std::string{app_path}), "a target stays below the app");
    const std::string_view rest = std::string_view{request.target}.substr(url.path.size() + app_path.size());
    const auto segments = split(rest.substr(0, rest.find('?')), "/");
    std::size_t at = 1;
    for (const std::string_view id : ids) {
        require(at < segments.size() && decoded(segments[at]) == id, "an id is one segment, as it was given");
        require(segments[at] != "." && segments[at] != ".." && !segments[at].empty(), "no segment leads elsewhere");
        at += 2;
    }
}

} // namespace

void run(std::string_view bytes)
{
    Input input{bytes};
    const std::string_view base = input.line();
    const std::string_view user_id = input.line();
    const std::string_view device_id = input.line();
    const std::string_view text = input.line();
    http::ExtraFields extra;
    while (!input.empty()) {
        const std::string_view line = input.line();
        const std::size_t colon = std::min(line.find(": "), line.size());
        extra.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
    }
    if (const auto good = http::check_extra_fields(extra); !good) {
        check_refusal(good.error());
        extra.clear();
    }
    const std::string_view user_agent = http::is_field_value(text) ? text : "fuzz";

    auto url = http::parse_base_url(base);
    if (url) {
        ++taken;
        require(is_one_line(url->host_field()) && url->host_field().find(' ') == std::string::npos,
                "a host has no space");
        const std::string again = (url->tls ? "https://" : "http://") + url->host_field() + url->path;
        const auto same = http::parse_base_url(again);
        require(same && same->tls == url->tls && same->host == url->host && same->port == url->port &&
                    same->path == url->path && same->host_is_address == url->host_is_address,
                "a base URL is the same when written again");
    } else {
        check_refusal(url.error());
        url = http::parse_base_url("https://example.com/v1");
    }

    const api::Requests requests{url->path, "demo", max_body};
    const auto check = [&](const Request& request, const std::vector<std::string_view>& ids) {
        if (!request)
            return check_refusal(request.error());
        check_target(*request, *url, ids);
        http::Request with_extra = *request;
        with_extra.extra = extra;
        check_bytes(with_extra, *url, user_agent);
    };
    check(requests.build(api::get_user, user_id), {user_id});
    check(requests.build(api::delete_user_device, user_id, device_id), {user_id, device_id});
    check(requests.build(api::activate_user, user_id), {user_id});
    check(requests.build(api::update_user, user_id, UpdateUserRequest{}.email(std::string{text}).clear_phone()),
          {user_id});
    check(requests.build(
              api::create_user,
              CreateUserRequest{}.email(std::string{text}).phone(std::string{device_id}).metadata(user_id, text)),
          {});
    check(requests.build(api::get_user_by_identifier, api::Identifier{text}), {});
    check(requests.build(api::list_users, ListUsersRequest{}
                                              .limit(static_cast<std::int64_t>(text.size()))
                                              .where(user_field::identifier.like(text))
                                              .where(user_field::id == user_id)
                                              .order_by(user_field::login_count.descending())),
          {});

    require(decoded(http::percent_encode(text)) == text, "what is encoded is decoded as it was");
}

} // namespace passage::fuzz
