#include "magic_links.hpp"

#include "api_error.hpp"
#include "random.hpp"
#include "requests.hpp"
#include "store.hpp"

#include <utility>

namespace passage::emulator {
namespace {

const std::string& asked_address(const MagicLinkRequest& request)
{
    return request.email ? *request.email : request.phone.value();
}

std::optional<User> find_user(Store& store, std::string_view app_id, const MagicLinkRequest& request)
{
    if (request.user_id) {
        return store.find_user(app_id, *request.user_id);
    }
    return store.find_user_by_identifier(app_id, asked_address(request));
}

/// The address to which the link goes: that of the given channel, or else the one that the request names or the user
/// has.
std::string identifier_of(const UserRecord& user, const MagicLinkRequest& request)
{
    const bool has_email = user.email && !request.phone;
    const bool by_email = request.channel ? *request.channel == "email" : has_email;
    const std::optional<std::string>& identifier = by_email ? user.email : user.phone;
    if (!identifier) {
        throw invalid_request("The user has no address for this channel.");
    }
    return *identifier;
}

} // namespace

MagicLink make_magic_link(Store& store, std::string_view app_id, std::string_view body)
{
    MagicLinkRequest request = read_magic_link(body);
    const std::optional<User> user = find_user(store, app_id, request);
    if (!user && request.user_id) {
        throw user_not_found();
    }
    MagicLink link;
    link.id = new_id();
    link.app_id = app_id;
    if (user) {
        link.user_id = user->record.id;
        link.identifier = identifier_of(user->record, request);
    } else {
        link.identifier = asked_address(request);
    }
    link.redirect_url = std::move(request.redirect_url);
    link.secret = new_id();
    link.path = std::move(request.path);
    link.ttl = request.ttl;
    link.type = std::move(request.type);
    return link;
}

} // namespace passage::emulator
