#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace web {

/// Returns the value of a cookie in the field `Cookie` of a request; empty if there is none.
std::string_view find_cookie(std::string_view field, std::string_view name);

/// A cookie to set. Scripts cannot read it, and forms of other sites do not send it.
struct Cookie
{
    std::string name;
    std::string value;
    bool secure = false; ///< Whether it is sent only over TLS.
    /// The lifetime. Zero means until the browser is closed; a negative value deletes the cookie.
    std::chrono::seconds max_age{0};
};

/// Returns the value of the field `Set-Cookie` that sets a cookie.
std::string to_field(const Cookie& cookie);

} // namespace web
