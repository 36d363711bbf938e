#include "view.hpp"

#include <boost/json/array.hpp>

#include <array>
#include <iostream>
#include <utility>

namespace app {
namespace {

/// Returns the notice for the name in a redirection. The address does not contain the text, because anyone can write
/// one.
std::string_view notice(std::string_view name)
{
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> notices{{
        {"saved", "The changes are saved."},
        {"unchanged", "Nothing was changed."},
        {"activated", "The user is active."},
        {"deactivated", "The user is deactivated, and can't sign in."},
        {"deleted", "The user is deleted."},
        {"device-deleted", "The device is deleted."},
        {"signed-out", "You are signed out."},
    }};
    for (const auto& [known, text] : notices)
        if (known == name)
            return text;
    return {};
}

} // namespace

web::Response View::page(http::status status, std::string_view name, std::string_view title,
                         const web::Request& request, const Visitor* visitor, json::object values) const
{
    values["title"] = title;
    values["csrf"] = request.form_token;
    values["notice"] = notice(request.query["notice"]);
    if (visitor)
        values["visitor"] = {{"name", visitor->user.email.empty() ? visitor->user.phone : visitor->user.email},
                             {"is_administrator", visitor->is_administrator}};
    return web::respond(status, "text/html; charset=utf-8", templates_.render(name, values));
}

web::Response View::failure(const web::Request& request, const Visitor* visitor, http::status status,
                            std::string_view text) const
{
    return page(status, "failure", http::obsolete_reason(status), request, visitor, {{"text", text}});
}

web::Response View::failure(const web::Request& request, const Visitor* visitor, const passage::Error& error) const
{
    const Failure failed = explain(error);
    // Mistakes of visitors, and visitors who disconnect, are not logged for the operators.
    if (failed.status >= 500 && !passage::is_cancelled(error))
        std::clog << to_string(error) + "\n";
    web::Response response = failure(request, visitor, http::int_to_status(failed.status), failed.text);
    if (failed.retry_after)
        response.set(http::field::retry_after, std::to_string(failed.retry_after->count()));
    return response;
}

std::string to_text(passage::Timestamp time)
{
    if (time == passage::never)
        return "never";
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::minutes>(time - day)};
    const auto two = [](auto number) {
        const std::string digits = std::to_string(number);
        return digits.size() < 2 ? "0" + digits : digits;
    };
    return std::to_string(static_cast<int>(date.year())) + "-" + two(static_cast<unsigned>(date.month())) + "-" +
           two(static_cast<unsigned>(date.day())) + " " + two(clock.hours().count()) + ":" +
           two(clock.minutes().count()) + " UTC";
}

json::object to_json(const passage::UserSummary& user)
{
    return {{"id", user.id},
            {"path", "/admin/users/" + web::percent_encode(user.id)},
            {"name", !user.email.empty()   ? user.email
                     : !user.phone.empty() ? user.phone
                                           : user.id},
            {"email", user.email},
            {"email_verified", user.email_verified},
            {"phone", user.phone},
            {"phone_verified", user.phone_verified},
            {"status", user.status.text()},
            {"is_active", user.status == passage::UserStatus::active},
            {"login_count", user.login_count},
            {"created_at", to_text(user.created_at)},
            {"updated_at", to_text(user.updated_at)},
            {"last_login_at", to_text(user.last_login_at)}};
}

json::array to_json(const std::vector<passage::WebAuthnDevice>& devices)
{
    json::array list;
    for (const passage::WebAuthnDevice& device : devices)
        list.push_back({{"device_path", "/devices/" + web::percent_encode(device.id)},
                        {"friendly_name", device.friendly_name.empty() ? device.id : device.friendly_name},
                        {"type", device.type.text()},
                        {"usage_count", device.usage_count},
                        {"last_used_at", to_text(device.last_login_at)}});
    return list;
}

} // namespace app
