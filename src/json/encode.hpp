#pragma once

#include <passage/expected.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>

#include <string>

/// Model to bytes.
///
/// What JSON can't hold, or the service could not give back (text that is not UTF-8, NaN, infinity,
/// metadata that nest deeper than `max_metadata_depth`), is `Errc::invalid_argument`; the message
/// names the place by its JSON pointer: `at /user_metadata/plan: not valid UTF-8`.
namespace passage::json {

/// The body of `create_user`.
expected<std::string> encode(const CreateUserRequest& request);

/// The body of `update_user`: what is left alone is left out.
expected<std::string> encode(const UpdateUserRequest& request);

/// The body of `create_magic_link`: what is not set is left out.
expected<std::string> encode(const CreateMagicLinkRequest& request);

} // namespace passage::json
