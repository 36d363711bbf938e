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

/// Bytes to model.
///
/// Unknown fields are skipped. A field that is null reads as one that is absent: it is empty. What
/// is not JSON (RFC 8259), nests deeper than `max_depth`, has a value of the wrong type or lacks
/// what can't be absent (ids, and the payload itself) is `Errc::decode`; the message names the place
/// by its JSON pointer: `at /user/login_count: a 64-bit integer is expected`. Of fields with equal
/// names the last holds.
///
/// What reading a body may hold in memory, its result included, is limited: to 8 times the body (to
/// 1 MiB if the body is small), and to `limit` bytes. More is `Errc::too_large`; the message names the
/// place and the limit that holds.
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

/// Any value, as metadata are read: doubles are exact, numbers beyond them refused.
expected<boost::json::value> decode_value(std::string_view body, std::size_t limit = default_limit);

/// Whom a request of this library is for.
struct Recipient
{
    std::string email;
    std::string phone;
    std::string user_id;
};

/// Reads the body of `create_user` or `create_magic_link` back; what is not said is empty.
expected<Recipient> decode_recipient(std::string_view body);

/// What the service says of an error, as it is: neither bounded nor escaped.
struct ErrorBody
{
    std::string code;  ///< For machines.
    std::string error; ///< For people.

    friend bool operator==(const ErrorBody&, const ErrorBody&) = default;
};

/// Reads `{"code": ..., "error": ...}`; none if it is anything else, says one thing twice, or takes
/// more than 1 MiB. One of the two may be absent.
std::optional<ErrorBody> decode_error(std::string_view body);

} // namespace passage::json
