#pragma once

#include <passage/user.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage {

/// A way of signing in that an app offers.
struct AuthMethod
{
    AuthMethod() = default;

    bool enabled = false; ///< Whether it is offered.
    /// How long its codes or links are good for; 0 if it has none. At most what `std::chrono::nanoseconds` counts.
    std::chrono::seconds ttl{0};

    friend bool operator==(const AuthMethod&, const AuthMethod&) = default;
};

/// The ways of signing in that an app may offer.
struct AuthMethods
{
    AuthMethods() = default;

    std::optional<AuthMethod> passkeys;   ///< Passkeys, if configured.
    std::optional<AuthMethod> otp;        ///< One-time codes, if configured.
    std::optional<AuthMethod> magic_link; ///< Magic links, if configured.

    friend bool operator==(const AuthMethods&, const AuthMethods&) = default;
};

/// A field that an app has in its users' metadata.
struct UserMetadataField
{
    UserMetadataField() = default;

    std::string id;            ///< The field's id.
    std::string field_name;    ///< Its name in `user_metadata`.
    std::string friendly_name; ///< Its name for people.
    std::string type;          ///< Its type, in the service's words: `string`, `boolean`, `integer`, `date`, ...
    bool profile = false;      ///< Whether users may see and edit it.
    bool registration = false; ///< Whether it is asked for at registration.

    friend bool operator==(const UserMetadataField&, const UserMetadataField&) = default;
};

/// An app, as it is configured.
///
/// Texts that the service left out, or sent as null, are empty. How the app's pages look is not read.
struct AppInfo
{
    AppInfo() = default;

    std::string id;                                      ///< The app's id.
    std::string name;                                    ///< Its name for people.
    std::string type;                                    ///< In the service's words: `complete`, `flex`, ...
    Timestamp created_at = never;                        ///< When it was created.
    std::string auth_origin;                             ///< Where it lives; older apps' tokens are for this audience.
    std::vector<std::string> additional_auth_origins;    ///< Where it lives too.
    std::string allowed_identifier;                      ///< `email`, `phone`, `both`, ...
    std::string required_identifier;                     ///< The identifier that every user must have.
    bool require_email_verification = false;             ///< Whether addresses are verified at registration.
    bool require_identifier_verification = false;        ///< Whether identifiers are.
    bool public_signup = false;                          ///< Whether anybody may register.
    bool profile_management = false;                     ///< Whether users may edit their profiles.
    AuthMethods auth_methods;                            ///< The ways of signing in.
    std::string login_url;                               ///< The path of the page to sign in.
    std::string redirect_url;                            ///< The path where users come out.
    std::string application_login_uri;                   ///< The route that begins a sign-in.
    std::vector<std::string> allowed_callback_urls;      ///< Where users may come out after signing in.
    std::vector<std::string> allowed_logout_urls;        ///< Where users may come out after signing out.
    bool hosted = false;                                 ///< Whether the service shows the sign-in pages itself.
    std::string hosted_subdomain;                        ///< Where it does.
    std::string hosted_theme;                            ///< How they look.
    std::string default_language;                        ///< The language of pages and messages.
    std::int64_t session_timeout_length = 0;             ///< Life of a token, as the service counts it.
    std::int64_t id_token_lifetime = 0;                  ///< Life of an id token, as the service counts it.
    bool refresh_enabled = false;                        ///< Whether there are refresh tokens.
    std::int64_t refresh_absolute_lifetime = 0;          ///< Their life, as the service counts it.
    std::int64_t refresh_inactivity_lifetime = 0;        ///< Their life if they are not used.
    std::string rsa_public_key;                          ///< The public key of its tokens, as the service writes it.
    std::vector<std::string> technologies;               ///< What the app is made with.
    std::vector<UserMetadataField> user_metadata_schema; ///< The fields of its users' metadata.
    std::string light_logo_url;                          ///< Its logo on light backgrounds.
    std::string dark_logo_url;                           ///< Its logo on dark backgrounds.

    friend bool operator==(const AppInfo&, const AppInfo&) = default;
};

} // namespace passage
