#pragma once

#include <passage/expected.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>

#include <string>

/// Encodes requests as JSON.
///
/// Fails with `Errc::invalid_argument` on values that JSON can't represent or the service could not return: text that
/// is not UTF-8, NaN, infinity, metadata that nests deeper than `max_metadata_depth`. The message has the JSON pointer
/// of the value: `at /user_metadata/plan: not valid UTF-8`.
namespace passage::json {

/// The body of `create_user`.
expected<std::string> encode(const CreateUserRequest& request);

/// The body of `update_user`, without the fields that are kept.
expected<std::string> encode(const UpdateUserRequest& request);

/// The body of `create_magic_link`, without the fields that are not set.
expected<std::string> encode(const CreateMagicLinkRequest& request);

} // namespace passage::json
