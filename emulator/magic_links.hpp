#pragma once

#include "model.hpp"

#include <string_view>

namespace passage::emulator {

class Store;

/// The link that `body` asks for, for a user or for an address that no user has yet. It is not sent, whatever the body
/// says: the answer shows it, and nothing of the management API asks for it again. Throws ApiError.
MagicLink make_magic_link(Store& store, std::string_view app_id, std::string_view body);

} // namespace passage::emulator
