#pragma once

#include "json/allowance.hpp"

#include <passage/app.hpp>
#include <passage/expected.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Decodes JSON bodies.
///
/// Skips unknown fields. Null is the same as an absent field, which leaves the member empty. If names repeat in an
/// object, the last one wins. Fails with `Errc::decode` on a body that is not JSON (RFC 8259), nests deeper than
/// `max_depth`, has a value of the wrong type, or lacks a required field (an id, the payload itself). The message has
/// the JSON pointer of the value: `at /user/login_count: a 64-bit integer is expected`.
///
/// Decoding a body may use, result included, 8 times its size (1 MiB for a small body) but no more than `limit` bytes
/// of memory. Beyond that it fails with `Errc::too_large`; the message has the pointer and the limit.
namespace passage::json {

/// Reads `{"user": ...}`.
expected<UserInfo> decode_user(std::string_view body, std::size_t limit = default_limit);

/// Reads a page of a list of users.
expected<UserPage> decode_user_page(std::string_view body, std::size_t limit = default_limit);

/// Reads `{"devices": [...]}`.
expected<std::vector<WebAuthnDevice>> decode_devices(std::string_view body, std::size_t limit = default_limit);

/// Reads `{"magic_link": ...}`.
expected<MagicLink> decode_magic_link(std::string_view body, std::size_t limit = default_limit);

/// Reads `{"app": ...}`.
expected<AppInfo> decode_app(std::string_view body, std::size_t limit = default_limit);

/// Reads any value, as metadata is read: doubles are exact, and numbers beyond the range of a double are refused.
expected<boost::json::value> decode_value(std::string_view body, std::size_t limit = default_limit);

/// The user whom a request of this library names.
struct Recipient
{
    std::string email;
    std::string phone;
    std::string user_id;
};

/// Reads the body of a `create_user` or `create_magic_link` request. Absent fields are empty.
expected<Recipient> decode_recipient(std::string_view body);

/// The service's description of an error, neither truncated nor escaped.
struct ErrorBody
{
    std::string code;  ///< For machines.
    std::string error; ///< For people.

    friend bool operator==(const ErrorBody&, const ErrorBody&) = default;
};

/// Reads `{"code": ..., "error": ...}`, of which one may be absent. Null if the body is anything else, repeats a name,
/// or needs more than 1 MiB of memory.
std::optional<ErrorBody> decode_error(std::string_view body);

} // namespace passage::json
