#pragma once

#include "app/failure.hpp"
#include "web/message.hpp"
#include "web/templates.hpp"

#include <passage/user.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace app {

namespace http = web::http;
namespace json = boost::json;

/// A visitor: a user of the app who is signed in.
struct Visitor
{
    passage::UserInfo user;
    bool is_administrator = false;
};

/// Makes pages from templates, with the parts that all pages have: title, navigation, the token of forms, and a notice
/// of the last action.
class View
{
public:
    explicit View(web::Templates templates) : templates_{std::move(templates)} {}

    /// Returns a page. `visitor` is null if the visitor is not signed in.
    web::Response page(http::status status, std::string_view name, std::string_view title, const web::Request& request,
                       const Visitor* visitor, json::object values = {}) const;

    /// Returns a page that says why an action failed. Errors of the library that concern the operators are logged.
    web::Response failure(const web::Request& request, const Visitor* visitor, http::status status,
                          std::string_view text) const;
    web::Response failure(const web::Request& request, const Visitor* visitor, const passage::Error& error) const;

private:
    web::Templates templates_;
};

/// Returns a time in the form `2024-03-11 09:21 UTC`, or "never".
std::string to_text(passage::Timestamp time);

/// Returns the values of a user that tables and lists show.
json::object to_json(const passage::UserSummary& user);

/// Returns the values of a user's devices that lists show.
json::array to_json(const std::vector<passage::WebAuthnDevice>& devices);

} // namespace app
