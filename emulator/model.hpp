#pragma once

#include "times.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The data that the service stores about a user. Members are named as in the API.
namespace passage::emulator {

/// The origin at which the users of all apps sign in.
inline constexpr std::string_view auth_origin = "https://localhost";

struct Device
{
    std::string id;
    std::string cred_id;
    std::string friendly_name;
    std::string type;
    std::int64_t usage_count = 0;
    Time created_at;
    Time updated_at;
    Time last_login_at;
    std::optional<std::string> icon_light;
    std::optional<std::string> icon_dark;
};

struct Event
{
    std::string id;
    std::string type;
    std::string action;
    std::string status;
    Time created_at;
    std::optional<Time> completed_at;
    std::string ip_addr;
    std::string user_agent;
    std::string user_agent_display;
    std::optional<std::string> social_login_type;
};

struct SocialConnection
{
    std::string provider;
    std::string provider_id;
    std::string provider_identifier;
    Time created_at;
    Time last_login_at;
};

/// The part of a user that is in listings.
struct UserRecord
{
    std::string id;
    std::optional<std::string> email;
    bool email_verified = false;
    std::optional<std::string> phone;
    bool phone_verified = false;
    std::string external_id;
    std::string status;
    Time created_at;
    Time updated_at;
    Time last_login_at;
    std::int64_t login_count = 0;
    std::optional<std::string> user_metadata; ///< a JSON object, as text
};

struct User
{
    UserRecord record;
    std::vector<Device> devices;
    std::vector<Event> recent_events;
    std::vector<SocialConnection> social_connections;
};

/// A link with which a user signs in or verifies an address.
struct MagicLink
{
    std::string id;
    std::string app_id;
    std::string user_id; ///< empty if no user has the address
    std::string identifier;
    std::string redirect_url;
    std::string secret;
    std::string path;
    std::int64_t ttl = 0; ///< minutes
    std::string type;
};

/// An update. An absent field is not changed; a null field is cleared.
struct UserChanges
{
    template <class T>
    using Field = std::optional<std::optional<T>>;

    Field<std::string> email;
    Field<std::string> phone;
    Field<std::string> user_metadata; ///< a JSON object, as text
};

} // namespace passage::emulator
