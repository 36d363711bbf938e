#include "requests.hpp"

#include "api_error.hpp"
#include "ascii.hpp"
#include "json.hpp"
#include "limits.hpp"
#include "random.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

namespace passage::emulator {
namespace {

constexpr std::size_t max_email_size = 320;

/// Refuses only what cannot be an e-mail address.
bool is_email(std::string_view text)
{
    const std::size_t at = text.find('@');
    return text.size() <= max_email_size && at != 0 && at != std::string_view::npos && at + 1 < text.size() &&
           text.find('@', at + 1) == std::string_view::npos && std::ranges::none_of(text, [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte <= 0x20 || byte == 0x7f;
           });
}

/// E.164: `+` and at most 15 digits, the first of which is not 0.
bool is_phone(std::string_view text)
{
    return text.size() >= 3 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
           std::ranges::all_of(text.substr(1), is_digit);
}

std::string member_must_be(std::string_view name, std::string_view what)
{
    return std::string{name} + " must be " + std::string{what} + ".";
}

/// The members of a JSON object. Null counts as absent, except in find().
class Body
{
public:
    explicit Body(std::string_view text)
    {
        auto members = parse_members(text);
        if (!members) {
            throw invalid_request("The body must be a JSON object of at most " + std::to_string(max_body_depth) +
                                  " levels, with numbers in the range of a double.");
        }
        members_ = *std::move(members);
    }

    /// The member as JSON text, or null if it is absent.
    const std::string* find(std::string_view name) const
    {
        const auto found = members_.find(name);
        return found != members_.end() ? &found->second : nullptr;
    }

    std::optional<std::string> text(std::string_view name) const
    {
        return read<std::string>(name, "a string", parse_string);
    }
    std::optional<std::int64_t> number(std::string_view name) const
    {
        return read<std::int64_t>(name, "a whole number", [](const std::string& json) {
            std::int64_t value = 0;
            const char* end = json.data() + json.size();
            const auto [stop, error] = std::from_chars(json.data(), end, value);
            return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
        });
    }
    std::optional<bool> flag(std::string_view name) const
    {
        return read<bool>(name, "true or false", [](const std::string& json) {
            return json == "true" || json == "false" ? std::optional{json == "true"} : std::nullopt;
        });
    }
    std::optional<Time> time(std::string_view name) const
    {
        return read<Time>(name, "a time such as 2006-01-02T15:04:05.000000Z",
                          [](const std::string& json) -> std::optional<Time> {
                              const auto text = parse_string(json);
                              return text ? parse_time(*text) : std::nullopt;
                          });
    }
    /// A JSON object as text.
    std::optional<std::string> object(std::string_view name) const
    {
        return read<std::string>(name, "an object or null", [](const std::string& json) {
            return json.starts_with('{') ? std::optional{json} : std::nullopt;
        });
    }
    std::vector<std::string> array(std::string_view name) const
    {
        const auto elements = read<std::vector<std::string>>(
            name, "an array", [](const std::string& json) { return parse_elements(json); });
        return elements.value_or(std::vector<std::string>{});
    }
    const JsonMembers& members() const { return members_; }

private:
    template <class T, class Reader>
    std::optional<T> read(std::string_view name, std::string_view what, Reader reader) const
    {
        const std::string* json = find(name);
        if (json == nullptr || *json == "null") {
            return std::nullopt;
        }
        std::optional<T> value = reader(*json);
        if (!value) {
            throw invalid_request(member_must_be(name, what));
        }
        return value;
    }

