#pragma once

#include <cstddef>
#include <string>

namespace passage::emulator {

/// Random letters and digits, from a cryptographically secure generator.
std::string random_text(std::size_t length);

inline std::string new_id()
{
    return random_text(24);
}

inline std::string new_api_key()
{
    return random_text(64);
}

} // namespace passage::emulator
