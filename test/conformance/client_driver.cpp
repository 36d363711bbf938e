// client_driver SCENARIO TOKENS: acts out the scenario with this library against the service that the
// environment names, and prints a line of JSON for each step, in the SDK's shapes. TOKENS are those that the
// service issued.

#include <passage/auth.hpp>
#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;

Milliseconds now()
{
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// What the library answers, in the SDK's shapes.

/// To the millisecond, as JavaScript has it.
json::value shown(passage::Timestamp time)
{
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - day)};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return text.data();
}

json::object shown(const passage::UserSummary& user)
{
    return {{"id", user.id},
            {"email", user.email},
            {"phone", user.phone},
            {"external_id", user.external_id},
            {"status", user.status.text()},
            {"email_verified", user.email_verified},
            {"phone_verified", user.phone_verified},
            {"login_count", user.login_count},
            {"created_at", shown(user.created_at)},
            {"updated_at", shown(user.updated_at)},
            {"last_login_at", shown(user.last_login_at)},
            {"user_metadata", user.user_metadata}};
}

json::value shown(const passage::WebAuthnDevice& device)
{
    return {{"id", device.id},
            {"cred_id", device.cred_id},
            {"friendly_name", device.friendly_name},
            {"type", device.type.text()},
            {"usage_count", device.usage_count},
            {"created_at", shown(device.created_at)},
            {"updated_at", shown(device.updated_at)},
            {"last_login_at", shown(device.last_login_at)},
            {"icons", {{"light", device.icons.light}, {"dark", device.icons.dark}}}};
}

json::value shown(const passage::UserEvent& event)
{
    return {{"id", event.id},
            {"type", event.type},
            {"action", event.action.text()},
            {"status", event.status.text()},
            {"created_at", shown(event.created_at)},
            {"completed_at", event.completed_at ? shown(*event.completed_at) : json::value{}},
            {"ip_addr", event.ip_addr},
            {"user_agent", event.user_agent},
            {"user_agent_display", event.user_agent_display},
            {"social_login_type", event.social_login_type.text()}};
}

json::value shown(const passage::SocialConnections& connections)
{
    json::object shown_ones;
    const auto add = [&](std::string_view provider, const std::optional<passage::SocialConnection>& connection) {
        if (connection)
            shown_ones[provider] = {{"provider_id", connection->provider_id},
                                    {"provider_identifier", connection->provider_identifier},
                                    {"created_at", shown(connection->created_at)},
                                    {"last_login_at", shown(connection->last_login_at)}};
    };
    add("apple", connections.apple);
    add("github", connections.github);
    add("google", connections.google);
    return shown_ones;
}

json::value shown(const passage::OpenEnum<passage::WebAuthnType>& type)
{
    return json::value(type.text());
}

template <class T>
json::value shown(const std::vector<T>& elements)
{
    json::array array;
    for (const T& element : elements)
        array.push_back(shown(element));
    return array;
}

json::value shown(const passage::UserInfo& user)
{
    json::object object = shown(static_cast<const passage::UserSummary&>(user));
    object["webauthn"] = user.webauthn;
    object["webauthn_types"] = shown(user.webauthn_types);
    object["webauthn_devices"] = shown(user.webauthn_devices);
    object["recent_events"] = shown(user.recent_events);
    object["social_connections"] = shown(user.social_connections);
    return object;
}

json::value shown(const passage::UserPage& page)
{
    const auto link = [](const std::string& path) { return json::value{{"href", path}}; };
    return {{"_links",
             {{"first", link(page.links.first)},
              {"last", link(page.links.last)},
              {"next", link(page.links.next)},
              {"previous", link(page.links.previous)},
              {"self", link(page.links.self)}}},
            {"created_before", page.created_before.time_since_epoch().count()},
            {"limit", page.limit},
            {"page", page.page},
            {"total_users", page.total_users},
            {"users", shown(page.users)}};
}

