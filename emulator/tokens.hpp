#pragma once

#include "store.hpp"

#include <string>
#include <string_view>
#include <vector>

/// The tokens with which users of an app sign in, and the keys that sign them. Thread-safe.
namespace passage::emulator {

/// The keys of an app, oldest first. The newest one signs. Creates a key if there is none.
std::vector<SigningKey> key_set(Store& store, std::string_view app_id, Time now);

/// Creates a key that signs all further tokens. Returns its id.
std::string rotate_key(Store& store, std::string_view app_id, Time now);

/// A token of a user that signs in now, valid for a day. `body` is a JSON object of claims that replace the default
/// ones; null omits a claim. Throws ApiError.
std::string issue_token(Store& store, std::string_view app_id, std::string_view user_id, std::string_view body,
                        Time now);

} // namespace passage::emulator
