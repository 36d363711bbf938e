#pragma once

#include "fields.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string>
#include <utility>

namespace web {

namespace http = boost::beast::http;

/// A request, with the fields of its path, query and body.
struct Request
{
    http::request<http::string_body> message;
    Fields names; ///< Segments of the path where the route's pattern has names in braces.
    Fields query;
    Fields form;
    std::string form_token;      ///< The value that every form must send as its field `csrf`.
    bool has_form_token = false; ///< Whether the browser already has that token.
};

using Response = http::response<http::string_body>;

inline Response respond(http::status status, std::string content_type, std::string body)
{
    Response response{status, 11};
    response.set(http::field::content_type, content_type);
    response.body() = std::move(body);
    return response;
}

/// Returns a response that makes the browser get another page of this site. After a form was sent, this prevents the
/// browser from sending it twice.
inline Response redirect(std::string path)
{
    Response response{http::status::see_other, 11};
    response.set(http::field::location, path);
    return response;
}

} // namespace web