json::value shown(const passage::MagicLink& link)
{
    return {{"id", link.id},
            {"app_id", link.app_id},
            {"user_id", link.user_id},
            {"identifier", link.identifier},
            {"redirect_url", link.redirect_url},
            {"secret", link.secret},
            {"url", link.url},
            {"ttl", link.ttl.count()},
            {"type", link.type.text()},
            {"activated", link.activated}};
}

json::value shown(const passage::AppInfo& app)
{
    json::object methods;
    const auto add = [&](std::string_view name, const std::optional<passage::AuthMethod>& method) {
        if (!method)
            return;
        json::object& shown_one = methods[name].emplace_object();
        shown_one["enabled"] = method->enabled;
        if (name != "passkeys")
            shown_one["ttl"] = method->ttl.count();
    };
    add("passkeys", app.auth_methods.passkeys);
    add("otp", app.auth_methods.otp);
    add("magic_link", app.auth_methods.magic_link);
    json::array fields;
    for (const passage::UserMetadataField& field : app.user_metadata_schema)
        fields.push_back({{"id", field.id},
                          {"field_name", field.field_name},
                          {"friendly_name", field.friendly_name},
                          {"type", field.type},
                          {"profile", field.profile},
                          {"registration", field.registration}});
    return {{"id", app.id},
            {"name", app.name},
            {"type", app.type},
            {"created_at", shown(app.created_at)},
            {"auth_origin", app.auth_origin},
            {"additional_auth_origins", json::value_from(app.additional_auth_origins)},
            {"allowed_identifier", app.allowed_identifier},
            {"required_identifier", app.required_identifier},
            {"require_email_verification", app.require_email_verification},
            {"require_identifier_verification", app.require_identifier_verification},
            {"public_signup", app.public_signup},
            {"profile_management", app.profile_management},
            {"auth_methods", std::move(methods)},
            {"login_url", app.login_url},
            {"redirect_url", app.redirect_url},
            {"application_login_uri", app.application_login_uri},
            {"allowed_callback_urls", json::value_from(app.allowed_callback_urls)},
            {"allowed_logout_urls", json::value_from(app.allowed_logout_urls)},
            {"hosted", app.hosted},
            {"hosted_subdomain", app.hosted_subdomain},
            {"hosted_theme", app.hosted_theme},
            {"default_language", app.default_language},
            {"session_timeout_length", app.session_timeout_length},
            {"id_token_lifetime", app.id_token_lifetime},
            {"refresh_enabled", app.refresh_enabled},
            {"refresh_absolute_lifetime", app.refresh_absolute_lifetime},
            {"refresh_inactivity_lifetime", app.refresh_inactivity_lifetime},
            {"rsa_public_key", app.rsa_public_key},
            {"technologies", json::value_from(app.technologies)},
            {"user_metadata_schema", std::move(fields)},
            {"light_logo_url", app.light_logo_url},
            {"dark_logo_url", app.dark_logo_url}};
}

/// The SDK tells no more of a token than whose it is.
json::value shown(const passage::Claims& claims)
{
    return json::value(claims.user_id);
}

json::object shown(const passage::Error& error)
{
    if (error.code == passage::Errc::jwt)
        return {{"rejected", to_string(error.jwt_reason)}};
    if (error.code == passage::Errc::jwks)
        return {{"no_keys", true}};
    const bool refused = error.code == passage::Errc::invalid_argument || error.code == passage::Errc::too_large;
    if (refused && error.attempts == 0)
        return {{"refused", true}};
    if (error.code != passage::Errc::api)
        throw std::runtime_error{to_string(error)};
    return {{"status", error.http_status}, {"code", error.api_code}, {"text", error.message}};
}

template <class T>
json::object outcome_of(const passage::expected<T>& answer)
{
    if (!answer)
        return {{"error", shown(answer.error())}};
    if constexpr (std::is_void_v<T>)
        return {{"result", true}};
    else
        return {{"result", shown(*answer)}};
}

// What a step asks for, in the library's types.

