#include "json_lines.hpp"

#include "text.hpp"

#include <passage/list_users.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace passage::ctl {
namespace {

namespace json = boost::json;

json::value text(std::string_view value)
{
    return json_text(value);
}

/// Null for what is empty.
json::value text_or_null(std::string_view value)
{
    return value.empty() ? json::value{} : text(value);
}

json::value time(Timestamp value)
{
    return text(user_field::to_text(value));
}

json::value time(const std::optional<Timestamp>& value)
{
    return value ? time(*value) : json::value{};
}

template <class Items, class Convert>
json::array array_of(const Items& items, Convert convert)
{
    json::array result;
    for (const auto& item : items)
        result.emplace_back(convert(item));
    return result;
}

json::array texts(const std::vector<std::string>& items)
{
    return array_of(items, [](const std::string& item) { return text(item); });
}

json::object event_json(const UserEvent& event)
{
    return {{"id", text(event.id)},
            {"type", text(event.type)},
            {"action", text(event.action.text())},
            {"status", text(event.status.text())},
            {"created_at", time(event.created_at)},
            {"completed_at", time(event.completed_at)},
            {"ip_addr", text(event.ip_addr)},
            {"user_agent", text(event.user_agent)},
            {"user_agent_display", text(event.user_agent_display)},
            {"social_login_type", text_or_null(event.social_login_type.text())}};
}

json::object connections_json(const SocialConnections& accounts)
{
    json::object result;
    const auto add = [&](json::string_view provider, const std::optional<SocialConnection>& account) {
        if (account)
            result[provider] = {{"provider_id", text(account->provider_id)},
                                {"provider_identifier", text(account->provider_identifier)},
                                {"created_at", time(account->created_at)},
                                {"last_login_at", time(account->last_login_at)}};
    };
    add("apple", accounts.apple);
    add("github", accounts.github);
    add("google", accounts.google);
    return result;
}

json::object methods_json(const AuthMethods& methods)
{
    json::object result;
    const auto add = [&](json::string_view name, const std::optional<AuthMethod>& method) {
        if (method)
            result[name] = {{"enabled", method->enabled}, {"ttl", method->ttl.count()}};
    };
    add("passkeys", methods.passkeys);
    add("otp", methods.otp);
    add("magic_link", methods.magic_link);
    return result;
}

json::object field_json(const UserMetadataField& field)
{
    return {{"id", text(field.id)},
            {"field_name", text(field.field_name)},
            {"friendly_name", text(field.friendly_name)},
            {"type", text(field.type)},
            {"profile", field.profile},
            {"registration", field.registration}};
}

/// Whether a terminal may obey a character that JSON permits: DEL, C1 controls, and those that change the direction of
/// text. All of them have two or three bytes, except DEL.
bool is_dangerous(unsigned code)
{
    return (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

} // namespace

json::value json_text(std::string_view text)
{
    if (!is_utf8(text))
        return json::string{made_utf8(text)};
    return json::string_view{text.data(), text.size()};
}

json::object to_json(const UserSummary& user)
{
    return {{"id", text(user.id)},
            {"email", text(user.email)},
            {"email_verified", user.email_verified},
            {"phone", text(user.phone)},
            {"phone_verified", user.phone_verified},
            {"external_id", text(user.external_id)},
            {"status", text(user.status.text())},
            {"login_count", user.login_count},
            {"created_at", time(user.created_at)},
            {"updated_at", time(user.updated_at)},
            {"last_login_at", time(user.last_login_at)},
            {"user_metadata", user.user_metadata}};
}

json::object to_json(const UserInfo& user)
{
    json::object result = to_json(static_cast<const UserSummary&>(user));
    result["webauthn"] = user.webauthn;
    result["webauthn_types"] = array_of(user.webauthn_types, [](const auto& type) { return text(type.text()); });
    result["webauthn_devices"] = array_of(user.webauthn_devices, [](const auto& device) { return to_json(device); });
    result["recent_events"] = array_of(user.recent_events, &event_json);
    result["social_connections"] = connections_json(user.social_connections);
    return result;
}

json::object to_json(const WebAuthnDevice& device)
{
    const json::object icons{{"light", text_or_null(device.icons.light)}, {"dark", text_or_null(device.icons.dark)}};
    return {{"id", text(device.id)},
            {"cred_id", text(device.cred_id)},
            {"friendly_name", text(device.friendly_name)},
            {"type", text(device.type.text())},
            {"usage_count", device.usage_count},
            {"created_at", time(device.created_at)},
            {"updated_at", time(device.updated_at)},
            {"last_login_at", time(device.last_login_at)},
            {"icons", icons}};
}

json::object to_json(const MagicLink& link)
{
    return {{"id", text(link.id)},
            {"app_id", text(link.app_id)},
            {"user_id", text(link.user_id)},
            {"identifier", text(link.identifier)},
            {"redirect_url", text(link.redirect_url)},
            {"secret", text(link.secret)},
            {"url", text(link.url)},
            {"ttl", link.ttl.count()},
            {"type", text(link.type.text())},
            {"activated", link.activated}};
}

json::object to_json(const AppInfo& app)
{
    return {{"id", text(app.id)},
            {"name", text(app.name)},
            {"type", text(app.type)},
            {"created_at", time(app.created_at)},
            {"auth_origin", text(app.auth_origin)},
            {"additional_auth_origins", texts(app.additional_auth_origins)},
            {"allowed_identifier", text(app.allowed_identifier)},
            {"required_identifier", text(app.required_identifier)},
            {"require_email_verification", app.require_email_verification},
            {"require_identifier_verification", app.require_identifier_verification},
            {"public_signup", app.public_signup},
            {"profile_management", app.profile_management},
            {"auth_methods", methods_json(app.auth_methods)},
            {"login_url", text(app.login_url)},
            {"redirect_url", text(app.redirect_url)},
            {"application_login_uri", text(app.application_login_uri)},
            {"allowed_callback_urls", texts(app.allowed_callback_urls)},
            {"allowed_logout_urls", texts(app.allowed_logout_urls)},
            {"hosted", app.hosted},
            {"hosted_subdomain", text(app.hosted_subdomain)},
            {"hosted_theme", text(app.hosted_theme)},
            {"default_language", text(app.default_language)},
            {"session_timeout_length", app.session_timeout_length},
            {"id_token_lifetime", app.id_token_lifetime},
            {"refresh_enabled", app.refresh_enabled},
            {"refresh_absolute_lifetime", app.refresh_absolute_lifetime},
            {"refresh_inactivity_lifetime", app.refresh_inactivity_lifetime},
            {"rsa_public_key", text(app.rsa_public_key)},
            {"technologies", texts(app.technologies)},
            {"user_metadata_schema", array_of(app.user_metadata_schema, &field_json)},
            {"light_logo_url", text(app.light_logo_url)},
            {"dark_logo_url", text(app.dark_logo_url)}};
}

json::object to_json(const Error& error)
{
    return {{"error", text(to_string(error))},         {"operation", text(error.operation)},
            {"http_status", error.http_status},        {"api_code", text(error.api_code)},
            {"effect", text(to_string(error.effect))}, {"retryable", error.retryable},
            {"request_id", text(error.request_id)}};
}

std::string_view to_json(const Claims& claims)
{
    return claims.payload;
}

void write_line(std::ostream& stream, const json::object& object)
{
    write_line(stream, json::serialize(object));
}

void write_line(std::ostream& stream, std::string_view text)
{
    std::string line;
    line.reserve(text.size() + 1);
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t offset) { return static_cast<unsigned char>(text[at + offset]); };
        // All texts are valid UTF-8.
        const std::size_t bytes = byte(0) < 0xc0 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
        unsigned code = byte(0);
        if (bytes == 2)
            code = (byte(0) & 0x1fU) << 6U | (byte(1) & 0x3fU);
        else if (bytes == 3)
            code = (byte(0) & 0xfU) << 12U | (byte(1) & 0x3fU) << 6U | (byte(2) & 0x3fU);
        if (is_dangerous(code)) {
            std::array<char, 8> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "\\u%04x", code);
            line += escaped.data();
        } else if (code < ' ') {
            line += ' '; // a line end or tab between values, as JSON has none within texts
        } else {
            line.append(text.substr(at, bytes));
        }
        at += bytes;
    }
    stream << line << '\n';
}

} // namespace passage::ctl
