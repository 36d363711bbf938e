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

/// Who asks: a user of the app, signed in.
struct Visitor
{
    passage::UserInfo user;
    bool is_administrator = false;
};

/// Makes pages of templates, with what all of them have: title, navigation, the token of forms, a notice of what was
/// done.
class View
{
public:
    explicit View(web::Templates templates) : templates_{std::move(templates)} {}

    /// A page; `visitor` is null for one who is not signed in.
    web::Response page(http::status status, std::string_view name, std::string_view title, const web::Request& request,
                       const Visitor* visitor, json::object values = {}) const;

    /// A page that says why something can't be done. The log has the errors of the library that operators can see to.
    web::Response failure(const web::Request& request, const Visitor* visitor, http::status status,
                          std::string_view text) const;
    web::Response failure(const web::Request& request, const Visitor* visitor, const passage::Error& error) const;

private:
    web::Templates templates_;
};

/// A time as people read it: `2024-03-11 09:21 UTC`; "never" if it never was.
std::string to_text(passage::Timestamp time);

/// What tables and lists show of a user.
json::object to_json(const passage::UserSummary& user);

/// What lists show of a user's devices.
json::array to_json(const std::vector<passage::WebAuthnDevice>& devices);

} // namespace app
