#pragma once

#include <passage/expected.hpp>
#include <passage/list_users.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>

#include <string>
#include <string_view>

/// Checks and encodes the arguments of operations. Fails with `Errc::invalid_argument` or `Errc::too_large`; the
/// message says what is wrong.
namespace passage::api {

/// An id, which becomes a segment of a path.
using Id = std::string_view;

/// The e-mail address or phone number of the user to find.
struct Identifier
{
    std::string_view text;
};

/// The query of a request: a question mark and parameters, or empty.
struct Query
{
    std::string text;
};

/// The body of a request.
struct Body
{
    std::string json;
};

/// Checks that an id is not empty or a dot segment, is valid UTF-8 without control characters, and has at most 256
/// bytes. `what` names it in the message.
expected<void> check_id(std::string_view what, Id id);

/// Encodes a query for at most one user.
expected<Query> encode(const Identifier& identifier);
expected<Query> encode(const ListUsersRequest& request);
expected<Body> encode(const CreateUserRequest& request);
expected<Body> encode(const UpdateUserRequest& request);
expected<Body> encode(const CreateMagicLinkRequest& request);

} // namespace passage::api
