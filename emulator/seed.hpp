#pragma once

#include "model.hpp"

#include <cstddef>
#include <vector>

namespace passage::emulator {

/// Generates plausible users, the same in each run. More users begin with the same ones.
std::vector<User> invent_users(std::size_t count);

} // namespace passage::emulator
