#pragma once

#include "json/decode.hpp"
#include "json/type.hpp"

#include <algorithm>
#include <array>

/// The fields of the models, in the order in which the service writes them. The decoder finds a field fastest if it
/// follows the one before it.
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
inline constexpr std::array fields_of<MagicLink>{
    field<MagicLink, &MagicLink::id>("id", Presence::required),
    field<MagicLink, &MagicLink::app_id>("app_id"),
    field<MagicLink, &MagicLink::user_id>("user_id"),
    field<MagicLink, &MagicLink::identifier>("identifier"),
    field<MagicLink, &MagicLink::redirect_url>("redirect_url"),
    field<MagicLink, &MagicLink::secret>("secret"),
    field<MagicLink, &MagicLink::url>("url"),
    field<MagicLink, &MagicLink::ttl>("ttl"),
    field<MagicLink, &MagicLink::type>("type"),
    field<MagicLink, &MagicLink::activated>("activated"),
};

template <>
inline constexpr std::array fields_of<AuthMethod>{
    field<AuthMethod, &AuthMethod::enabled>("enabled"),
    field<AuthMethod, &AuthMethod::ttl>("ttl"),
};

template <>
inline constexpr std::array fields_of<AuthMethods>{
    field<AuthMethods, &AuthMethods::passkeys>("passkeys"),
    field<AuthMethods, &AuthMethods::otp>("otp"),
    field<AuthMethods, &AuthMethods::magic_link>("magic_link"),
};

template <>
inline constexpr std::array fields_of<UserMetadataField>{
    field<UserMetadataField, &UserMetadataField::id>("id"),
    field<UserMetadataField, &UserMetadataField::field_name>("field_name"),
    field<UserMetadataField, &UserMetadataField::friendly_name>("friendly_name"),
    field<UserMetadataField, &UserMetadataField::type>("type"),
    field<UserMetadataField, &UserMetadataField::profile>("profile"),
    field<UserMetadataField, &UserMetadataField::registration>("registration"),
};

template <>
inline constexpr std::array fields_of<AppInfo>{
    field<AppInfo, &AppInfo::additional_auth_origins>("additional_auth_origins"),
    field<AppInfo, &AppInfo::allowed_callback_urls>("allowed_callback_urls"),
    field<AppInfo, &AppInfo::allowed_identifier>("allowed_identifier"),
    field<AppInfo, &AppInfo::allowed_logout_urls>("allowed_logout_urls"),
    field<AppInfo, &AppInfo::application_login_uri>("application_login_uri"),
    field<AppInfo, &AppInfo::auth_methods>("auth_methods"),
    field<AppInfo, &AppInfo::auth_origin>("auth_origin"),
    field<AppInfo, &AppInfo::created_at>("created_at"),
    field<AppInfo, &AppInfo::default_language>("default_language"),
    field<AppInfo, &AppInfo::id>("id", Presence::required),
    field<AppInfo, &AppInfo::login_url>("login_url"),
    field<AppInfo, &AppInfo::light_logo_url>("light_logo_url"),
    field<AppInfo, &AppInfo::dark_logo_url>("dark_logo_url"),
    field<AppInfo, &AppInfo::name>("name"),
    field<AppInfo, &AppInfo::hosted>("hosted"),
    field<AppInfo, &AppInfo::hosted_subdomain>("hosted_subdomain"),
    field<AppInfo, &AppInfo::hosted_theme>("hosted_theme"),
    field<AppInfo, &AppInfo::id_token_lifetime>("id_token_lifetime"),
    field<AppInfo, &AppInfo::profile_management>("profile_management"),
    field<AppInfo, &AppInfo::public_signup>("public_signup"),
    field<AppInfo, &AppInfo::redirect_url>("redirect_url"),
    field<AppInfo, &AppInfo::refresh_absolute_lifetime>("refresh_absolute_lifetime"),
    field<AppInfo, &AppInfo::refresh_enabled>("refresh_enabled"),
    field<AppInfo, &AppInfo::refresh_inactivity_lifetime>("refresh_inactivity_lifetime"),
    field<AppInfo, &AppInfo::require_email_verification>("require_email_verification"),
    field<AppInfo, &AppInfo::require_identifier_verification>("require_identifier_verification"),
    field<AppInfo, &AppInfo::required_identifier>("required_identifier"),
    field<AppInfo, &AppInfo::rsa_public_key>("rsa_public_key"),
    field<AppInfo, &AppInfo::session_timeout_length>("session_timeout_length"),
    field<AppInfo, &AppInfo::type>("type"),
    field<AppInfo, &AppInfo::user_metadata_schema>("user_metadata_schema"),
    field<AppInfo, &AppInfo::technologies>("technologies"),
};

template <>
inline constexpr std::array fields_of<Recipient>{
    field<Recipient, &Recipient::email>("email"),
    field<Recipient, &Recipient::phone>("phone"),
    field<Recipient, &Recipient::user_id>("user_id"),
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

inline constexpr std::array magic_link_body_fields{wrapped<MagicLink>("magic_link", Presence::required)};
inline constexpr Type magic_link_body = object_type<MagicLink>(magic_link_body_fields);

inline constexpr std::array app_body_fields{wrapped<AppInfo>("app", Presence::required)};
inline constexpr Type app_body = object_type<AppInfo>(app_body_fields);

} // namespace passage::json
