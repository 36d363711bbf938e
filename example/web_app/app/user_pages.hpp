#pragma once

#include "app/access.hpp"

namespace app {

/// The administrators' pages of users: the list, and one user with all that can be done.
class UserPages
{
public:
    UserPages(passage::Client& client, const View& view) : client_{client}, view_{view} {}

    /// These pages must live as long as the site.
    void add_to(web::Site& site, const Access& access);

private:
    using Answer = asio::awaitable<web::Response>;

    Answer list(const web::Request& request, const Visitor& visitor);
    Answer show(const web::Request& request, const Visitor& visitor);
    Answer edit(const web::Request& request, const Visitor& visitor);
    Answer activate(const web::Request& request, const Visitor& visitor);
    Answer deactivate(const web::Request& request, const Visitor& visitor);
    Answer ask_to_delete(const web::Request& request, const Visitor& visitor);
    Answer delete_user(const web::Request& request, const Visitor& visitor);
    Answer ask_to_delete_device(const web::Request& request, const Visitor& visitor);
    Answer delete_device(const web::Request& request, const Visitor& visitor);

    /// The page of a user; above the form what it got wrong, and in the form what was entered.
    web::Response user_page(http::status status, const passage::UserInfo& user, const web::Request& request,
                            const Visitor& visitor, json::object values) const;

    passage::Client& client_;
    const View& view_;
};

} // namespace app
