#include "views.hpp"

#include "json.hpp"

#include <algorithm>

namespace passage::emulator {
namespace {

void write_record(JsonWriter& json, const UserRecord& user)
{
    json.field("id", user.id)
        .field("created_at", user.created_at)
        .field("updated_at", user.updated_at)
        .field("last_login_at", user.last_login_at)
        .field("email", user.email.value_or(""))
        .field("email_verified", user.email_verified)
        .field("phone", user.phone.value_or(""))
        .field("phone_verified", user.phone_verified)
        .field("external_id", user.external_id)
        .field("login_count", user.login_count)
        .field("status", user.status)
        .key("user_metadata")
        .raw(user.user_metadata ? std::string_view{*user.user_metadata} : "null");
}

void write_devices(JsonWriter& json, const std::vector<Device>& devices)
{
    json.begin_array();
    for (const Device& device : devices) {
        json.begin_object()
            .field("id", device.id)
            .field("cred_id", device.cred_id)
            .field("friendly_name", device.friendly_name)
            .field("type", device.type)
            .field("usage_count", device.usage_count)
            .field("created_at", device.created_at)
            .field("updated_at", device.updated_at)
            .field("last_login_at", device.last_login_at);
        json.key("icons").begin_object().field("light", device.icon_light).field("dark", device.icon_dark).end_object();
        json.end_object();
    }
    json.end_array();
}

/// The distinct device types of a user.
void write_device_types(JsonWriter& json, const std::vector<Device>& devices)
{
    json.begin_array();
    for (auto device = devices.begin(); device != devices.end(); ++device) {
        if (std::find_if(devices.begin(), device,
                         [&](const Device& earlier) { return earlier.type == device->type; }) == device) {
            json.string(device->type);
        }
    }
    json.end_array();
}

void write_events(JsonWriter& json, const std::vector<Event>& events)
{
    json.begin_array();
    for (const Event& event : events) {
        json.begin_object()
            .field("id", event.id)
            .field("type", event.type)
            .field("action", event.action)
            .field("status", event.status)
            .field("created_at", event.created_at)
            .field("completed_at", event.completed_at)
            .field("ip_addr", event.ip_addr)
            .field("user_agent", event.user_agent)
            .field("user_agent_display", event.user_agent_display)
            .field("social_login_type", event.social_login_type)
            .end_object();
    }
    json.end_array();
}

void write_social_connections(JsonWriter& json, const std::vector<SocialConnection>& connections)
{
    json.begin_object();
    for (const SocialConnection& connection : connections) {
        json.key(connection.provider)
            .begin_object()
            .field("provider_id", connection.provider_id)
            .field("provider_identifier", connection.provider_identifier)
            .field("created_at", connection.created_at)
            .field("last_login_at", connection.last_login_at)
            .end_object();
    }
    json.end_object();
}

/// The settings of an app in the hosted service. Clients expect these fields; the emulator does not use them.
constexpr std::string_view fixed_app_fields = R"json(
"name":"Passage emulator","type":"flex","role":"","hosted":false,"hosted_subdomain":"",
"hosted_theme":"auto","auto_theme_enabled":false,
"additional_auth_origins":[],"redirect_url":"/","login_url":"/","application_login_uri":"",
"allowed_callback_urls":[],"allowed_logout_urls":[],"allowed_identifier":"both",
"required_identifier":"either","require_email_verification":false,
"require_identifier_verification":false,"public_signup":true,"profile_management":true,
"passage_branding":true,"default_language":"en","auth_fallback_method":"magic_link",
"auth_fallback_method_ttl":300,"auth_methods":{"passkeys":{"enabled":true},
"otp":{"enabled":false,"ttl":300,"ttl_display_unit":"s"},
"magic_link":{"enabled":true,"ttl":300,"ttl_display_unit":"s"}},
"light_logo_url":"","dark_logo_url":"","session_timeout_length":24,"id_token_lifetime":600,
"refresh_enabled":false,"refresh_absolute_lifetime":2592000,"refresh_inactivity_lifetime":432000,"rsa_public_key":"","user_metadata_schema":[],
"layouts":{"profile":[],"registration":[]},"technologies":[],"element_customization":{},
"element_customization_dark":{})json";

} // namespace

