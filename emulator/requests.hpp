#pragma once

#include "model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Reads request bodies into the model. Members that are not known are ignored. All throw ApiError.
namespace passage::emulator {

/// A user to create: `email` or `phone`, and `user_metadata`.
User read_new_user(std::string_view body, Time now);

UserChanges read_user_changes(std::string_view body);

/// A magic link to make, for the user or the address that one of the first three tells.
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

/// The empty text and 0 stand for what is not given.
MagicLinkRequest read_magic_link(std::string_view body);

/// The claims of a user's token, as JSON: the usual ones, but for those that the body gives (null
/// leaves one out). Its audience is both the app and the app's auth origin: which one a client demands
/// depends on the client's version.
std::string read_claims(std::string_view app_id, std::string_view user_id, std::string_view body, Time now);

/// What the service itself would have brought about: any field of the model, in the shape in which
/// it is served, any text where the wire has a choice of words (a later service may know more). What
/// is absent gets a likely value, ids a random one.
User read_planted_user(std::string_view body, Time now);
Device read_planted_device(std::string_view body, Time now);
Event read_planted_event(std::string_view body, Time now);
SocialConnection read_planted_social_connection(std::string_view provider, std::string_view body, Time now);

} // namespace passage::emulator
