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

/// Parses a positive number; absent if the text is not one.
std::optional<std::int64_t> read_number(std::string_view text)
{
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 1)
        return std::nullopt;
    return number;
}

/// Returns the request for the library that a query of the list stands for.
passage::ListUsersRequest read_list(const web::Fields& query)
{
    passage::ListUsersRequest request;
    request.limit(users_on_a_page).page(read_number(query["page"]).value_or(1)).order_by(order_of(query["order"]));
    if (const std::string search{query["search"]}; !search.empty())
        request.where(field::identifier.like(search.find('%') == search.npos ? '%' + search + '%' : search));
    if (const auto status = passage::OpenEnum<passage::UserStatus>::from_text(query["status"]);
        status.value() != passage::UserStatus::unknown)
        request.where(field::status == status.value());
    // All pages show the set of users as it was for the first page.
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

/// Returns the address of another page of a list.
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

std::string to_text(const json::object& metadata)
{
    return metadata.empty() ? "" : json::serialize(metadata);
}

/// Parses metadata; absent if the text is not a JSON object.
std::optional<json::object> read_metadata(std::string_view text)
{
    boost::system::error_code error;
    json::value metadata = json::parse(text.empty() ? "{}" : text, error);
    if (error || !metadata.is_object())
        return std::nullopt;
    return std::move(metadata.as_object());
}

/// Returns the initial values of the form of a user. The form sends them back as `was_...`, together with the entered
/// values.
json::object fields_of(const passage::UserInfo& user)
{
    const std::string metadata = to_text(user.user_metadata);
    return {{"email", user.email},     {"phone", user.phone},     {"metadata", metadata},
            {"was_email", user.email}, {"was_phone", user.phone}, {"was_metadata", metadata}};
}

/// Returns the values that a form was sent with.
json::object fields_of(const web::Fields& form)
{
    json::object fields;
    for (const std::string_view name : {"email", "phone", "metadata", "was_email", "was_phone", "was_metadata"})
        fields[name] = form[name];
    return fields;
}

/// The changes of a user that a form makes.
struct Edit
{
    passage::UpdateUserRequest request;
    bool is_empty = true;
    std::string overwritten; ///< Fields that the form changes and that another administrator has changed since.
    json::object fields;     ///< The form to show in this case, with the current values of the user.
};

/// Changes only the fields that were changed in the form, so that an outdated form reverts nothing.
passage::expected<Edit> read_edit(const web::Fields& form, const passage::UserInfo& user)
{
    const std::optional<json::object> metadata = read_metadata(form["metadata"]);
    if (!metadata)
        return passage::unexpected{
            passage::Error{passage::Errc::invalid_argument, "The metadata must be a JSON object, such as {\"a\": 1}."}};

    Edit edit;
    edit.fields = fields_of(user);
    const auto changes = [&](std::string_view name, std::string_view text, const auto& was, const auto& entered,
                             const auto& now) {
        if (entered == was || entered == now)
            return false;
        if (now != was)
            edit.overwritten += (edit.overwritten.empty() ? "" : ", ") + std::string{text};
        edit.fields[name] = form[name];
        edit.is_empty = false;
        return true;
    };
    const std::string email{form["email"]};
    const std::string phone{form["phone"]};
    if (changes("email", "e-mail", form["was_email"], email, user.email))
        email.empty() ? edit.request.clear_email() : edit.request.email(email);
    if (changes("phone", "phone", form["was_phone"], phone, user.phone))
        phone.empty() ? edit.request.clear_phone() : edit.request.phone(phone);
    // From text as well: Boost.JSON may read a double as the next one, and all must be alike.
    const std::optional<json::object> metadata_now = read_metadata(to_text(user.user_metadata));
    if (changes("metadata", "metadata", read_metadata(form["was_metadata"]), *metadata, metadata_now))
        edit.request.metadata(*metadata);
    return edit;
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
    co_return user_page(http::status::ok, *user, request, visitor, fields_of(*user));
}

UserPages::Answer UserPages::edit(const web::Request& request, const Visitor& visitor)
{
    const auto user = co_await client_.get_user(request.names["id"]);
    if (!user)
        co_return view_.failure(request, &visitor, user.error());
    auto edit = read_edit(request.form, *user);
    if (edit && edit->is_empty)
        co_return web::redirect(path_of_user(request, "unchanged"));
    if (edit && is_self(visitor, request) && !edit->request.email().kept())
        co_return view_.failure(request, &visitor, http::status::forbidden, not_oneself);
    if (edit && !edit->overwritten.empty()) {
        edit->fields["error"] = "Somebody else has changed this meanwhile: " + edit->overwritten +
                                ". It is now as below the form; save again to overwrite it.";
        edit->fields["meanwhile"] = fields_of(*user);
        co_return user_page(http::status::conflict, *user, request, visitor, std::move(edit->fields));
    }

    std::optional<passage::Error> error;
    if (!edit)
        error = edit.error();
    else if (const auto updated = co_await client_.update_user(user->id, edit->request); !updated)
        error = updated.error();
    if (!error)
        co_return web::redirect(path_of_user(request, "saved"));
    if (!passage::is_invalid_argument(*error))
        co_return view_.failure(request, &visitor, *error);
    json::object entered = fields_of(request.form);
    entered["error"] = error->message;
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
