#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace web {

/// The value of a cookie in a request's field `Cookie`; empty if there is none.
std::string_view find_cookie(std::string_view field, std::string_view name);

/// How a cookie is set. No script can read it, and no other site's form sends it.
struct Cookie
{
    std::string name;
    std::string value;
    bool secure = false; ///< Over TLS alone.
    /// For how long; until the browser is closed if it is zero, and over at once if it is less.
    std::chrono::seconds max_age{0};
};

/// The value of the field `Set-Cookie` that sets a cookie.
std::string to_field(const Cookie& cookie);

} // namespace web
