#pragma once

#include <passage/user.hpp>

#include <string_view>

namespace passage::bench {

/// Reads `{"user": ...}` by way of Boost.JSON's DOM, as a program does that has no decoder of its own. Throws
/// `system_error` or `runtime_error` for what is no user.
UserInfo user_from_dom(std::string_view body);

} // namespace passage::bench
