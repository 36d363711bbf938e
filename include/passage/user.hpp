#pragma once

#include <passage/open_enum.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage {

// The models declare their constructors so that they are not aggregates: g++ 12 frees an aggregate temporary inside a
// co_await expression twice.

/// A time in UTC, in microseconds since the epoch. The API uses RFC 3339; digits beyond microseconds are cut off.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// The time 0001-01-01T00:00:00Z, which the service sends for something that never happened. Also the value of a time
/// that the service omits.
inline constexpr Timestamp never{std::chrono::seconds{-62'135'596'800}};

/// Whether a user may sign in.
enum class UserStatus { unknown, active, inactive, pending };
/// The texts that the API uses for `UserStatus`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<UserStatus>{"active", "inactive", "pending"};

/// The kind of a WebAuthn authenticator.
enum class WebAuthnType { unknown, passkey, security_key, platform };
/// The texts that the API uses for `WebAuthnType`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<WebAuthnType>{"passkey", "security_key", "platform"};

/// The kind of action of a user event.
enum class EventAction { unknown, login, register_, other };
/// The texts that the API uses for `EventAction`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<EventAction>{"login", "register", "other"};

/// Says whether a user event was completed.
enum class EventStatus { unknown, complete, incomplete };
/// The texts that the API uses for `EventStatus`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<EventStatus>{"complete", "incomplete"};

/// A social login provider.
enum class SocialProvider { unknown, apple, github, google };
/// The texts that the API uses for `SocialProvider`.
template <>
inline constexpr std::array<std::string_view, 3> enum_texts<SocialProvider>{"apple", "github", "google"};

/// The icons of an authenticator, as data URLs of SVGs of several kilobytes each. Empty if there is none.
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

    std::string id;                  ///< The device's id, for `Client::delete_user_device`.
    std::string cred_id;             ///< The WebAuthn credential id.
    std::string friendly_name;       ///< The display name.
    OpenEnum<WebAuthnType> type;     ///< The kind of authenticator.
    std::int64_t usage_count = 0;    ///< The number of times that the device was used.
    Timestamp created_at = never;    ///< The time at which the device was registered.
    Timestamp updated_at = never;    ///< The time at which the device was last changed.
    Timestamp last_login_at = never; ///< The time at which the device was last used.
    DeviceIcons icons;               ///< The icons.

    friend bool operator==(const WebAuthnDevice&, const WebAuthnDevice&) = default;
};

/// A recent event of a user.
struct UserEvent
{
    UserEvent() = default;

    std::string id;                             ///< The event's id.
    std::string type;                           ///< The type of event, as the service names it.
    OpenEnum<EventAction> action;               ///< The kind of action.
    OpenEnum<EventStatus> status;               ///< Whether the event was completed.
    Timestamp created_at = never;               ///< The time at which the event began.
    std::optional<Timestamp> completed_at;      ///< The time at which the event was completed, if it was.
    std::string ip_addr;                        ///< The IP address of the user.
    std::string user_agent;                     ///< The value of the `User-Agent` field.
    std::string user_agent_display;             ///< The display name of the user agent.
    OpenEnum<SocialProvider> social_login_type; ///< The social login provider, if one was used.

    friend bool operator==(const UserEvent&, const UserEvent&) = default;
};

/// A user's account at a social login provider.
struct SocialConnection
{
    SocialConnection() = default;

    std::string provider_id;         ///< The id of the account at the provider.
    std::string provider_identifier; ///< The e-mail address or name at the provider.
    Timestamp created_at = never;    ///< The time at which the account was connected.
    Timestamp last_login_at = never; ///< The time at which the account was last used.

    friend bool operator==(const SocialConnection&, const SocialConnection&) = default;
};

/// The accounts that a user has connected.
struct SocialConnections
{
    SocialConnections() = default;

    std::optional<SocialConnection> apple;  ///< Apple, if connected.
    std::optional<SocialConnection> github; ///< GitHub, if connected.
    std::optional<SocialConnection> google; ///< Google, if connected.

    friend bool operator==(const SocialConnections&, const SocialConnections&) = default;
};

/// A user as an item of a list.
///
/// Strings that the service omits, or sends as null, are empty. Metadata that nests more than 29 levels deep, or that
/// has a number beyond the range of a double, may fail to be decoded (`Errc::decode`).
struct UserSummary
{
    UserSummary() = default;

    std::string id;                    ///< The user's id.
    std::string email;                 ///< The e-mail address.
    std::string phone;                 ///< The phone number in E.164 format.
    std::string external_id;           ///< The user's id in another system; only newer servers send it.
    OpenEnum<UserStatus> status;       ///< Whether the user may sign in.
    bool email_verified = false;       ///< Whether the e-mail address was verified.
    bool phone_verified = false;       ///< Whether the phone number was verified.
    std::int64_t login_count = 0;      ///< The number of times that the user signed in.
    Timestamp created_at = never;      ///< The time at which the user was created.
    Timestamp updated_at = never;      ///< The time at which the user was last changed.
    Timestamp last_login_at = never;   ///< The time at which the user last signed in.
    boost::json::object user_metadata; ///< The app's own fields; also empty if the service sends null.

    friend bool operator==(const UserSummary&, const UserSummary&) = default;
};

/// A user with all its fields.
struct UserInfo : UserSummary
{
    UserInfo() = default;

    bool webauthn = false;                              ///< Whether a WebAuthn device is registered.
    std::vector<OpenEnum<WebAuthnType>> webauthn_types; ///< The kinds of the registered WebAuthn devices.
    std::vector<WebAuthnDevice> webauthn_devices;       ///< The registered WebAuthn devices.
    std::vector<UserEvent> recent_events;               ///< The recent events of the user.
    SocialConnections social_connections;               ///< The accounts that the user has connected.

    friend bool operator==(const UserInfo&, const UserInfo&) = default;
};

/// The links of the service to other pages of a list: path and query of each page; empty if there is no such page.
struct PageLinks
{
    PageLinks() = default;

    std::string first;    ///< The first page.
    std::string last;     ///< The last page.
    std::string next;     ///< The next page.
    std::string previous; ///< The previous page.
    std::string self;     ///< This page.

    friend bool operator==(const PageLinks&, const PageLinks&) = default;
};

/// One page of a list of users.
struct UserPage
{
    UserPage() = default;

    std::vector<UserSummary> users; ///< The users of this page.
    std::int64_t page = 0;          ///< The number of this page, from 1.
    std::int64_t limit = 0;         ///< The maximum number of users on a page.
    std::int64_t total_users = 0;   ///< The number of users on all pages together.
    /// Only users that were created before this time are listed. Within the range of `std::chrono::nanoseconds`.
    std::chrono::sys_seconds created_before{};
    PageLinks links; ///< The links to other pages.

    friend bool operator==(const UserPage&, const UserPage&) = default;
};

} // namespace passage
