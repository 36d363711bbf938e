#pragma once

#include <passage/error.hpp>
#include <passage/expected.hpp>

#include <string_view>

namespace passage::jwt {

/// The token of an `Authorization` field (RFC 6750, section 2.1); empty if it has none.
std::string_view bearer_token(std::string_view authorization) noexcept;

/// The token of a `Cookie` field (RFC 6265, section 5.4); empty if it has none. `JwtReason::malformed` if it has two:
/// one of them may have been set by an attacker.
expected<std::string_view, JwtReason> cookie_token(std::string_view cookie) noexcept;

} // namespace passage::jwt