    JsonMembers members_;
};

/// A string. The empty string counts as absent.
std::optional<std::string> read_filled(const Body& body, std::string_view name)
{
    auto text = body.text(name);
    return text && text->empty() ? std::nullopt : text;
}

/// The empty string counts as absent, as in responses.
std::optional<std::string> read_email(const Body& body)
{
    auto email = read_filled(body, "email");
    if (email && !is_email(*email)) {
        throw invalid_request(member_must_be("email", "an e-mail address"));
    }
    return email;
}

std::optional<std::string> read_phone(const Body& body)
{
    auto phone = read_filled(body, "phone");
    if (phone && !is_phone(*phone)) {
        throw invalid_request(member_must_be("phone", "in E.164 form, such as +15005550007"));
    }
    return phone;
}

/// One of a few strings, or absent.
std::optional<std::string> read_choice(const Body& body, std::string_view name,
                                       std::span<const std::string_view> choices)
{
    auto text = read_filled(body, name);
    if (text && std::ranges::find(choices, *text) == choices.end()) {
        throw invalid_request("There is no such " + std::string{name} + ".");
    }
    return text;
}

std::string read_magic_link_path(const Body& body)
{
    std::string path = body.text("magic_link_path").value_or("");
    if (path.starts_with("//") || path.find("://") != std::string::npos) {
        throw invalid_request(member_must_be("magic_link_path", "a relative URL"));
    }
    return path.starts_with('/') ? path : '/' + path;
}

User read_user(const Body& body, Time now)
{
    User user;
    UserRecord& record = user.record;
    record.email = read_email(body);
    record.phone = read_phone(body);
    if (!record.email && !record.phone) {
        throw invalid_request("A user needs an email or a phone.");
    }
    record.user_metadata = body.object("user_metadata");
    record.id = new_id();
    record.status = "pending";
    record.created_at = now;
    record.updated_at = now;
    record.last_login_at = never;
    return user;
}

/// The id of a user or a device, which clients can decode and send in a path.
std::string read_id(const Body& body)
{
    std::string id = body.text("id").value_or(new_id());
    if (id.empty() || id == "." || id == "..") {
        throw invalid_request(member_must_be("id", "a string that is not empty, and not . or .."));
    }
    return id;
}

Device read_device(const Body& body, Time now)
{
    Device device;
    device.id = read_id(body);
    device.cred_id = body.text("cred_id").value_or(new_id());
    device.friendly_name = body.text("friendly_name").value_or("Chrome on Mac");
    device.type = body.text("type").value_or("passkey");
    device.usage_count = body.number("usage_count").value_or(0);
    device.created_at = body.time("created_at").value_or(now);
    device.updated_at = body.time("updated_at").value_or(device.created_at);
    device.last_login_at = body.time("last_login_at").value_or(never);
    if (const auto icons = body.object("icons")) {
        const Body both(*icons);
        device.icon_light = both.text("light");
        device.icon_dark = both.text("dark");
    }
    return device;
}

Event read_event(const Body& body, Time now)
{
    Event event;
    event.id = body.text("id").value_or(new_id());
    event.type = body.text("type").value_or("passkey_login");
    event.action = body.text("action").value_or("login");
    event.status = body.text("status").value_or("complete");
    event.created_at = body.time("created_at").value_or(now);
    event.completed_at = body.time("completed_at");
    event.ip_addr = body.text("ip_addr").value_or("127.0.0.1");
    event.user_agent = body.text("user_agent").value_or("");
    event.user_agent_display = body.text("user_agent_display").value_or("");
    event.social_login_type = body.text("social_login_type");
    return event;
}

SocialConnection read_social_connection(std::string_view provider, const Body& body, Time now)
{
    if (provider != "apple" && provider != "github" && provider != "google") {
        throw invalid_request("The provider must be apple, github or google.");
    }
    SocialConnection connection;
    connection.provider = provider;
    connection.provider_id = body.text("provider_id").value_or(new_id());
    connection.provider_identifier = body.text("provider_identifier").value_or("");
    connection.created_at = body.time("created_at").value_or(now);
    connection.last_login_at = body.time("last_login_at").value_or(never);
    return connection;
}

} // namespace

User read_new_user(std::string_view body, Time now)
{
    return read_user(Body(body), now);
}

UserChanges read_user_changes(std::string_view text)
{
    const Body body(text);
    UserChanges changes;
    if (body.find("email") != nullptr) {
        changes.email = read_email(body);
    }
    if (body.find("phone") != nullptr) {
        changes.phone = read_phone(body);
    }
    if (body.find("user_metadata") != nullptr) {
        changes.user_metadata = body.object("user_metadata");
    }
    return changes;
}

MagicLinkRequest read_magic_link(std::string_view text)
{
    constexpr std::array<std::string_view, 2> channels{"email", "phone"};
    constexpr std::array<std::string_view, 2> types{"login", "verify_identifier"};
    constexpr std::array<std::string_view, 7> languages{"de", "en", "es", "it", "pl", "pt", "zh"};
    constexpr std::int64_t usual_ttl = 5;

    const Body body(text);
    MagicLinkRequest request;
    request.email = read_email(body);
    request.phone = read_phone(body);
    request.user_id = read_filled(body, "user_id");
    if (request.email.has_value() + request.phone.has_value() + request.user_id.has_value() != 1) {
        throw invalid_request("A magic link needs one of email, phone and user_id.");
    }
    request.channel = read_choice(body, "channel", channels);
    if (body.flag("send").value_or(false) && !request.channel) {
        throw invalid_request("A magic link that is to be sent needs a channel.");
    }
    if ((request.email && request.channel == "phone") || (request.phone && request.channel == "email")) {
        throw invalid_request(member_must_be("channel", "that of the address"));
    }
    read_choice(body, "language", languages);
    request.type = read_choice(body, "type", types).value_or("login");
    request.path = read_magic_link_path(body);
    request.redirect_url = read_filled(body, "redirect_url").value_or("/");
    request.ttl = body.number("ttl").value_or(0);
    if (request.ttl < 0) {
        throw invalid_request(member_must_be("ttl", "a number of minutes, or 0 for the usual one"));
    }
    if (request.ttl == 0) {
        request.ttl = usual_ttl;
    }
    return request;
}

std::string read_claims(std::string_view app_id, std::string_view user_id, std::string_view text, Time now)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    JsonWriter usual;
    usual.begin_object()
        .field("exp", std::int64_t{(seconds + std::chrono::hours{24}).count()})
        .field("iat", std::int64_t{seconds.count()})
        .field("iss", app_id)
        .field("nbf", std::int64_t{seconds.count()})
        .field("sub", user_id);
    usual.key("aud").begin_array().string(app_id).string(auth_origin).end_array();
    usual.end_object();
    JsonMembers claims = Body(text).members();
    const Body usual_claims(usual.take());
    claims.insert(usual_claims.members().begin(), usual_claims.members().end());

