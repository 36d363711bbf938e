#pragma once

#include "app/access.hpp"

namespace app {

/// The pages of users for administrators: the list, and one user with all actions.
class UserPages
{
public:
    UserPages(passage::Client& client, const View& view) : client_{client}, view_{view} {}

    /// This object must outlive the site.
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

    /// Returns the page of a user, with the mistake above the form and the entered values in the form.
    web::Response user_page(http::status status, const passage::UserInfo& user, const web::Request& request,
                            const Visitor& visitor, json::object values) const;

    passage::Client& client_;
    const View& view_;
};

} // namespace app
