#pragma once

#include "files.hpp"
#include "message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace web {

namespace asio = boost::asio;

/// Responds to a request. The request lives until the response is complete.
using Handler = std::function<asio::awaitable<Response>(const Request&)>;

/// The decision on a request: the handler that responds to it, or a response that refuses it.
using Decision = std::variant<Handler, Response>;

/// Decides on a request whose body and form were not read yet. The request lives until the decision is made.
using Admission = std::function<asio::awaitable<Decision>(const Request&)>;

/// Returns the page that says why a request was not served.
using FailurePage = std::function<Response(const Request&, http::status, std::string_view text)>;

/// The routes of a site, and the rules for all of them: forms of other sites are refused, header fields make browsers
/// strict, and responses that may be cached set no cookie. Routes must be added before the first request. After that,
/// any thread may use the site.
class Site
{
public:
    /// The maximum size of a body for any route, and the default for a route.
    static constexpr std::size_t max_body = 8 * 1024 * 1024, usual_body = 64 * 1024;

    /// With `behind_tls`, browsers send the site's cookies only over TLS, and are told to use only TLS.
    Site(bool behind_tls, FailurePage failure_page) : behind_tls_{behind_tls}, failure_page_{std::move(failure_page)} {}

    /// Adds a route. A pattern is a path whose segments may be names in braces: `/users/{id}`.
    void get(std::string_view pattern, Handler handler) { get(pattern, admit_all(std::move(handler))); }
    void get(std::string_view pattern, Admission admission);
    void post(std::string_view pattern, Handler handler) { post(pattern, admit_all(std::move(handler))); }
    void post(std::string_view pattern, Admission admission, std::size_t body_limit = usual_body);
    void add(StaticFile file);

    /// Returns the maximum size of the body of a request.
    std::size_t body_limit(const http::request_header<>& head) const;

    /// Decides on a request whose head was read, and fills in the fields of the request that the head contains. The
    /// body of a refused request need not be read. Does not throw: an exception is logged, and the response is 500.
    asio::awaitable<Decision> admit(Request& request) const;

    /// Responds to a request that was admitted and whose message is complete. Does not throw, like `admit`.
    asio::awaitable<Response> answer(Request& request, Handler handler) const;

    bool behind_tls() const noexcept { return behind_tls_; }

private:
    struct Route
    {
        http::verb method;
        std::vector<std::string> pattern;
        Admission admission;
        std::size_t body_limit;
    };

    const Route* find(http::verb method, std::string_view path, Fields* names) const;
    static Admission admit_all(Handler handler);
    Response no_route(const Request& request, std::string_view path) const;
    asio::awaitable<Decision> route(Request& request) const;
    std::optional<Response> read_form(Request& request) const;
    Response failure(const Request& request, const std::exception& error) const;
    void complete(const Request& request, Response& response) const;
    std::string form_cookie() const { return behind_tls_ ? "__Host-csrf" : "csrf"; }

    std::vector<Route> routes_;
    bool behind_tls_;
    FailurePage failure_page_;
};

} // namespace web
