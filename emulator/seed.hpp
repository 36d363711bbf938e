#pragma once

#include "model.hpp"

#include <cstddef>
#include <vector>

namespace passage::emulator {

/// Plausible users, the same ones each time: the first n of any longer row are the row of n.
std::vector<User> invent_users(std::size_t count);

} // namespace passage::emulator
