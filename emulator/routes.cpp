#include "routes.hpp"

#include "api_error.hpp"
#include "keys.hpp"
#include "listing.hpp"
#include "magic_links.hpp"
#include "percent.hpp"
#include "requests.hpp"
#include "store.hpp"
#include "tokens.hpp"
#include "views.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <vector>

namespace passage::emulator {
namespace {

/// A request that was routed and authorized.
struct Call
{
    Store& store;
    std::string_view path; ///< as sent, without a slash at its end
    Parameters parameters;
    std::vector<std::string> names; ///< the decoded segments that match {}
    std::string_view body;
    Time now;

    const std::string& app() const { return names[0]; }
    const std::string& user() const { return names[1]; }
};

Response found_user(const std::optional<User>& user)
{
    if (!user) {
        throw user_not_found();
    }
    return {200, show_user(*user), {}};
}

Response get_app(Call& call)
{
    const std::optional<App> app = call.store.find_app(call.app());
    return {200, show_app(call.app(), app.value()), {}};
}

Response list_users(Call& call)
{
    const Listing listing = read_listing(call.parameters);
    const UserPage page = call.store.list_users(call.app(), listing, call.now);
    return {200, show_users(page, listing, call.parameters, call.path), {}};
}

Response create_user(Call& call)
{
    const User user = read_new_user(call.body, call.now);
    call.store.add_user(call.app(), user, call.now);
    return {201, show_user(user), {}};
}

Response get_user(Call& call)
{
    return found_user(call.store.find_user(call.app(), call.user()));
}

Response update_user(Call& call)
{
    return found_user(call.store.update_user(call.app(), call.user(), read_user_changes(call.body), call.now));
}

Response activate_user(Call& call)
{
    return found_user(call.store.set_status(call.app(), call.user(), "active", call.now));
}

Response deactivate_user(Call& call)
{
    return found_user(call.store.set_status(call.app(), call.user(), "inactive", call.now));
}

Response delete_user(Call& call)
{
    if (!call.store.remove_user(call.app(), call.user())) {
        throw user_not_found();
    }
    return {};
}

Response list_devices(Call& call)
{
    const std::optional<User> user = call.store.find_user(call.app(), call.user());
    if (!user) {
        throw user_not_found();
    }
    return {200, show_devices(*user), {}};
}

Response delete_device(Call& call)
{
    if (call.store.remove_device(call.app(), call.user(), call.names[2])) {
        return {};
    }
    if (!call.store.has_user(call.app(), call.user())) {
        throw user_not_found();
    }
    throw ApiError(404, "device_not_found", "Device not found.");
}

Response create_magic_link(Call& call)
{
    return {201, show_magic_link(make_magic_link(call.store, call.app(), call.body)), {}};
}

Response get_keys(Call& call)
{
    return {200, show_key_set(key_set(call.store, call.app(), call.now)), {}};
}

Response issue_token(Call& call)
{
    return {201, show_token(issue_token(call.store, call.app(), call.user(), call.body, call.now)), {}};
}

Response rotate_key(Call& call)
{
    return {201, show_id(rotate_key(call.store, call.app(), call.now)), {}};
}

Response retire_key(Call& call)
{
    if (!call.store.remove_signing_key(call.app(), call.names[1])) {
        throw ApiError(404, "key_not_found", "Key not found.");
    }
    return {};
}

/// The emulator has no refresh tokens, so it revokes nothing.
Response revoke_tokens(Call& call)
{
    if (!call.store.has_user(call.app(), call.user())) {
        throw user_not_found();
    }
    return {};
}

Response plant_user(Call& call)
{
    const User user = read_planted_user(call.body, call.now);
    call.store.add_user(call.app(), user, call.now);
    return {201, show_user(user), {}};
}

Response planted(bool user_exists, std::string_view id)
{
    if (!user_exists) {
        throw user_not_found();
    }
    return {201, show_id(id), {}};
}

Response plant_device(Call& call)
{
    const Device device = read_planted_device(call.body, call.now);
    return planted(call.store.add_device(call.app(), call.user(), device), device.id);
}

Response plant_event(Call& call)
{
    const Event event = read_planted_event(call.body, call.now);
    return planted(call.store.add_event(call.app(), call.user(), event), event.id);
}

Response plant_social_connection(Call& call)
{
    const SocialConnection connection = read_planted_social_connection(call.names[2], call.body, call.now);
    return planted(call.store.put_social_connection(call.app(), call.user(), connection), connection.provider_id);
}

struct Route : Endpoint
{
    Response (*handle)(Call&);
};

constexpr std::array routes{
    Route{{"GET", "/v1/apps/{}", true}, get_app},
    Route{{"GET", "/v1/apps/{}/users"}, list_users},
    Route{{"POST", "/v1/apps/{}/users"}, create_user},
    Route{{"GET", "/v1/apps/{}/users/{}"}, get_user},
    Route{{"PATCH", "/v1/apps/{}/users/{}"}, update_user},
    Route{{"DELETE", "/v1/apps/{}/users/{}"}, delete_user},
    Route{{"PATCH", "/v1/apps/{}/users/{}/activate"}, activate_user},
    Route{{"PATCH", "/v1/apps/{}/users/{}/deactivate"}, deactivate_user},
    Route{{"GET", "/v1/apps/{}/users/{}/devices"}, list_devices},
    Route{{"DELETE", "/v1/apps/{}/users/{}/devices/{}"}, delete_device},
    Route{{"DELETE", "/v1/apps/{}/users/{}/tokens"}, revoke_tokens},
    Route{{"POST", "/v1/apps/{}/magic-links"}, create_magic_link},
    Route{{"GET", "/v1/apps/{}/.well-known/jwks.json", true}, get_keys},
    Route{{"POST", "/admin/apps/{}/keys"}, rotate_key},
    Route{{"DELETE", "/admin/apps/{}/keys/{}"}, retire_key},
    Route{{"POST", "/admin/apps/{}/users"}, plant_user},
    Route{{"POST", "/admin/apps/{}/users/{}/devices"}, plant_device},
    Route{{"POST", "/admin/apps/{}/users/{}/events"}, plant_event},
    Route{{"PUT", "/admin/apps/{}/users/{}/social/{}"}, plant_social_connection},
    Route{{"POST", "/admin/apps/{}/users/{}/tokens"}, issue_token},
};

/// Returns the text before the first separator. `rest` becomes what follows it.
std::string_view take_until(std::string_view& rest, char separator)
{
    const std::size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view head = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return head;
}

std::string decode(std::string_view text)
{
    auto decoded = percent_decode(text);
    if (!decoded) {
        throw invalid_request("The URL holds a % that two hex digits do not follow.");
    }
    return *std::move(decoded);
}

/// The segments of the path that match {} of the pattern, still encoded, so that %2F is not a separator. Nullopt if the
/// path does not match.
std::optional<std::vector<std::string_view>> match(std::string_view pattern, std::string_view path)
{
    if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) {
        return std::nullopt;
    }
    std::vector<std::string_view> names;
    while (!pattern.empty()) {
        const std::string_view expected = take_until(pattern, '/');
        const std::string_view segment = take_until(path, '/');
        if (expected == "{}") {
            names.push_back(segment);
        } else if (expected != segment) {
            return std::nullopt;
        }
    }
    return names;
}

/// Decodes as for a form: `+` is a space. A parameter without `=` has an empty value.
Parameters read_query(std::string_view query)
{
    Parameters parameters;
    while (!query.empty()) {
        std::string pair{take_until(query, '&')};
        if (pair.empty()) {
            continue;
        }
        std::ranges::replace(pair, '+', ' ');
        std::string_view value = pair;
        const std::string_view name = take_until(value, '=');
        parameters.emplace_back(decode(name), decode(value));
    }
    return parameters;
}

bool serves(const Route& route, std::string_view method)
{
    return route.method == method || (method == "HEAD" && route.method == "GET");
}

void authorize(Store& store, const Request& request, std::string_view app_id, bool needs_key)
{
    const std::optional<App> app = store.find_app(app_id);
    if (!app) {
        throw ApiError(404, "app_not_found", "App not found.");
    }
    if (needs_key && !is_authorized(request.authorization, app->key_hash)) {
        throw ApiError(401, "invalid_access_token",
                       "The Authorization header must be Bearer and an API key of this app.");
    }
}

enum class Known { head, all };

/// Removes the query, and a slash at the end of the path.
std::string_view routed_path(std::string_view target)
{
    std::string_view path = take_until(target, '?');
    if (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    return path;
}

/// Returns nullopt if only the head is known and the body is needed. A request with a body always needs a key.
std::optional<Response> dispatch(Store& store, const Request& request, Known known)
{
    if (!request.user_agent || request.user_agent->empty()) {
        throw ApiError(403, "operation_not_allowed", "The request needs a User-Agent header.");
    }
    const std::string_view path = routed_path(request.target);
    std::string_view query = request.target;
    take_until(query, '?');

    std::string allow;
    for (const Route& route : routes) {
        const auto names = match(route.pattern, path);
        if (!names) {
            continue;
        }
        if (!serves(route, request.method)) {
            allow += allow.empty() ? "" : ", ";
            allow += route.method == "GET" ? "GET, HEAD" : route.method;
            continue;
        }
        Call call{store, path, {}, {}, request.body, now()};
        for (const std::string_view name : *names) {
            call.names.push_back(decode(name));
        }
        authorize(store, request, call.app(), !route.is_public || known == Known::head);
        if (known == Known::head) {
            return std::nullopt;
        }
        call.parameters = read_query(query);
        return route.handle(call);
    }
    if (allow.empty()) {
        throw ApiError(404, "route_not_found", "There is nothing at this path.");
    }
    Response response = refusal(405, "method_not_allowed", "This path does not take that method.");
    response.allow = std::move(allow);
    return response;
}

Response storage_refusal(const SqlError& error)
{
    switch (error.kind()) {
    case SqlError::Kind::busy:
        return refusal(503, "service_unavailable", "The data is locked by another program.");
    case SqlError::Kind::full:
        return refusal(507, "insufficient_storage", "The data has no room left.");
    case SqlError::Kind::unusable:
        return refusal(503, "service_unavailable", "The data cannot be read or written.");
    case SqlError::Kind::constraint:
    case SqlError::Kind::corrupt:
    case SqlError::Kind::other:
        break;
    }
    return refusal(500, "internal_server_error", "The emulator failed; its log says why.");
}

std::optional<Response> attempt(Store& store, const Request& request, Known known)
{
    try {
        return dispatch(store, request, known);
    } catch (const ApiError& error) {
        return refusal(error.status(), error.code(), error.what());
    } catch (const SqlError& error) {
        std::clog << "passage-emulator: storage: " << error.what() << std::endl;
        return storage_refusal(error);
    }
}

} // namespace

std::vector<Endpoint> endpoints()
{
    return {routes.begin(), routes.end()};
}

std::optional<std::size_t> endpoint_of(std::string_view method, std::string_view target)
{
    const std::string_view path = routed_path(target);
    for (std::size_t index = 0; index < routes.size(); ++index) {
        if (serves(routes[index], method) && match(routes[index].pattern, path)) {
            return index;
        }
    }
    return std::nullopt;
}

Response refusal(unsigned status, std::string_view code, std::string_view text)
{
    return {status, show_error(code, text), {}};
}

Response answer(Store& store, const Request& request)
{
    return attempt(store, request, Known::all).value();
}

std::optional<Response> refusal_of_head(Store& store, const Request& head)
{
    return attempt(store, head, Known::head);
}

} // namespace passage::emulator
