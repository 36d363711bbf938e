#pragma once

#include <passage/user.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage {

/// The settings of one sign-in method of an app.
struct AuthMethod
{
    AuthMethod() = default;

    bool enabled = false; ///< Whether the app offers the method.
    /// How long its codes or links are valid; 0 if it has none. Within the range of `std::chrono::nanoseconds`.
    std::chrono::seconds ttl{0};

    friend bool operator==(const AuthMethod&, const AuthMethod&) = default;
};

/// The sign-in methods of an app.
struct AuthMethods
{
    AuthMethods() = default;

    std::optional<AuthMethod> passkeys;   ///< Passkeys, if configured.
    std::optional<AuthMethod> otp;        ///< One-time codes, if configured.
    std::optional<AuthMethod> magic_link; ///< Magic links, if configured.

    friend bool operator==(const AuthMethods&, const AuthMethods&) = default;
};

/// A field of the metadata of an app's users.
struct UserMetadataField
{
    UserMetadataField() = default;

    std::string id;            ///< The field's id.
    std::string field_name;    ///< The name of the field in `user_metadata`.
    std::string friendly_name; ///< The display name.
    std::string type;          ///< The type, as the service names it: `string`, `boolean`, `integer`, `date`, ...
    bool profile = false;      ///< Whether users may see and edit the field.
    bool registration = false; ///< Whether the field is requested at registration.

    friend bool operator==(const UserMetadataField&, const UserMetadataField&) = default;
};

/// The configuration of an app.
///
/// Strings that the service omits, or sends as null, are empty. The appearance of the app's pages is not included.
struct AppInfo
{
    AppInfo() = default;

    std::string id;                                   ///< The app's id.
    std::string name;                                 ///< The display name.
    std::string type;                                 ///< The type, as the service names it: `complete`, `flex`, ...
    Timestamp created_at = never;                     ///< The time at which the app was created.
    std::string auth_origin;                          ///< The app's origin; tokens of older apps have this audience.
    std::vector<std::string> additional_auth_origins; ///< Further origins of the app.
    std::string allowed_identifier;                   ///< Permitted identifiers: `email`, `phone`, `both`, ...
    std::string required_identifier;                  ///< The identifier that every user must have.
    bool require_email_verification = false;          ///< Whether e-mail addresses are verified at registration.
    bool require_identifier_verification = false;     ///< Whether identifiers are verified at registration.
    bool public_signup = false;                       ///< Whether anyone may register.
    bool profile_management = false;                  ///< Whether users may edit their profiles.
    AuthMethods auth_methods;                         ///< The sign-in methods.
    std::string login_url;                            ///< The path of the sign-in page.
    std::string redirect_url;                         ///< The path to which users are redirected.
    std::string application_login_uri;                ///< The route that starts a sign-in.
    std::vector<std::string> allowed_callback_urls;   ///< Where users may be redirected after signing in.
    std::vector<std::string> allowed_logout_urls;     ///< Where users may be redirected after signing out.
    bool hosted = false;                              ///< Whether the service hosts the sign-in pages.
    std::string hosted_subdomain;                     ///< The subdomain of the hosted pages.
    std::string hosted_theme;                         ///< The theme of the hosted pages.
    std::string default_language;                     ///< The language of pages and messages.
    std::int64_t session_timeout_length = 0;          ///< Lifetime of a token, in the service's own unit.
    std::int64_t id_token_lifetime = 0;               ///< Lifetime of an id token, in the service's own unit.
    bool refresh_enabled = false;                     ///< Whether the service issues refresh tokens.
    std::int64_t refresh_absolute_lifetime = 0;       ///< Lifetime of a refresh token, in the service's own unit.
    std::int64_t refresh_inactivity_lifetime = 0;     ///< Lifetime of an unused refresh token, in the same unit.
    std::string rsa_public_key;                       ///< The public key of the app's tokens, as the service sends it.
    std::vector<std::string> technologies;            ///< The technologies that the app is built with.
    std::vector<UserMetadataField> user_metadata_schema; ///< The fields of the users' metadata.
    std::string light_logo_url;                          ///< The logo for light backgrounds.
    std::string dark_logo_url;                           ///< The logo for dark backgrounds.

    friend bool operator==(const AppInfo&, const AppInfo&) = default;
};

} // namespace passage
