#pragma once

#include <passage/user.hpp>

#include <optional>
#include <string>
#include <vector>

namespace passage {

/// The claims of a token that was accepted.
struct Claims
{
    Claims() = default;

    std::string user_id;                 ///< The user who signed in (`sub`).
    std::vector<std::string> audience;   ///< The audience of the token (`aud`).
    std::string issuer;                  ///< The issuer (`iss`); empty if absent.
    Timestamp expires_at = never;        ///< The time at which the token expires (`exp`).
    std::optional<Timestamp> issued_at;  ///< The time at which the token was issued (`iat`), if present.
    std::optional<Timestamp> not_before; ///< The time from which the token is valid (`nbf`), if present.
    std::string payload;                 ///< All claims: the JSON object that was signed.

    friend bool operator==(const Claims&, const Claims&) = default;
};

} // namespace passage
