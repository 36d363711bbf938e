#pragma once

#include <string>

namespace passage::emulator {

struct Response;

/// An answer as it is sent; `head_only` if it is one to HEAD.
std::string to_bytes(const Response& response, bool keep_alive, bool head_only);

} // namespace passage::emulator
