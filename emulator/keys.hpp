#pragma once

#include "store.hpp"

#include <optional>
#include <string_view>

namespace passage::emulator {

KeyHash hash_key(std::string_view api_key);

/// Whether the value of an Authorization field carries the key of that hash. Takes the same time
/// wherever a wrong key differs.
bool is_authorized(std::optional<std::string_view> authorization, const KeyHash& hash);

} // namespace passage::emulator
