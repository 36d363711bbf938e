#include "views.hpp"

#include <passage/list_users.hpp>

#include <boost/json/serialize.hpp>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace passage::ctl {
namespace {

/// A time to the minute, in UTC: 2024-03-11 09:21.
std::string display(Timestamp time)
{
    if (time <= never)
        return "never";
    std::string text = user_field::to_text(time).substr(0, 16);
    text[10] = ' ';
    return text;
}

std::string display(bool value)
{
    return value ? "yes" : "no";
}

std::string display(const std::vector<std::string>& items)
{
    std::string text;
    for (const std::string& item : items)
        text.append(text.empty() ? "" : ", ").append(item);
    return text;
}

std::string identifier(const std::string& text, bool verified)
{
    return text.empty() ? "" : text + (verified ? " (verified)" : " (not verified)");
}

void write_list(std::ostream& stream, std::string_view title, Table& table)
{
    stream << '\n' << title << '\n';
    table.flush();
}

/// Writes the fields that have a value.
void write_present(std::ostream& stream, std::vector<NamedField> fields)
{
    std::erase_if(fields, [](const NamedField& field) { return field.value.empty(); });
    write_fields(stream, fields);
}

void add_account(std::vector<NamedField>& fields, const char* provider, const std::optional<SocialConnection>& account)
{
    if (account)
        fields.push_back({provider, account->provider_identifier + " (" + account->provider_id + "), last used " +
                                        display(account->last_login_at)});
}

std::string display(const std::optional<AuthMethod>& method)
{
    if (!method)
        return "";
    if (!method->enabled)
        return "off";
    return method->ttl.count() == 0 ? "on" : "on, valid for " + std::to_string(method->ttl.count()) + " s";
}

} // namespace

UserTable::UserTable(std::ostream& stream)
    : table_{stream, {"ID", "EMAIL", "STATUS", "LAST LOGIN", "PHONE", "LOGINS", "CREATED"}}
{}

void UserTable::add(const UserSummary& user)
{
    table_.add({user.id, user.email, std::string{user.status.text()}, display(user.last_login_at), user.phone,
                std::to_string(user.login_count), display(user.created_at)});
}

void write_devices(std::ostream& stream, const std::vector<WebAuthnDevice>& devices)
{
    Table table{stream, {"ID", "NAME", "TYPE", "LAST USED", "USES", "CREATED"}};
    for (const WebAuthnDevice& device : devices)
        table.add({device.id, device.friendly_name, std::string{device.type.text()}, display(device.last_login_at),
                   std::to_string(device.usage_count), display(device.created_at)});
    table.flush();
}

void write_details(std::ostream& stream, const UserInfo& user)
{
    std::vector<NamedField> fields{
        {"id", user.id},
        {"email", identifier(user.email, user.email_verified)},
        {"phone", identifier(user.phone, user.phone_verified)},
        {"external id", user.external_id},
        {"status", std::string{user.status.text()}},
        {"logins", std::to_string(user.login_count) + ", last " + display(user.last_login_at)},
        {"created", display(user.created_at)},
        {"updated", display(user.updated_at)},
        {"metadata", user.user_metadata.empty() ? "" : boost::json::serialize(user.user_metadata)},
    };
    add_account(fields, "apple", user.social_connections.apple);
    add_account(fields, "github", user.social_connections.github);
    add_account(fields, "google", user.social_connections.google);
    write_present(stream, std::move(fields));

    if (!user.webauthn_devices.empty()) {
        stream << "\nDevices\n";
        write_devices(stream, user.webauthn_devices);
    }
    if (!user.recent_events.empty()) {
        Table events{stream, {"BEGAN", "EVENT", "STATUS", "ADDRESS", "USER AGENT"}};
        for (const UserEvent& event : user.recent_events)
            events.add({display(event.created_at), event.type, std::string{event.status.text()}, event.ip_addr,
                        event.user_agent_display.empty() ? event.user_agent : event.user_agent_display});
        write_list(stream, "Recent events", events);
    }
}

void write_details(std::ostream& stream, const MagicLink& link)
{
    write_present(stream, {{"url", link.url},
                           {"for", link.identifier},
                           {"user id", link.user_id},
                           {"type", std::string{link.type.text()}},
                           {"valid for", std::to_string(link.ttl.count()) + " min"},
                           {"redirects to", link.redirect_url},
                           {"id", link.id}});
}

void write_details(std::ostream& stream, const AppInfo& app)
{
    write_present(stream, {{"id", app.id},
                           {"name", app.name},
                           {"type", app.type},
                           {"created", display(app.created_at)},
                           {"origin", app.auth_origin},
                           {"other origins", display(app.additional_auth_origins)},
                           {"identifiers", app.allowed_identifier},
                           {"required", app.required_identifier},
                           {"anyone may register", display(app.public_signup)},
                           {"verifies e-mail", display(app.require_email_verification)},
                           {"passkeys", display(app.auth_methods.passkeys)},
                           {"one-time codes", display(app.auth_methods.otp)},
                           {"magic links", display(app.auth_methods.magic_link)},
                           {"refresh tokens", display(app.refresh_enabled)},
                           {"sign-in path", app.login_url},
                           {"redirects to", app.redirect_url},
                           {"callback URLs", display(app.allowed_callback_urls)},
                           {"logout URLs", display(app.allowed_logout_urls)},
                           {"hosted at", app.hosted ? app.hosted_subdomain : ""},
                           {"language", app.default_language}});
    if (!app.user_metadata_schema.empty()) {
        Table fields{stream, {"FIELD", "TYPE", "NAME"}};
        for (const UserMetadataField& field : app.user_metadata_schema)
            fields.add({field.field_name, field.type, field.friendly_name});
        write_list(stream, "User metadata", fields);
    }
}

void write_details(std::ostream& stream, const Claims& claims)
{
    write_present(stream, {{"user id", claims.user_id},
                           {"audience", display(claims.audience)},
                           {"issuer", claims.issuer},
                           {"issued", claims.issued_at ? display(*claims.issued_at) : ""},
                           {"not before", claims.not_before ? display(*claims.not_before) : ""},
                           {"expires", display(claims.expires_at)}});
}

} // namespace passage::ctl
