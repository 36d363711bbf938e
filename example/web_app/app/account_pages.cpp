#include "account_pages.hpp"

#include "web/cookie.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

namespace app {
namespace {

constexpr const char* token_cookie = "psg_auth_token";
constexpr std::chrono::seconds sign_out_time{3}; ///< Shorter than for other pages, so that signing out is quick.

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
    return text.substr(0, text.find_last_not_of(blank) + 1);
}

json::array to_json(const std::vector<passage::UserEvent>& events)
{
    json::array list;
    for (const passage::UserEvent& event : events)
        list.push_back({{"type", event.type},
                        {"time", to_text(event.created_at)},
                        {"user_agent", event.user_agent_display.empty() ? event.user_agent : event.user_agent_display},
                        {"ip_addr", event.ip_addr}});
    return list;
}

} // namespace

void AccountPages::add_to(web::Site& site, const Access& access)
{
    const bool behind_tls = site.behind_tls();
    site.get("/sign-in", [this](const web::Request& request) -> asio::awaitable<web::Response> {
        co_return view_.page(http::status::ok, "sign_in", "Sign in", request, nullptr);
    });
    site.post("/sign-in", [=, this](const web::Request& request) { return sign_in(request, behind_tls); });
    site.post("/sign-out", [=, this](const web::Request& request) { return sign_out(request, behind_tls); });
    site.get("/account", access.for_users([this](const web::Request& request, const Visitor& visitor) {
        return account(request, visitor);
    }));
}

/// A site does not need this if a page of the service or a magic link sets the cookie.
asio::awaitable<web::Response> AccountPages::sign_in(const web::Request& request, bool behind_tls)
{
    const std::string token{trimmed(request.form["token"])};
    const auto claims = co_await authenticator_.authenticate(token);
    if (!claims && !passage::is_token_refused(claims.error()))
        co_return view_.failure(request, nullptr, claims.error());
    // Not 401, which needs a challenge (WWW-Authenticate): a form is no authentication scheme of HTTP.
    if (!claims)
        co_return view_.page(
            http::status::forbidden, "sign_in", "Sign in", request, nullptr,
            {{"error", explain(token.empty() ? passage::JwtReason::missing : claims.error().jwt_reason)}});

    const auto left = std::chrono::floor<std::chrono::seconds>(claims->expires_at - std::chrono::system_clock::now());
    web::Response response = web::redirect("/account");
    response.insert(http::field::set_cookie,
                    web::to_field({token_cookie, token, behind_tls, std::max(left, std::chrono::seconds{1})}));
    co_return response;
}

/// Clears the cookie, whatever the service says about the token and its user.
asio::awaitable<web::Response> AccountPages::sign_out(const web::Request& request, bool behind_tls)
{
    const auto revoked = co_await revoke_tokens(request);
    web::Response response =
        revoked ? web::redirect("/sign-in?notice=signed-out") : view_.failure(request, nullptr, revoked.error());
    response.insert(http::field::set_cookie, web::to_field({token_cookie, "", behind_tls, std::chrono::seconds{-1}}));
    co_return response;
}

/// Revokes the refresh tokens of the visitor. Also succeeds if the token is no longer accepted, or its user no longer
/// exists.
asio::awaitable<passage::expected<void>> AccountPages::revoke_tokens(const web::Request& request)
{
    const auto claims = co_await authenticator_.authenticate_request(request.message);
    if (!claims && passage::is_token_refused(claims.error()))
        co_return passage::expected<void>{};
    if (!claims)
        co_return passage::unexpected{claims.error()};
    const auto options = passage::CallOptions{}.timeout(sign_out_time);
    auto revoked = co_await client_.revoke_user_refresh_tokens(claims->user_id, options);
    if (!revoked && passage::is_not_found(revoked.error()))
        co_return passage::expected<void>{};
    co_return revoked;
}

asio::awaitable<web::Response> AccountPages::account(const web::Request& request, const Visitor& visitor)
{
    json::object values = to_json(visitor.user);
    values["devices"] = app::to_json(visitor.user.webauthn_devices);
    values["events"] = to_json(visitor.user.recent_events);
    co_return view_.page(http::status::ok, "account", "Your account", request, &visitor, std::move(values));
}

} // namespace app
