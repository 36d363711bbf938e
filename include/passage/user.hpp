#pragma once

#include <passage/open_enum.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage {

// The models declare their constructors, which keeps them from being aggregates: g++ 12 frees an aggregate temporary
// inside a co_await expression twice.

/// A time of the service: UTC, to the microsecond (RFC 3339 on the wire; finer digits are cut off).
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// 0001-01-01T00:00:00Z, by which the service says that something never happened. Also a time that
/// it left out.
inline constexpr Timestamp never{std::chrono::seconds{-62'135'596'800}};

/// Whether a user may sign in.
enum class UserStatus { unknown, active, inactive, pending };
/// The wire's texts of `UserStatus`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<UserStatus>{"active", "inactive", "pending"};

/// The kind of a WebAuthn authenticator.
enum class WebAuthnType { unknown, passkey, security_key, platform };
/// The wire's texts of `WebAuthnType`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<WebAuthnType>{"passkey", "security_key", "platform"};

/// What a user did.
enum class EventAction { unknown, login, register_, other };
/// The wire's texts of `EventAction`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<EventAction>{"login", "register", "other"};

/// Whether what a user began was completed.
enum class EventStatus { unknown, complete, incomplete };
/// The wire's texts of `EventStatus`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<EventStatus>{"complete", "incomplete"};

/// A social log-in provider.
enum class SocialProvider { unknown, apple, github, google };
/// The wire's texts of `SocialProvider`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<SocialProvider>{"apple", "github", "google"};

/// Pictures of an authenticator: data URLs of SVGs, kilobytes each; empty if there is none.
struct DeviceIcons
{
    DeviceIcons() = default;

    std::string light; ///< For light backgrounds.
    std::string dark;  ///< For dark backgrounds.

    friend bool operator==(const DeviceIcons&, const DeviceIcons&) = default;
};

/// A passkey or security key of a user.
struct WebAuthnDevice
{
    WebAuthnDevice() = default;

    std::string id;                  ///< The device's id, as `delete_user_device` takes it.
    std::string cred_id;             ///< The WebAuthn credential id.
    std::string friendly_name;       ///< A name for people.
    OpenEnum<WebAuthnType> type;     ///< The authenticator's kind.
    std::int64_t usage_count = 0;    ///< How often it was used.
    Timestamp created_at = never;    ///< When it was registered.
    Timestamp updated_at = never;    ///< When it last changed.
    Timestamp last_login_at = never; ///< When it was last used.
    DeviceIcons icons;               ///< Its pictures.

    friend bool operator==(const WebAuthnDevice&, const WebAuthnDevice&) = default;
};

/// Something a user did lately.
struct UserEvent
{
    UserEvent() = default;

    std::string id;                             ///< The event's id.
    std::string type;                           ///< What happened, in the service's words.
    OpenEnum<EventAction> action;               ///< Its class.
    OpenEnum<EventStatus> status;               ///< Whether it was completed.
    Timestamp created_at = never;               ///< When it began.
    std::optional<Timestamp> completed_at;      ///< When it was completed, if it was.
    std::string ip_addr;                        ///< The address it came from.
    std::string user_agent;                     ///< The user agent's own text.
    std::string user_agent_display;             ///< The user agent, for people.
    OpenEnum<SocialProvider> social_login_type; ///< The provider, if one was used.

    friend bool operator==(const UserEvent&, const UserEvent&) = default;
};

/// A user's account at a social log-in provider.
struct SocialConnection
{
    SocialConnection() = default;

    std::string provider_id;         ///< The account's id there.
    std::string provider_identifier; ///< The e-mail or name there.
    Timestamp created_at = never;    ///< When it was connected.
    Timestamp last_login_at = never; ///< When it was last used.

    friend bool operator==(const SocialConnection&, const SocialConnection&) = default;
};

/// A user's connected providers.
struct SocialConnections
{
    SocialConnections() = default;

    std::optional<SocialConnection> apple;  ///< Apple, if connected.
    std::optional<SocialConnection> github; ///< GitHub, if connected.
    std::optional<SocialConnection> google; ///< Google, if connected.

    friend bool operator==(const SocialConnections&, const SocialConnections&) = default;
};

/// A user, as lists have it.
///
/// Texts that the service left out, or sent as null, are empty.
struct UserSummary
{
    UserSummary() = default;

    std::string id;                    ///< The user's id.
    std::string email;                 ///< The e-mail address.
    std::string phone;                 ///< The phone number, E.164.
    std::string external_id;           ///< The id elsewhere; only newer servers have it.
    OpenEnum<UserStatus> status;       ///< Whether the user may sign in.
    bool email_verified = false;       ///< Whether the address was verified.
    bool phone_verified = false;       ///< Whether the number was verified.
    std::int64_t login_count = 0;      ///< How often the user signed in.
    Timestamp created_at = never;      ///< When the user was created.
    Timestamp updated_at = never;      ///< When the user last changed.
    Timestamp last_login_at = never;   ///< When the user last signed in.
    boost::json::object user_metadata; ///< The app's own fields; empty also where the service has null.

    friend bool operator==(const UserSummary&, const UserSummary&) = default;
};

/// A user, complete.
struct UserInfo : UserSummary
{
    UserInfo() = default;

    bool webauthn = false;                              ///< Whether a WebAuthn device is registered.
    std::vector<OpenEnum<WebAuthnType>> webauthn_types; ///< The kinds of those registered.
    std::vector<WebAuthnDevice> webauthn_devices;       ///< The devices.
    std::vector<UserEvent> recent_events;               ///< What the user did lately.
    SocialConnections social_connections;               ///< The connected providers.

    friend bool operator==(const UserInfo&, const UserInfo&) = default;
};

/// Where the service says the other pages are: path and query of each, empty where there is none.
struct PageLinks
{
    PageLinks() = default;

    std::string first;    ///< The first page.
    std::string last;     ///< The last page.
    std::string next;     ///< The page after this.
    std::string previous; ///< The page before this.
    std::string self;     ///< This page.

    friend bool operator==(const PageLinks&, const PageLinks&) = default;
};

/// One page of a list of users.
struct UserPage
{
    UserPage() = default;

    std::vector<UserSummary> users; ///< The users.
    std::int64_t page = 0;          ///< This page's number, from 1.
    std::int64_t limit = 0;         ///< The most users a page has.
    std::int64_t total_users = 0;   ///< Users on all pages together.
    /// Only users created before this are in the set. Within what `std::chrono::nanoseconds` count.
    std::chrono::sys_seconds created_before{};
    PageLinks links; ///< The other pages.

    friend bool operator==(const UserPage&, const UserPage&) = default;
};

} // namespace passage
