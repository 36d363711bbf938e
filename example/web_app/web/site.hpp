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

/// Answers a request, which lives until the answer is there.
using Handler = std::function<asio::awaitable<Response>(const Request&)>;

/// What is to be done with a request: it is answered by a handler, or refused by an answer that is there already.
using Decision = std::variant<Handler, Response>;

/// Decides on a request that has come but for its body and its form; it lives until the decision is there.
using Admission = std::function<asio::awaitable<Decision>(const Request&)>;

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
    void get(std::string_view pattern, Handler handler) { get(pattern, admit_all(std::move(handler))); }
    void get(std::string_view pattern, Admission admission);
    void post(std::string_view pattern, Handler handler) { post(pattern, admit_all(std::move(handler))); }
    void post(std::string_view pattern, Admission admission, std::size_t body_limit = usual_body);
    void add(StaticFile file);

    /// The largest body that a request may have.
    std::size_t body_limit(const http::request_header<>& head) const;

    /// Decides on a request of which the message's head is there, and fills in what that says. Of a body that is
    /// refused nothing needs to be read. Throws nothing: an exception is logged, and refused with 500.
    asio::awaitable<Decision> admit(Request& request) const;

    /// Has a request that was admitted, and whose message is complete, answered. Throws nothing, as `admit`.
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
