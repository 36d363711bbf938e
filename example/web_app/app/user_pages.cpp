#include "user_pages.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace app {
namespace {

namespace field = passage::user_field;

constexpr std::int64_t users_on_a_page = 25;

struct Choice
{
    std::string_view name;
    std::string_view text;
};
constexpr std::array<Choice, 4> statuses{
    {{"", "any"}, {"active", "active"}, {"inactive", "inactive"}, {"pending", "pending"}}};
constexpr std::array<Choice, 4> orders{{{"newest", "newest first"},
                                        {"oldest", "oldest first"},
                                        {"last-login", "last sign-in first"},
                                        {"logins", "most sign-ins first"}}};

passage::UserOrder order_of(std::string_view name)
{
    if (name == "oldest")
        return field::created_at.ascending();
    if (name == "last-login")
        return field::last_login_at.descending();
    if (name == "logins")
        return field::login_count.descending();
    return field::created_at.descending();
}

/// The number that a text is; none if it is no number above zero.
std::optional<std::int64_t> read_number(std::string_view text)
{
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 1)
        return std::nullopt;
    return number;
}

/// What a query of the list asks the library for.
passage::ListUsersRequest read_list(const web::Fields& query)
{
    passage::ListUsersRequest request;
    request.limit(users_on_a_page).page(read_number(query["page"]).value_or(1)).order_by(order_of(query["order"]));
    if (const std::string search{query["search"]}; !search.empty())
        request.where(field::identifier.like(search.find('%') == search.npos ? '%' + search + '%' : search));
    if (const auto status = passage::OpenEnum<passage::UserStatus>::from_text(query["status"]);
        status.value() != passage::UserStatus::unknown)
        request.where(field::status == status.value());
    // Pages are those of the set as it was on the first one.
    if (const auto before = read_number(query["before"]))
        request.created_before(std::chrono::sys_seconds{std::chrono::seconds{*before}});
    return request;
}

template <std::size_t count>
json::array options(const std::array<Choice, count>& choices, std::string_view chosen)
{
    json::array list;
    for (const Choice& choice : choices)
        list.push_back({{"name", choice.name}, {"text", choice.text}, {"chosen", choice.name == chosen}});
    return list;
}

/// The address of another page of a list.
std::string page_path(const web::Fields& query, const passage::UserPage& list, std::int64_t page)
{
    std::string path = "/admin/users?page=" + std::to_string(page) +
                       "&before=" + std::to_string(list.created_before.time_since_epoch().count());
    for (const std::string_view name : {"search", "status", "order"})
        if (!query[name].empty())
            path += "&" + std::string{name} + "=" + web::percent_encode(query[name]);
    return path;
}

bool is_self(const Visitor& visitor, const web::Request& request)
{
    return request.names["id"] == visitor.user.id;
}

constexpr std::string_view not_oneself =
    "You would lock yourself out. Ask another administrator to do this to your account.";

std::string path_of_user(const web::Request& request, std::string_view notice)
{
    return "/admin/users/" + web::percent_encode(request.names["id"]) + "?notice=" + std::string{notice};
}

/// What a form changes of a user; none if it changes nothing.
passage::expected<std::optional<passage::UpdateUserRequest>> read_changes(const web::Fields& form,
                                                                          const passage::UserInfo& user)
{
    const std::string email{form["email"]};
    const std::string phone{form["phone"]};
    boost::system::error_code error;
    const json::value metadata = json::parse(form["metadata"].empty() ? "{}" : form["metadata"], error);
    if (error || !metadata.is_object())
        return passage::unexpected{
            passage::Error{passage::Errc::invalid_argument, "The metadata must be a JSON object, such as {\"a\": 1}."}};

    passage::UpdateUserRequest changes;
    if (email != user.email)
        email.empty() ? changes.clear_email() : changes.email(email);
    if (phone != user.phone)
        phone.empty() ? changes.clear_phone() : changes.phone(phone);
    if (metadata.as_object() != user.user_metadata)
        changes.metadata(metadata.as_object());
    if (changes.email().kept() && changes.phone().kept() && changes.metadata().kept())
        return std::nullopt;
    return changes;
}

} // namespace

void UserPages::add_to(web::Site& site, const Access& access)
{
    const auto page = [&](Answer (UserPages::*answer)(const web::Request&, const Visitor&)) {
        return access.for_administrators([this, answer](const web::Request& request, const Visitor& visitor) {
            return (this->*answer)(request, visitor);
        });
    };
    site.get("/admin/users", page(&UserPages::list));
    site.get("/admin/users/{id}", page(&UserPages::show));
    site.post("/admin/users/{id}", page(&UserPages::edit));
    site.post("/admin/users/{id}/activate", page(&UserPages::activate));
    site.post("/admin/users/{id}/deactivate", page(&UserPages::deactivate));
    site.get("/admin/users/{id}/delete", page(&UserPages::ask_to_delete));
    site.post("/admin/users/{id}/delete", page(&UserPages::delete_user));
    site.get("/admin/users/{id}/devices/{device}/delete", page(&UserPages::ask_to_delete_device));
    site.post("/admin/users/{id}/devices/{device}/delete", page(&UserPages::delete_device));
}

