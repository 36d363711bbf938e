#pragma once

#include "store.hpp"

#include <string>
#include <string_view>
#include <vector>

/// The tokens that an app's users sign in with, and the keys that sign them. Any thread may ask.
namespace passage::emulator {

/// The keys by which tokens can be checked, oldest first; the newest one signs. An app that has none
/// gets its first.
std::vector<SigningKey> key_set(Store& store, std::string_view app_id, Time now);

/// Has tokens be signed by a new key from now on; returns its id.
std::string rotate_key(Store& store, std::string_view app_id, Time now);

/// A token of a user that signs in now, good for a day. `body` is a JSON object of claims that take
/// the place of the usual ones; null leaves one out. Throws ApiError.
std::string issue_token(Store& store, std::string_view app_id, std::string_view user_id, std::string_view body,
                        Time now);

} // namespace passage::emulator