std::string show_user(const User& user)
{
    JsonWriter json;
    json.begin_object().key("user").begin_object();
    write_record(json, user.record);
    json.field("webauthn", !user.devices.empty());
    write_device_types(json.key("webauthn_types"), user.devices);
    write_devices(json.key("webauthn_devices"), user.devices);
    write_events(json.key("recent_events"), user.recent_events);
    write_social_connections(json.key("social_connections"), user.social_connections);
    json.end_object().end_object();
    return json.take();
}

std::string show_devices(const User& user)
{
    JsonWriter json;
    json.begin_object();
    write_devices(json.key("devices"), user.devices);
    json.end_object();
    return json.take();
}

std::string show_users(const UserPage& page, const Listing& listing, const Parameters& parameters,
                       std::string_view path)
{
    const std::int64_t last = listing.last_page(page.total_users);
    JsonWriter json;
    const auto link = [&](std::string_view name, std::int64_t number, bool exists = true) {
        json.key(name)
            .begin_object()
            .field("href", exists ? link_to_page(path, parameters, listing, page.created_before, number) : "")
            .end_object();
    };
    json.begin_object().key("_links").begin_object();
    link("first", 1);
    link("last", last);
    link("next", listing.page + 1, listing.page < last);
    link("previous", listing.page - 1, listing.page > 1);
    link("self", listing.page);
    json.end_object()
        .field("created_before", page.created_before)
        .field("limit", listing.limit)
        .field("page", listing.page)
        .field("total_users", page.total_users);
    json.key("users").begin_array();
    for (const UserRecord& user : page.users) {
        json.begin_object();
        write_record(json, user);
        json.end_object();
    }
    json.end_array().end_object();
    return json.take();
}

std::string show_app(std::string_view app_id, const App& app)
{
    JsonWriter json;
    json.begin_object().key("app").begin_object();
    json.field("id", app_id).field("created_at", app.created_at).field("auth_origin", auth_origin);
    json.raw(fixed_app_fields);
    json.end_object().end_object();
    return json.take();
}

std::string show_magic_link(const MagicLink& link)
{
    std::string url{auth_origin};
    url += link.path;
    url += link.path.find('?') == std::string::npos ? '?' : '&';
    url += "psg_magic_link=" + link.secret;

    JsonWriter json;
    json.begin_object().key("magic_link").begin_object();
    json.field("id", link.id)
        .field("app_id", link.app_id)
        .field("user_id", link.user_id)
        .field("identifier", link.identifier)
        .field("redirect_url", link.redirect_url)
        .field("secret", link.secret)
        .field("url", url)
        .field("ttl", link.ttl)
        .field("type", link.type)
        .field("activated", false);
    json.end_object().end_object();
    return json.take();
}

std::string show_key_set(const std::vector<SigningKey>& keys)
{
    JsonWriter json;
    json.begin_object().key("keys").begin_array();
    for (const SigningKey& key : keys) {
        const PublicKey numbers = public_key_of(key.private_key);
        json.begin_object()
            .field("alg", "RS256")
            .field("e", numbers.exponent)
            .field("kid", key.id)
            .field("kty", "RSA")
            .field("n", numbers.modulus)
            .field("use", "sig")
            .end_object();
    }
    json.end_array().end_object();
    return json.take();
}

std::string show_token(std::string_view token)
{
    JsonWriter json;
    json.begin_object().field("token", token).end_object();
    return json.take();
}

std::string show_id(std::string_view id)
{
    JsonWriter json;
    json.begin_object().field("id", id).end_object();
    return json.take();
}

std::string show_error(std::string_view code, std::string_view text)
{
    JsonWriter json;
    json.begin_object().field("code", code).field("error", text).end_object();
    return json.take();
}

} // namespace passage::emulator
