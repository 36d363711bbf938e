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

/// Answers a request of a visitor who may make it.
using Page = std::function<asio::awaitable<web::Response>(const web::Request&, const Visitor&)>;

/// Lets visitors in: whoever signed in, or administrators alone. Who may not come in is not asked for the body of the
/// request.
class Access
{
public:
    /// Administrators are users who verified one of these e-mail addresses, which are compared in any case.
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
