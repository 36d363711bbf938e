#pragma once

#include <passage/user.hpp>

#include <string_view>

namespace passage::bench {

/// Reads `{"user": ...}` by way of Boost.JSON's DOM, as a program does that has no decoder of its own. Throws
/// `system_error` or `runtime_error` for what is no user.
UserInfo user_from_dom(std::string_view body);

/// Parses `{"user": ...}` into the DOM, and no more. Throws as above.
void parse_into_dom(std::string_view body);

/// The same into a `monotonic_resource` over a buffer on the stack.
void parse_into_monotonic_dom(std::string_view body);

} // namespace passage::bench
