// Boost.JSON's DOM in two ways: as most programs write it, with a value whose parts come from the heap each by itself,
// and as its documentation advises for speed, with all parts in one buffer on the stack that is given back at once. The
// peers that read users over the network do the former; what the library's decoder is held against is the faster one.

#include "peers/dom.hpp"

#include "model/timestamp.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include <stdexcept>
#include <utility>

namespace passage::bench {
namespace {

namespace json = boost::json;

/// One type's way to read another is a member, so that all of them see each other.
struct Dom
{
    static void read(const json::value& value, std::string& text)
    {
        text = value.is_null() ? std::string_view{} : std::string_view{value.as_string()};
    }

    static void read(const json::value& value, bool& flag) { flag = value.as_bool(); }

    static void read(const json::value& value, std::int64_t& number) { number = value.as_int64(); }

    static void read(const json::value& value, Timestamp& time)
    {
        const std::optional<Timestamp> parsed = parse_timestamp(std::string_view{value.as_string()});
        if (!parsed)
            throw std::runtime_error{"not a time"};
        time = *parsed;
    }

    template <class Enum>
    static void read(const json::value& value, OpenEnum<Enum>& result)
    {
        result = value.is_null() ? OpenEnum<Enum>{} : OpenEnum<Enum>::from_text(std::string_view{value.as_string()});
    }

    static void read(const json::value& value, json::object& object)
    {
        if (!value.is_null())
            object = value.as_object();
    }

    template <class T>
    static void read_field(const json::object& object, std::string_view name, T& field)
    {
        if (const json::value* value = object.if_contains(name))
            read(*value, field);
    }

    template <class T>
    static void read_field(const json::object& object, std::string_view name, std::optional<T>& field)
    {
        if (const json::value* value = object.if_contains(name); value && !value->is_null())
            read(*value, field.emplace());
    }

    static void read(const json::value& value, DeviceIcons& icons)
    {
        const json::object& object = value.as_object();
        read_field(object, "light", icons.light);
        read_field(object, "dark", icons.dark);
    }

    static void read(const json::value& value, WebAuthnDevice& device)
    {
        const json::object& object = value.as_object();
        read_field(object, "id", device.id);
        read_field(object, "cred_id", device.cred_id);
        read_field(object, "friendly_name", device.friendly_name);
        read_field(object, "type", device.type);
        read_field(object, "usage_count", device.usage_count);
        read_field(object, "created_at", device.created_at);
        read_field(object, "updated_at", device.updated_at);
        read_field(object, "last_login_at", device.last_login_at);
        read_field(object, "icons", device.icons);
    }

    static void read(const json::value& value, UserEvent& event)
    {
        const json::object& object = value.as_object();
        read_field(object, "id", event.id);
        read_field(object, "type", event.type);
        read_field(object, "action", event.action);
        read_field(object, "status", event.status);
        read_field(object, "created_at", event.created_at);
        read_field(object, "completed_at", event.completed_at);
        read_field(object, "ip_addr", event.ip_addr);
        read_field(object, "user_agent", event.user_agent);
        read_field(object, "user_agent_display", event.user_agent_display);
        read_field(object, "social_login_type", event.social_login_type);
    }

    static void read(const json::value& value, SocialConnection& connection)
    {
        const json::object& object = value.as_object();
        read_field(object, "provider_id", connection.provider_id);
        read_field(object, "provider_identifier", connection.provider_identifier);
        read_field(object, "created_at", connection.created_at);
        read_field(object, "last_login_at", connection.last_login_at);
    }

    static void read(const json::value& value, SocialConnections& connections)
    {
        const json::object& object = value.as_object();
        read_field(object, "apple", connections.apple);
        read_field(object, "github", connections.github);
        read_field(object, "google", connections.google);
    }

    template <class T>
    static void read(const json::value& value, std::vector<T>& list)
    {
        const json::array& array = value.as_array();
        list.reserve(array.size());
        for (const json::value& each : array)
            read(each, list.emplace_back());
    }
};

json::value parse(std::string_view body, json::storage_ptr storage = {})
{
    return json::parse(json::string_view{body.data(), body.size()}, std::move(storage));
}

/// So that nothing of what is parsed can be left out.
void check(const json::value& document)
{
    if (document.at("user").at("recent_events").as_array().size() != 1)
        throw std::runtime_error{"the user was not parsed"};
}

} // namespace

void parse_into_dom(std::string_view body)
{
    check(parse(body));
}

void parse_into_monotonic_dom(std::string_view body)
{
    unsigned char buffer[8 * 1024];
    json::monotonic_resource storage{buffer, sizeof buffer};
    check(parse(body, &storage));
}

UserInfo user_from_dom(std::string_view body)
{
    const json::value document = parse(body);
    const json::object& object = document.at("user").as_object();
    UserInfo user;
    Dom::read_field(object, "id", user.id);
    Dom::read_field(object, "email", user.email);
    Dom::read_field(object, "phone", user.phone);
    Dom::read_field(object, "external_id", user.external_id);
    Dom::read_field(object, "status", user.status);
    Dom::read_field(object, "email_verified", user.email_verified);
    Dom::read_field(object, "phone_verified", user.phone_verified);
    Dom::read_field(object, "login_count", user.login_count);
    Dom::read_field(object, "created_at", user.created_at);
    Dom::read_field(object, "updated_at", user.updated_at);
    Dom::read_field(object, "last_login_at", user.last_login_at);
    Dom::read_field(object, "user_metadata", user.user_metadata);
    Dom::read_field(object, "webauthn", user.webauthn);
    Dom::read_field(object, "webauthn_types", user.webauthn_types);
    Dom::read_field(object, "webauthn_devices", user.webauthn_devices);
    Dom::read_field(object, "recent_events", user.recent_events);
    Dom::read_field(object, "social_connections", user.social_connections);
    return user;
}

} // namespace passage::bench
