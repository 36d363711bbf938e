#include "site.hpp"

#include "cookie.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <utility>

namespace web {
namespace {

std::vector<std::string> segments(std::string_view path)
{
    std::vector<std::string> result;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        result.emplace_back(segment);
        path.remove_prefix(segment.size());
    }
    return result;
}

std::string_view path_of(std::string_view target)
{
    return target.substr(0, target.find('?'));
}

/// Returns whether a segment of a pattern matches any text.
bool is_name(std::string_view segment)
{
    return segment.starts_with('{');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path)
{
    return std::ranges::equal(pattern, path, [](const std::string& wanted, const std::string& segment) {
        return is_name(wanted) ? !segment.empty() : wanted == segment;
    });
}

/// HEAD is served as GET, without the body.
http::verb effective(http::verb method)
{
    return method == http::verb::head ? http::verb::get : method;
}

constexpr std::string_view no_form_of_ours =
    "This form is out of date, or of another site. Go back, load the page again, and repeat.";
constexpr std::size_t token_length = 32;

/// Returns 128 random bits of the system.
std::string random_token()
{
    std::random_device device;
    std::string token;
    while (token.size() < token_length) {
        std::uint32_t bits = device();
        for (int digit = 0; digit < 8; ++digit, bits >>= 4)
            token += "0123456789abcdef"[bits & 15];
    }
    return token;
}

/// Returns whether two tokens are equal. The time that it takes does not depend on where they differ.
bool equal_tokens(std::string_view left, std::string_view right)
{
    int difference = left.size() == token_length && right.size() == token_length ? 0 : 1;
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
        difference |= left[i] ^ right[i];
    return difference == 0;
}

/// Returns whether a page of another site sent the request, according to the browser.
bool is_from_elsewhere(const http::request<http::string_body>& message)
{
    const std::string_view origin = message[http::field::origin];
    const std::size_t scheme_end = origin.find("://");
    return !origin.empty() &&
           (scheme_end == std::string_view::npos || origin.substr(scheme_end + 3) != message[http::field::host]);
}

void set_headers(Response& response, bool behind_tls)
{
    response.set("Content-Security-Policy",
                 "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
                 "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "same-origin");
    response.set("Cross-Origin-Opener-Policy", "same-origin");
    response.set("Cross-Origin-Resource-Policy", "same-origin");
    if (behind_tls)
        response.set("Strict-Transport-Security", "max-age=31536000");
    if (response.count(http::field::cache_control) == 0)
        response.set(http::field::cache_control, "no-store");
}

} // namespace

Admission Site::admit_all(Handler handler)
{
    return [handler = std::move(handler)](const Request&) -> asio::awaitable<Decision> { co_return handler; };
}

void Site::get(std::string_view pattern, Admission admission)
{
    routes_.push_back({http::verb::get, segments(pattern), std::move(admission), 0});
}

void Site::post(std::string_view pattern, Admission admission, std::size_t body_limit)
{
    routes_.push_back({http::verb::post, segments(pattern), std::move(admission), body_limit});
}

void Site::add(StaticFile file)
{
    const std::string path = file.path;
    get(path, [file = std::move(file)](const Request& request) -> asio::awaitable<Response> {
        const bool is_known = request.message[http::field::if_none_match] == file.etag;
        Response response = is_known ? Response{http::status::not_modified, 11}
                                     : respond(http::status::ok, file.content_type, file.content);
        response.set(http::field::etag, file.etag);
        response.set(http::field::cache_control, "no-cache");
        co_return response;
    });
}

const Site::Route* Site::find(http::verb method, std::string_view path, Fields* names) const
{
    std::vector<std::string> parts = segments(path);
    for (std::string& part : parts)
        part = percent_decode(part);
    const auto found = std::ranges::find_if(routes_, [&](const Route& route) {
        return route.method == effective(method) && matches(route.pattern, parts);
    });
    if (found == routes_.end())
        return nullptr;
    for (std::size_t i = 0; names && i < parts.size(); ++i)
        if (const std::string& name = found->pattern[i]; is_name(name))
            names->add(name.substr(1, name.size() - 2), parts[i]);
    return &*found;
}

std::size_t Site::body_limit(const http::request_header<>& head) const
{
    const Route* const route = find(head.method(), path_of(head.target()), nullptr);
    return route ? route->body_limit : usual_body;
}

asio::awaitable<Decision> Site::admit(Request& request) const
{
    // The browser may disconnect. Handlers see this as an error of the operation that they await.
    co_await asio::this_coro::throw_if_cancelled(false);

    const std::string_view cookie = find_cookie(request.message[http::field::cookie], form_cookie());
    request.has_form_token =
        cookie.size() == token_length && cookie.find_first_not_of("0123456789abcdef") == cookie.npos;
    request.form_token = request.has_form_token ? std::string{cookie} : random_token();

    Decision decision;
    try {
        decision = co_await route(request);
    } catch (const std::exception& error) {
        decision = failure(request, error);
    }
    if (auto* const refusal = std::get_if<Response>(&decision))
        complete(request, *refusal);
    co_return decision;
}

asio::awaitable<Response> Site::answer(Request& request, Handler handler) const
{
    co_await asio::this_coro::throw_if_cancelled(false);
    Response response;
    try {
        if (std::optional<Response> refusal = read_form(request))
            response = *std::move(refusal);
        else
            response = co_await handler(request);
    } catch (const std::exception& error) {
        response = failure(request, error);
    }
    complete(request, response);
    co_return response;
}

Response Site::failure(const Request& request, const std::exception& error) const
{
    std::clog << std::string{request.message.method_string()} + " failed: " + error.what() + "\n";
    return failure_page_(request, http::status::internal_server_error, "Something went wrong here.");
}

/// Adds the header fields that all responses have.
void Site::complete(const Request& request, Response& response) const
{
    // Responses that caches may store contain nothing personal.
    const bool is_kept = response.count(http::field::cache_control) > 0;
    set_headers(response, behind_tls_);
    if (!request.has_form_token && !is_kept)
        response.insert(http::field::set_cookie, to_field({form_cookie(), request.form_token, behind_tls_}));
}

Response Site::no_route(const Request& request, std::string_view path) const
{
    const bool is_page = find(http::verb::get, path, nullptr);
    if (!is_page && !find(http::verb::post, path, nullptr))
        return failure_page_(request, http::status::not_found, "There is no such page.");
    Response response = failure_page_(request, http::status::method_not_allowed, "That can't be done with this page.");
    response.set(http::field::allow, is_page ? "GET, HEAD" : "POST");
    return response;
}

asio::awaitable<Decision> Site::route(Request& request) const
{
    const std::string_view target = request.message.target();
    const std::string_view path = path_of(target);
    if (!path.starts_with('/'))
        co_return failure_page_(request, http::status::bad_request, "The address is not a path.");

    const Route* const found = find(request.message.method(), path, &request.names);
    if (!found)
        co_return no_route(request, path);
    request.query = decode_urlencoded(target.substr(std::min(path.size() + 1, target.size())));
    if (found->method == http::verb::post && is_from_elsewhere(request.message))
        co_return failure_page_(request, http::status::forbidden, no_form_of_ours);
    co_return co_await found->admission(request);
}

/// Reads the form of a request, if it has one. Returns a response if the form is refused.
std::optional<Response> Site::read_form(Request& request) const
{
    if (request.message.method() != http::verb::post)
        return std::nullopt;
    std::optional<Fields> form = decode_form(request.message[http::field::content_type], request.message.body());
    if (!form)
        return failure_page_(request, http::status::unsupported_media_type, "This is not a form.");
    request.form = std::move(*form);
    if (!equal_tokens(request.form["csrf"], request.form_token))
        return failure_page_(request, http::status::forbidden, no_form_of_ours);
    return std::nullopt;
}

} // namespace web
