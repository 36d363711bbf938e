#pragma once

#include "store.hpp"

#include <optional>
#include <string_view>

namespace passage::emulator {

KeyHash hash_key(std::string_view api_key);

/// Whether the value of an Authorization field has the API key with this hash. Compares in constant time.
bool is_authorized(std::optional<std::string_view> authorization, const KeyHash& hash);

} // namespace passage::emulator
