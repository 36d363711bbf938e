#pragma once

#include <string_view>

namespace passage::api {

/// The statuses by which the service says that an operation succeeded.
enum class Success {
    content, ///< 200, with what was asked for.
    created, ///< 201 or 200, with what was created.
    empty,   ///< 200 or 204; a body is not read.
};

/// What the way of a call depends on.
struct Operation
{
    std::string_view name;   ///< As the member function of `Client`.
    std::string_view method; ///< RFC 9110, section 9.
    Success success = Success::content;
    bool idempotent = true; ///< Made twice, it has the effect of once.
    /// Whether each answer of success names what was asked for, and is checked by it (`Question`).
    bool answer_names_subject = false;
    /// A repetition that finds nothing shows that an earlier attempt did it.
    bool repeated_not_found_is_success = false;
};

inline constexpr Operation create_user{"create_user", "POST", Success::created, false, true};
inline constexpr Operation get_user{"get_user", "GET", Success::content, true, true};
inline constexpr Operation coalesced_get_user{"coalesced_get_user", "GET", Success::content, true, true};
inline constexpr Operation get_user_by_identifier{"get_user_by_identifier", "GET"};
inline constexpr Operation update_user{"update_user", "PATCH", Success::content, true, true};
inline constexpr Operation activate_user{"activate_user", "PATCH", Success::content, true, true};
inline constexpr Operation deactivate_user{"deactivate_user", "PATCH", Success::content, true, true};
inline constexpr Operation delete_user{"delete_user", "DELETE", Success::empty, true, false, true};
inline constexpr Operation list_user_devices{"list_user_devices", "GET"};
inline constexpr Operation delete_user_device{"delete_user_device", "DELETE", Success::empty, true, false, true};
inline constexpr Operation revoke_user_refresh_tokens{"revoke_user_refresh_tokens", "DELETE", Success::empty};
inline constexpr Operation list_users{"list_users", "GET"};
inline constexpr Operation create_magic_link{"create_magic_link", "POST", Success::created, false, true};
inline constexpr Operation get_app{"get_app", "GET"};
/// The fetch of keys that `Authenticator::authenticate` makes.
inline constexpr Operation authenticate{"authenticate", "GET"};

} // namespace passage::api
