#pragma once

#include <string>

namespace passage::emulator {

struct Response;

/// The bytes of a response. `head_only` is for responses to HEAD.
std::string to_bytes(const Response& response, bool keep_alive, bool head_only);

} // namespace passage::emulator
