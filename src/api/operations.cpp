#include "api/operations.hpp"

#include "api/requests.hpp"

#include <utility>

namespace passage::api {

expected<http::Request> get_found_user(const Requests& requests, const http::Response& first, std::size_t limit,
                                       const Question& question)
{
    constexpr Answer<UserSummary> found{read_found_user, &Question::is_answered_by};
    expected<UserSummary> user = found.read(first, limit, question);
    if (!user)
        return unexpected{std::move(user.error())};
    return requests.build(get_user, user->id);
}

} // namespace passage::api
