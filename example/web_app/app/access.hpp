#pragma once

#include "app/view.hpp"
#include "web/site.hpp"

#include <passage/auth.hpp>
#include <passage/client.hpp>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace app {

namespace asio = boost::asio;

/// Responds to a request of a visitor who is permitted to make it.
using Page = std::function<asio::awaitable<web::Response>(const web::Request&, const Visitor&)>;

/// Admits visitors: those who are signed in, or only administrators. The body of a request is not read if its visitor
/// is not admitted.
class Access
{
public:
    /// Administrators are users who have verified one of these e-mail addresses. The case of letters is ignored.
    Access(passage::Client& client, passage::Authenticator& authenticator, const View& view,
           const std::vector<std::string>& administrators);

    web::Admission for_users(Page page) const { return guard(std::move(page), false); }
    web::Admission for_administrators(Page page) const { return guard(std::move(page), true); }

private:
    web::Admission guard(Page page, bool administrators_only) const;
    asio::awaitable<passage::expected<Visitor>> who_asks(const web::Request& request) const;

    passage::Client& client_;
    passage::Authenticator& authenticator_;
    const View& view_;
    std::set<std::string> administrators_; ///< In lower case.
};

} // namespace app
