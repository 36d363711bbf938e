#pragma once

#include "app/access.hpp"

namespace app {

/// The pages where users sign in and out, and see their own account.
class AccountPages
{
public:
    AccountPages(passage::Client& client, passage::Authenticator& authenticator, const View& view)
        : client_{client}, authenticator_{authenticator}, view_{view}
    {}

    /// This object must outlive the site.
    void add_to(web::Site& site, const Access& access);

private:
    asio::awaitable<web::Response> sign_in(const web::Request& request, bool behind_tls);
    asio::awaitable<web::Response> sign_out(const web::Request& request, bool behind_tls);
    asio::awaitable<passage::expected<void>> revoke_tokens(const web::Request& request);
    asio::awaitable<web::Response> account(const web::Request& request, const Visitor& visitor);

    passage::Client& client_;
    passage::Authenticator& authenticator_;
    const View& view_;
};

} // namespace app
