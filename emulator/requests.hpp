#pragma once

#include "model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Read request bodies into the model. Unknown members are ignored. All throw ApiError.
namespace passage::emulator {

/// Reads a user to create: `email` or `phone`, and `user_metadata`.
User read_new_user(std::string_view body, Time now);

UserChanges read_user_changes(std::string_view body);

/// A magic link to create. One of the first three members names the recipient.
struct MagicLinkRequest
{
    std::optional<std::string> email;
    std::optional<std::string> phone;
    std::optional<std::string> user_id;
    std::optional<std::string> channel; ///< email or phone
    std::string type;
    std::string path;
    std::string redirect_url;
    std::int64_t ttl = 0; ///< minutes
};

/// Empty strings and 0 count as absent.
MagicLinkRequest read_magic_link(std::string_view body);

/// The claims of a user's token, as JSON: default claims, replaced by those of the body (null omits a claim). The
/// default audience is both the app and its auth origin, because clients differ in which of them they require.
std::string read_claims(std::string_view app_id, std::string_view user_id, std::string_view body, Time now);

/// Read objects in the form in which they are served, for tests that need states which the API can't create.
/// Enumerations accept any string. Absent members get a plausible value, ids a random one.
User read_planted_user(std::string_view body, Time now);
Device read_planted_device(std::string_view body, Time now);
Event read_planted_event(std::string_view body, Time now);
SocialConnection read_planted_social_connection(std::string_view provider, std::string_view body, Time now);

} // namespace passage::emulator