passage::CreateUserRequest new_user_of(const json::object& step)
{
    passage::CreateUserRequest request;
    if (const auto* email = step.if_contains("email"))
        request.email(json::value_to<std::string>(*email));
    if (const auto* phone = step.if_contains("phone"))
        request.phone(json::value_to<std::string>(*phone));
    if (const auto* metadata = step.if_contains("metadata"))
        request.metadata(metadata->as_object());
    return request;
}

passage::UpdateUserRequest changes_of(const json::object& step)
{
    passage::UpdateUserRequest request;
    if (const auto* email = step.if_contains("email")) {
        if (email->is_null())
            request.clear_email();
        else
            request.email(json::value_to<std::string>(*email));
    }
    if (const auto* phone = step.if_contains("phone")) {
        if (phone->is_null())
            request.clear_phone();
        else
            request.phone(json::value_to<std::string>(*phone));
    }
    if (const auto* metadata = step.if_contains("metadata")) {
        if (metadata->is_null())
            request.clear_metadata();
        else
            request.metadata(metadata->as_object());
    }
    return request;
}

/// What the library's type says of a text of the wire.
template <class Enum>
Enum choice_of(const json::value& text)
{
    return passage::OpenEnum<Enum>::from_text(std::string_view{text.as_string()}).value();
}

passage::CreateMagicLinkRequest new_magic_link_of(const json::object& step, std::string user)
{
    using Request = passage::CreateMagicLinkRequest;
    const auto text = [&](std::string_view name) { return json::value_to<std::string>(step.at(name)); };
    Request request =
        step.contains("email") ? Request::for_email(text("email"))
        : step.contains("phone")
            ? Request::for_phone(text("phone"))
            : Request::for_user(std::move(user), choice_of<passage::MagicLinkChannel>(step.at("channel")));
    if (const auto* send = step.if_contains("send"))
        request.send(send->as_bool());
    if (const auto* type = step.if_contains("type"))
        request.type(choice_of<passage::MagicLinkType>(*type));
    if (const auto* language = step.if_contains("language"))
        request.language(choice_of<passage::MagicLinkLanguage>(*language));
    if (const auto* ttl = step.if_contains("ttl"))
        request.ttl(std::chrono::minutes{ttl->as_int64()});
    if (step.contains("path"))
        request.path(text("path"));
    if (step.contains("redirect"))
        request.redirect(text("redirect"));
    return request;
}

passage::Timestamp time_of(std::string_view text)
{
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int micros = 0;
    if (std::sscanf(std::string{text}.c_str(), "%d-%u-%uT%d:%d:%d.%6dZ", &year, &month, &day, &hour, &minute, &second,
                    &micros) != 7)
        throw std::runtime_error{"no time with microseconds: " + std::string{text}};
    return std::chrono::sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)} +
           std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second} +
           std::chrono::microseconds{micros};
}

template <class Field, class Value>
passage::UserFilter compared(const Field& field, std::string_view is, Value value)
{
    if (is == "eq")
        return field == value;
    if (is == "ne")
        return field != value;
    if (is == "gt")
        return field > value;
    if (is == "lt")
        return field < value;
    if constexpr (requires { field.like(value); }) {
        if (is == "like")
            return field.like(value);
        if (is == "not_like")
            return field.not_like(value);
    }
    throw std::runtime_error{"the library has no such comparison: " + std::string{is}};
}

passage::UserFilter filter_of(const json::array& condition)
{
    namespace user_field = passage::user_field;
    const std::string_view field = condition.at(0).as_string();
    const std::string_view is = condition.at(1).as_string();
    const json::value& value = condition.at(2);
    if (field == "login_count")
        return compared(user_field::login_count, is, value.as_int64());
    const std::string_view text = value.as_string();
    if (field == "identifier")
        return compared(user_field::identifier, is, text);
    if (field == "id")
        return compared(user_field::id, is, text);
    if (field == "status")
        return compared(user_field::status, is, passage::OpenEnum<passage::UserStatus>::from_text(text).value());
    if (field == "created_at")
        return compared(user_field::created_at, is, time_of(text));
    if (field == "updated_at")
        return compared(user_field::updated_at, is, time_of(text));
    if (field == "last_login_at")
        return compared(user_field::last_login_at, is, time_of(text));
    throw std::runtime_error{"the library has no such filter: " + std::string{field}};
}

