#pragma once

#include "json/decode.hpp"
#include "json/type.hpp"

#include <algorithm>
#include <array>

/// The fields of the models, in the order in which the service writes them: the decoder expects
/// each behind the one before it.
namespace passage::json {

template <>
inline constexpr std::array fields_of<DeviceIcons>{
    field<DeviceIcons, &DeviceIcons::light>("light"),
    field<DeviceIcons, &DeviceIcons::dark>("dark"),
};

template <>
inline constexpr std::array fields_of<WebAuthnDevice>{
    field<WebAuthnDevice, &WebAuthnDevice::id>("id", Presence::required),
    field<WebAuthnDevice, &WebAuthnDevice::cred_id>("cred_id"),
    field<WebAuthnDevice, &WebAuthnDevice::friendly_name>("friendly_name"),
    field<WebAuthnDevice, &WebAuthnDevice::type>("type"),
    field<WebAuthnDevice, &WebAuthnDevice::usage_count>("usage_count"),
    field<WebAuthnDevice, &WebAuthnDevice::created_at>("created_at"),
    field<WebAuthnDevice, &WebAuthnDevice::updated_at>("updated_at"),
    field<WebAuthnDevice, &WebAuthnDevice::last_login_at>("last_login_at"),
    field<WebAuthnDevice, &WebAuthnDevice::icons>("icons"),
};

template <>
inline constexpr std::array fields_of<UserEvent>{
    field<UserEvent, &UserEvent::id>("id"),
    field<UserEvent, &UserEvent::type>("type"),
    field<UserEvent, &UserEvent::action>("action"),
    field<UserEvent, &UserEvent::status>("status"),
    field<UserEvent, &UserEvent::created_at>("created_at"),
    field<UserEvent, &UserEvent::completed_at>("completed_at"),
    field<UserEvent, &UserEvent::ip_addr>("ip_addr"),
    field<UserEvent, &UserEvent::user_agent>("user_agent"),
    field<UserEvent, &UserEvent::user_agent_display>("user_agent_display"),
    field<UserEvent, &UserEvent::social_login_type>("social_login_type"),
};

template <>
inline constexpr std::array fields_of<SocialConnection>{
    field<SocialConnection, &SocialConnection::provider_id>("provider_id"),
    field<SocialConnection, &SocialConnection::provider_identifier>("provider_identifier"),
    field<SocialConnection, &SocialConnection::created_at>("created_at"),
    field<SocialConnection, &SocialConnection::last_login_at>("last_login_at"),
};

template <>
inline constexpr std::array fields_of<SocialConnections>{
    field<SocialConnections, &SocialConnections::apple>("apple"),
    field<SocialConnections, &SocialConnections::github>("github"),
    field<SocialConnections, &SocialConnections::google>("google"),
};

template <class User>
inline constexpr std::array summary_fields{
    field<User, &User::id>("id", Presence::required),
    field<User, &User::created_at>("created_at"),
    field<User, &User::updated_at>("updated_at"),
    field<User, &User::last_login_at>("last_login_at"),
    field<User, &User::email>("email"),
    field<User, &User::email_verified>("email_verified"),
    field<User, &User::phone>("phone"),
    field<User, &User::phone_verified>("phone_verified"),
    field<User, &User::external_id>("external_id"),
    field<User, &User::login_count>("login_count"),
    field<User, &User::status>("status"),
    field<User, &User::user_metadata>("user_metadata"),
};

template <>
inline constexpr std::array fields_of<UserSummary> = summary_fields<UserSummary>;

template <std::size_t N, std::size_t M>
constexpr std::array<Field, N + M> joined(const std::array<Field, N>& first, const std::array<Field, M>& second)
{
    std::array<Field, N + M> all{};
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), all.begin()));
    return all;
}

template <>
inline constexpr std::array fields_of<UserInfo> =
    joined(summary_fields<UserInfo>, std::array{
                                         field<UserInfo, &UserInfo::webauthn>("webauthn"),
                                         field<UserInfo, &UserInfo::webauthn_types>("webauthn_types"),
                                         field<UserInfo, &UserInfo::webauthn_devices>("webauthn_devices"),
                                         field<UserInfo, &UserInfo::recent_events>("recent_events"),
                                         field<UserInfo, &UserInfo::social_connections>("social_connections"),
                                     });

inline constexpr std::array link_fields{wrapped<std::string>("href")};
inline constexpr Type link_type = object_type<std::string>(link_fields);

template <>
inline constexpr std::array fields_of<PageLinks>{
    field<PageLinks, &PageLinks::first, link_type>("first"),
    field<PageLinks, &PageLinks::last, link_type>("last"),
    field<PageLinks, &PageLinks::next, link_type>("next"),
    field<PageLinks, &PageLinks::previous, link_type>("previous"),
    field<PageLinks, &PageLinks::self, link_type>("self"),
};

template <>
inline constexpr std::array fields_of<UserPage>{
    field<UserPage, &UserPage::links>("_links"),
    field<UserPage, &UserPage::created_before>("created_before"),
    field<UserPage, &UserPage::limit>("limit"),
    field<UserPage, &UserPage::page>("page"),
    field<UserPage, &UserPage::total_users>("total_users"),
    field<UserPage, &UserPage::users>("users", Presence::required),
};

template <>
inline constexpr std::array fields_of<ErrorBody>{
    field<ErrorBody, &ErrorBody::code>("code"),
    field<ErrorBody, &ErrorBody::error>("error"),
};
template <>
inline constexpr Type type_of<ErrorBody> = object_type<ErrorBody>(fields_of<ErrorBody>, true);

inline constexpr std::array user_body_fields{wrapped<UserInfo>("user", Presence::required)};
inline constexpr Type user_body = object_type<UserInfo>(user_body_fields);

inline constexpr std::array devices_body_fields{wrapped<std::vector<WebAuthnDevice>>("devices", Presence::required)};
inline constexpr Type devices_body = object_type<std::vector<WebAuthnDevice>>(devices_body_fields);

} // namespace passage::json