    JsonWriter json;
    json.begin_object();
    for (const auto& [name, value] : claims) {
        if (value != "null") {
            json.key(name).raw(value);
        }
    }
    json.end_object();
    return json.take();
}

User read_planted_user(std::string_view text, Time now)
{
    const Body body(text);
    User user = read_user(body, now);
    UserRecord& record = user.record;
    record.id = read_id(body);
    record.email_verified = body.flag("email_verified").value_or(false);
    record.phone_verified = body.flag("phone_verified").value_or(false);
    record.external_id = body.text("external_id").value_or("");
    record.status = body.text("status").value_or("pending");
    record.created_at = body.time("created_at").value_or(now);
    record.updated_at = body.time("updated_at").value_or(record.created_at);
    record.last_login_at = body.time("last_login_at").value_or(never);
    record.login_count = body.number("login_count").value_or(0);
    for (const std::string& device : body.array("webauthn_devices")) {
        user.devices.push_back(read_device(Body(device), now));
    }
    for (const std::string& event : body.array("recent_events")) {
        user.recent_events.push_back(read_event(Body(event), now));
    }
    if (const auto connections = body.object("social_connections")) {
        const Body providers(*connections);
        for (const auto& [provider, connection] : providers.members()) {
            user.social_connections.push_back(read_social_connection(provider, Body(connection), now));
        }
    }
    return user;
}

Device read_planted_device(std::string_view body, Time now)
{
    return read_device(Body(body), now);
}

Event read_planted_event(std::string_view body, Time now)
{
    return read_event(Body(body), now);
}

SocialConnection read_planted_social_connection(std::string_view provider, std::string_view body, Time now)
{
    return read_social_connection(provider, Body(body), now);
}

} // namespace passage::emulator