passage::UserOrder order_of(std::string_view text)
{
    namespace user_field = passage::user_field;
    const std::string_view field = text.substr(0, text.find(':'));
    const bool descending = text.ends_with(":DESC");
    const auto by = [&](const auto& ordered) { return descending ? ordered.descending() : ordered.ascending(); };
    if (field == "id")
        return by(user_field::id);
    if (field == "status")
        return by(user_field::status);
    if (field == "login_count")
        return by(user_field::login_count);
    if (field == "created_at")
        return by(user_field::created_at);
    if (field == "updated_at")
        return by(user_field::updated_at);
    if (field == "last_login_at")
        return by(user_field::last_login_at);
    throw std::runtime_error{"the library has no such order: " + std::string{text}};
}

passage::ListUsersRequest list_of(const json::object& step)
{
    passage::ListUsersRequest request;
    if (const auto* page = step.if_contains("page"))
        request.page(page->as_int64());
    if (const auto* limit = step.if_contains("limit"))
        request.limit(limit->as_int64());
    if (const auto* before = step.if_contains("created_before"))
        request.created_before(std::chrono::sys_seconds{std::chrono::seconds{before->as_int64()}});
    if (const auto* orders = step.if_contains("order_by"))
        for (const json::value& order : orders->as_array())
            request.order_by(order_of(order.as_string()));
    if (const auto* conditions = step.if_contains("where"))
        for (const json::value& condition : conditions->as_array())
            request.where(filter_of(condition.as_array()));
    return request;
}

// The scenario.

class Driver
{
public:
    Driver(json::object tokens, passage::HttpVersion version) : tokens_{std::move(tokens)}
    {
        passage::Config right = passage::Config::from_environment().value();
        right.http_version = version;
        passage::Config wrong_key = right;
        wrong_key.api_key = passage::Secret{"psg_of_another_app"};
        passage::Config unknown_app = right;
        unknown_app.app_id = "nobody";
        clients_.try_emplace("right", context_, right);
        clients_.try_emplace("wrong key", context_, wrong_key);
        clients_.try_emplace("unknown app", context_, unknown_app);

        passage::AuthOptions options;
        authenticators_.try_emplace("right", context_, right);
        authenticators_.try_emplace("unknown app", context_, unknown_app);
        options.source = passage::TokenSource::header;
        authenticators_.try_emplace("header", context_, right, options);
        options.source = passage::TokenSource::cookie;
        authenticators_.try_emplace("cookie", context_, right, options);
    }

    /// The outcome of a step.
    json::object act(const json::object& step)
    {
        const auto* chosen = step.if_contains("client");
        const std::string name = chosen ? json::value_to<std::string>(*chosen) : "right";
        const std::string_view call = step.at("call").as_string();
        if (call == "authenticate")
            return outcome(authenticators_.at(name).authenticate(with_token(step, "token")));
        if (call == "authenticate_request")
            return outcome(
                authenticators_.at(name).authenticate_request(with_token(step, "header"), with_token(step, "cookie")));

        passage::Client& psg = clients_.at(name);
        if (call == "create_user")
            return outcome(psg.create_user(new_user_of(step)));
        if (call == "get_user_by_identifier")
            return outcome(psg.get_user_by_identifier(step.at("identifier").as_string()));
        if (call == "list_users")
            return outcome(psg.list_users(list_of(step)));
        if (call == "get_app")
            return outcome(psg.get_app());

        const std::string user = user_of(step);
        if (call == "create_magic_link")
            return outcome(psg.create_magic_link(new_magic_link_of(step, user)));
        if (call == "get_user")
            return outcome(psg.get_user(user));
        if (call == "update_user")
            return outcome(psg.update_user(user, changes_of(step)));
        if (call == "activate_user")
            return outcome(psg.activate_user(user));
        if (call == "deactivate_user")
            return outcome(psg.deactivate_user(user));
        if (call == "delete_user")
            return outcome(psg.delete_user(user));
        if (call == "list_user_devices")
            return outcome(psg.list_user_devices(user));
        if (call == "revoke_user_refresh_tokens")
            return outcome(psg.revoke_user_refresh_tokens(user));
        if (call == "delete_user_device")
            return outcome(psg.delete_user_device(user, step.at("device").as_string()));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        if (call == "revoke_user_device")
            return outcome(psg.revoke_user_device(user, step.at("device").as_string()));
        if (call == "signout")
            return outcome(psg.signout(user));
#pragma GCC diagnostic pop
        throw std::runtime_error{"the library has no such call: " + std::string{call}};
    }

