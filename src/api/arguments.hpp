#pragma once

#include <passage/expected.hpp>
#include <passage/list_users.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>

#include <string>
#include <string_view>

/// What callers may ask for: arguments of operations, checked and encoded. What can't be sent is
/// `Errc::invalid_argument` or `Errc::too_large`, with a sentence.
namespace passage::api {

/// A segment of a path.
using Id = std::string_view;

/// An e-mail address or a phone number, by which a user is looked for.
struct Identifier
{
    std::string_view text;
};

/// What stands behind the path of a request: a question mark and parameters, or nothing.
struct Query
{
    std::string text;
};

/// The content of a request.
struct Body
{
    std::string json;
};

/// Checks an id: not empty, no dot segment, valid UTF-8 without control bytes, at most 256 bytes. `what` names it in
/// the message.
expected<void> check_id(std::string_view what, Id id);

/// One user at most.
expected<Query> encode(const Identifier& identifier);
expected<Query> encode(const ListUsersRequest& request);
expected<Body> encode(const CreateUserRequest& request);
expected<Body> encode(const UpdateUserRequest& request);
expected<Body> encode(const CreateMagicLinkRequest& request);

} // namespace passage::api
