#pragma once

#include <passage/user.hpp>

#include <optional>
#include <string>
#include <vector>

namespace passage {

/// What a token says, once it was checked.
struct Claims
{
    Claims() = default;

    std::string user_id;                 ///< The user who signed in (`sub`).
    std::vector<std::string> audience;   ///< Whom the token is for (`aud`).
    std::string issuer;                  ///< Who made it (`iss`); empty if it does not say.
    Timestamp expires_at = never;        ///< Until when it is good (`exp`).
    std::optional<Timestamp> issued_at;  ///< When it was made (`iat`), if it says so.
    std::optional<Timestamp> not_before; ///< From when on it is good (`nbf`), if it says so.
    std::string payload;                 ///< All claims: the JSON object that was signed.

    friend bool operator==(const Claims&, const Claims&) = default;
};

} // namespace passage