    /// Has later steps name a user.
    void save(std::string name, std::string id)
    {
        ids_.emplace(std::move(name), std::move(id));
    }

private:
    template <class T>
    json::object outcome(asio::awaitable<passage::expected<T>> call)
    {
        auto answer = asio::co_spawn(context_, std::move(call), asio::use_future);
        context_.restart();
        while (answer.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
            context_.run_one();
        return outcome_of(answer.get());
    }

    /// A text of the step, where {...} stands for a token; empty if it has none.
    std::string with_token(const json::object& step, std::string_view name) const
    {
        const auto* found = step.if_contains(name);
        std::string text = found ? json::value_to<std::string>(*found) : "";
        const std::size_t begin = text.find('{');
        if (begin == std::string::npos)
            return text;
        const std::size_t end = text.find('}', begin);
        const std::string token = json::value_to<std::string>(tokens_.at(text.substr(begin + 1, end - begin - 1)));
        return text.replace(begin, end + 1 - begin, token);
    }

    std::string user_of(const json::object& step) const
    {
        const auto* name = step.if_contains("user");
        std::string user = name ? json::value_to<std::string>(*name) : "";
        const auto saved = ids_.find(user);
        return saved != ids_.end() ? saved->second : user;
    }

    asio::io_context context_;
    std::map<std::string, passage::Client> clients_;
    std::map<std::string, passage::Authenticator> authenticators_;
    json::object tokens_;
    std::map<std::string, std::string> ids_;
};

json::value read(const char* name)
{
    std::ifstream file{name};
    return json::parse(std::string{std::istreambuf_iterator<char>{file}, {}});
}

passage::HttpVersion version_of(std::string_view name)
{
    if (name == "http1")
        return passage::HttpVersion::http1;
    if (name == "http2")
        return passage::HttpVersion::http2;
    throw std::runtime_error{"the version of HTTP is http1 or http2"};
}

void act_out(const json::value& scenario, json::object tokens, passage::HttpVersion version)
{
    Driver driver{std::move(tokens), version};
    Milliseconds to = now();
    for (const json::value& step : scenario.at("steps").as_array()) {
        // Times tell apart the steps that made them: each step has milliseconds of its own.
        while (now() <= to)
            std::this_thread::sleep_until(to + std::chrono::milliseconds{1});
        const Milliseconds from = now();
        json::object line = driver.act(step.as_object());
        to = now();
        if (const auto* name = step.as_object().if_contains("save"))
            driver.save(json::value_to<std::string>(*name), json::value_to<std::string>(line.at("result").at("id")));
        line["from"] = from.time_since_epoch().count();
        line["to"] = to.time_since_epoch().count();
        std::cout << line << '\n';
    }
}

} // namespace

int main(int argc, char** argv)
{
    try {
        if (argc != 4)
            throw std::runtime_error{"give the files of the scenario and of the tokens, and the version of HTTP"};
        act_out(read(argv[1]), read(argv[2]).as_object(), version_of(argv[3]));
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        std::cerr << "client_driver: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
