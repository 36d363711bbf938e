#include "access.hpp"

#include "web/text.hpp"

namespace app {

Access::Access(passage::Client& client, passage::Authenticator& authenticator, const View& view,
               const std::vector<std::string>& administrators)
    : client_{client}, authenticator_{authenticator}, view_{view}
{
    for (const std::string& address : administrators)
        administrators_.insert(web::to_lower(address));
}

/// A token says who signed in, but not the user's e-mail address, and not whether the user was deactivated afterwards.
asio::awaitable<passage::expected<Visitor>> Access::who_asks(const web::Request& request) const
{
    const auto claims = co_await authenticator_.authenticate_request(request.message);
    if (!claims)
        co_return passage::unexpected{claims.error()};
    // Not coalesced_get_user, whose result may be as old as a request that another visitor began.
    auto user = co_await client_.get_user(claims->user_id);
    if (!user)
        co_return passage::unexpected{user.error()};
    Visitor visitor;
    visitor.is_administrator = user->email_verified && administrators_.contains(web::to_lower(user->email));
    visitor.user = std::move(*user);
    co_return visitor;
}

web::Admission Access::guard(Page page, bool administrators_only) const
{
    return [this, page = std::move(page),
            administrators_only](const web::Request& request) -> asio::awaitable<web::Decision> {
        const auto visitor = co_await who_asks(request);
        if (!visitor && (passage::is_token_refused(visitor.error()) || passage::is_not_found(visitor.error())))
            co_return web::redirect("/sign-in");
        if (!visitor)
            co_return view_.failure(request, nullptr, visitor.error());
        if (visitor->user.status == passage::UserStatus::inactive)
            co_return view_.failure(request, nullptr, http::status::forbidden, "Your account is deactivated.");
        if (administrators_only && !visitor->is_administrator)
            co_return view_.failure(request, &*visitor, http::status::forbidden, "This page is for administrators.");
        co_return [page, visitor = *visitor](const web::Request& admitted) { return page(admitted, visitor); };
    };
}

} // namespace app