UserPages::Answer UserPages::list(const web::Request& request, const Visitor& visitor)
{
    const auto found = co_await client_.list_users(read_list(request.query));
    if (!found)
        co_return view_.failure(request, &visitor, found.error());
    const std::int64_t pages = std::max<std::int64_t>((found->total_users + users_on_a_page - 1) / users_on_a_page, 1);
    json::array rows;
    for (const passage::UserSummary& user : found->users)
        rows.push_back(to_json(user));
    json::object values{{"search", request.query["search"]},
                        {"statuses", options(statuses, request.query["status"])},
                        {"orders", options(orders, request.query["order"])},
                        {"users", std::move(rows)},
                        {"total", found->total_users},
                        {"is_one", found->total_users == 1},
                        {"page", found->page},
                        {"pages", pages}};
    if (found->page > 1)
        values["previous"] = page_path(request.query, *found, std::min(found->page - 1, pages));
    if (found->page < pages)
        values["next"] = page_path(request.query, *found, found->page + 1);
    co_return view_.page(http::status::ok, "users", "Users", request, &visitor, std::move(values));
}

web::Response UserPages::user_page(http::status status, const passage::UserInfo& user, const web::Request& request,
                                   const Visitor& visitor, json::object entered) const
{
    json::object values = to_json(user);
    values["devices"] = to_json(user.webauthn_devices);
    values["may_delete_devices"] = true;
    values["is_self"] = is_self(visitor, request);
    values["entered"] = std::move(entered);
    const std::string name{values["name"].as_string()};
    return view_.page(status, "user", name, request, &visitor, std::move(values));
}

UserPages::Answer UserPages::show(const web::Request& request, const Visitor& visitor)
{
    const auto user = co_await client_.get_user(request.names["id"]);
    if (!user)
        co_return view_.failure(request, &visitor, user.error());
    json::object entered{{"email", user->email},
                         {"phone", user->phone},
                         {"metadata", user->user_metadata.empty() ? "" : json::serialize(user->user_metadata)}};
    co_return user_page(http::status::ok, *user, request, visitor, std::move(entered));
}

UserPages::Answer UserPages::edit(const web::Request& request, const Visitor& visitor)
{
    const auto user = co_await client_.get_user(request.names["id"]);
    if (!user)
        co_return view_.failure(request, &visitor, user.error());
    auto changes = read_changes(request.form, *user);
    if (changes && !*changes)
        co_return web::redirect(path_of_user(request, "unchanged"));
    if (changes && is_self(visitor, request) && !(*changes)->email().kept())
        co_return view_.failure(request, &visitor, http::status::forbidden, not_oneself);

    std::optional<passage::Error> error;
    if (!changes)
        error = changes.error();
    else if (const auto updated = co_await client_.update_user(user->id, **changes); !updated)
        error = updated.error();
    if (!error)
        co_return web::redirect(path_of_user(request, "saved"));
    if (!passage::is_invalid_argument(*error))
        co_return view_.failure(request, &visitor, *error);
    json::object entered{{"email", request.form["email"]},
                         {"phone", request.form["phone"]},
                         {"metadata", request.form["metadata"]},
                         {"error", error->message}};
    co_return user_page(http::status::unprocessable_entity, *user, request, visitor, std::move(entered));
}

UserPages::Answer UserPages::activate(const web::Request& request, const Visitor& visitor)
{
    const auto user = co_await client_.activate_user(request.names["id"]);
    co_return user ? web::redirect(path_of_user(request, "activated")) : view_.failure(request, &visitor, user.error());
}

UserPages::Answer UserPages::deactivate(const web::Request& request, const Visitor& visitor)
{
    if (is_self(visitor, request))
        co_return view_.failure(request, &visitor, http::status::forbidden, not_oneself);
    const auto user = co_await client_.deactivate_user(request.names["id"]);
    co_return user ? web::redirect(path_of_user(request, "deactivated"))
                   : view_.failure(request, &visitor, user.error());
}

UserPages::Answer UserPages::ask_to_delete(const web::Request& request, const Visitor& visitor)
{
    const auto user = co_await client_.get_user(request.names["id"]);
    if (!user)
        co_return view_.failure(request, &visitor, user.error());
    json::object values = to_json(*user);
    values["question"] = "The user and all that belongs to them will be gone for good.";
    co_return view_.page(http::status::ok, "delete", "Delete this user?", request, &visitor, std::move(values));
}

UserPages::Answer UserPages::delete_user(const web::Request& request, const Visitor& visitor)
{
    if (is_self(visitor, request))
        co_return view_.failure(request, &visitor, http::status::forbidden, not_oneself);
    const auto deleted = co_await client_.delete_user(request.names["id"]);
    co_return deleted ? web::redirect("/admin/users?notice=deleted")
                      : view_.failure(request, &visitor, deleted.error());
}

UserPages::Answer UserPages::ask_to_delete_device(const web::Request& request, const Visitor& visitor)
{
    const auto devices = co_await client_.list_user_devices(request.names["id"]);
    if (!devices)
        co_return view_.failure(request, &visitor, devices.error());
    const auto device = std::ranges::find(*devices, request.names["device"], &passage::WebAuthnDevice::id);
    if (device == devices->end())
        co_return view_.failure(request, &visitor, http::status::not_found, "There is no such device any more.");
    json::object values{{"name", device->friendly_name.empty() ? device->id : device->friendly_name},
                        {"path", "/admin/users/" + web::percent_encode(request.names["id"])},
                        {"question", "The user can't sign in with this device any more."}};
    co_return view_.page(http::status::ok, "delete", "Delete this device?", request, &visitor, std::move(values));
}

UserPages::Answer UserPages::delete_device(const web::Request& request, const Visitor& visitor)
{
    const auto deleted = co_await client_.delete_user_device(request.names["id"], request.names["device"]);
    co_return deleted ? web::redirect(path_of_user(request, "device-deleted"))
                      : view_.failure(request, &visitor, deleted.error());
}

} // namespace app
