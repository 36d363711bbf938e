#pragma once

#include <passage/app.hpp>
#include <passage/claims.hpp>
#include <passage/error.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <iosfwd>
#include <string_view>

namespace passage::ctl {

// All fields, under the names of the API. What the API may omit is null or empty here.

boost::json::object to_json(const UserSummary& user);
boost::json::object to_json(const UserInfo& user);
boost::json::object to_json(const WebAuthnDevice& device);
boost::json::object to_json(const MagicLink& link);
boost::json::object to_json(const AppInfo& app);
boost::json::object to_json(const Error& error);
/// JSON text, as it was signed: a `boost::json::object` does not hold all numbers.
std::string_view to_json(const Claims& claims);

/// Returns a JSON string, with U+FFFD in place of bytes that are not UTF-8.
boost::json::value json_text(std::string_view text);

/// Writes an object and a line feed. Everything that a terminal would obey is escaped (`\u009b`).
void write_line(std::ostream& stream, const boost::json::object& object);
/// The same for an object as JSON text.
void write_line(std::ostream& stream, std::string_view text);

} // namespace passage::ctl
