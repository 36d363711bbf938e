#pragma once

#include "model.hpp"

#include <string_view>

/// Reads request bodies into the model. Members that are not known are ignored. All throw ApiError.
namespace passage::emulator {

/// A user to create: `email` or `phone`, and `user_metadata`.
User read_new_user(std::string_view body, Time now);

UserChanges read_user_changes(std::string_view body);

/// What the service itself would have brought about: any field of the model, in the shape in which
/// it is served, any text where the wire has a choice of words (a later service may know more). What
/// is absent gets a likely value, ids a random one.
User read_planted_user(std::string_view body, Time now);
Device read_planted_device(std::string_view body, Time now);
Event read_planted_event(std::string_view body, Time now);
SocialConnection read_planted_social_connection(std::string_view provider, std::string_view body, Time now);

} // namespace passage::emulator
