#pragma once

#include "files.hpp"
#include "message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace web {

namespace asio = boost::asio;

/// Answers a request, which lives until the answer is there.
using Handler = std::function<asio::awaitable<Response>(const Request&)>;

/// The page that says why a request was not served.
using FailurePage = std::function<Response(const Request&, http::status, std::string_view text)>;

/// What a site consists of, and what holds for all of it: forms of other sites are refused, browsers are told to be
/// strict, and what may be cached sets no cookie. Routes are added before the first request; after that any thread may
/// ask.
class Site
{
public:
    /// The largest body that any route takes, and the one that routes take unless they say otherwise.
    static constexpr std::size_t max_body = 8 * 1024 * 1024, usual_body = 64 * 1024;

    /// With `behind_tls`, browsers send the site's cookies over TLS alone, and are told to use nothing else.
    Site(bool behind_tls, FailurePage failure_page) : behind_tls_{behind_tls}, failure_page_{std::move(failure_page)} {}

    /// A pattern is a path whose segments may be names in braces: `/users/{id}`.
    void get(std::string_view pattern, Handler handler);
    void post(std::string_view pattern, Handler handler, std::size_t body_limit = usual_body);
    void add(StaticFile file);

    /// The largest body that a request may have.
    std::size_t body_limit(const http::request_header<>& head) const;

    /// Answers a request. Throws nothing: a handler's exception is logged, and answered with 500.
    asio::awaitable<Response> answer(http::request<http::string_body> message) const;

    bool behind_tls() const noexcept { return behind_tls_; }

private:
    struct Route
    {
        http::verb method;
        std::vector<std::string> pattern;
        Handler handler;
        std::size_t body_limit;
    };

    const Route* find(http::verb method, std::string_view path, Fields* names) const;
    Response no_route(const Request& request, std::string_view path) const;
    asio::awaitable<Response> route(Request& request) const;
    std::string form_cookie() const { return behind_tls_ ? "__Host-csrf" : "csrf"; }

    std::vector<Route> routes_;
    bool behind_tls_;
    FailurePage failure_page_;
};

} // namespace web
