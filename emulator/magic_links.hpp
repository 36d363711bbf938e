#pragma once

#include "model.hpp"

#include <string_view>

namespace passage::emulator {

class Store;

/// Creates the link that `body` describes, for a user or for an address that no user has yet. The link is only in the
/// response: it is never sent, whatever `body` says, and not stored. Throws ApiError.
MagicLink make_magic_link(Store& store, std::string_view app_id, std::string_view body);

} // namespace passage::emulator
