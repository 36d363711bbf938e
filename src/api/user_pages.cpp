#include "api/user_pages.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace passage::api {
namespace {

bool can_go_by_key(const ListUsersRequest& request)
{
    return request.orders().empty() && !request.page() &&
           std::ranges::none_of(request.filters(),
                                [](const UserFilter& filter) { return filter.field == "created_at"; });
}

/// Whether a page is the last one, by its number and the total number of users. Does not overflow on any input.
bool is_last(const UserPage& page, std::int64_t total)
{
    if (page.users.empty() || total <= 0 || page.page == std::numeric_limits<std::int64_t>::max())
        return true;
    return page.limit > 0 && page.page >= total / page.limit + (total % page.limit != 0);
}

Error out_of_order(std::string message)
{
    return Error{Errc::protocol, std::move(message)};
}

} // namespace

UserPages::UserPages(ListUsersRequest request)
    : request_{std::move(request)}, by_key_{can_go_by_key(request_)}, number_{request_.page().value_or(1)}
{
    if (by_key_)
        request_.order_by(user_field::created_at.ascending()).order_by(user_field::id.ascending());
}

std::optional<UserSummary> UserPages::pop()
{
    if (next_ == users_.size())
        return std::nullopt;
    return std::move(users_[next_++]);
}

ListUsersRequest UserPages::request() const
{
    ListUsersRequest request = request_;
    request.page(number_);
    // The service has no "greater or equal".
    if (by_key_ && from_ > never)
        request.where(user_field::created_at > from_ - std::chrono::microseconds{1});
    return request;
}

std::optional<Error> UserPages::take(UserPage page)
{
    if (page.page != number_)
        return out_of_order("page " + std::to_string(number_) + " was asked for and another one came");
    if (!request_.created_before() && page.created_before != std::chrono::sys_seconds{})
        request_.created_before(page.created_before);
    return by_key_ ? take_by_key(std::move(page)) : take_by_number(std::move(page));
}

std::optional<Error> UserPages::take_by_number(UserPage page)
{
    std::string first = page.users.empty() ? std::string{} : page.users.front().id;
    if (!first.empty() && first == first_of_page_)
        return out_of_order("pages of users repeat themselves");
    first_of_page_ = std::move(first);
    if (total_ == 0)
        total_ = page.total_users;
    is_at_end_ = is_last(page, total_);
    if (!is_at_end_)
        ++number_;
    users_ = std::move(page.users);
    next_ = 0;
    return std::nullopt;
}

std::optional<Error> UserPages::take_by_key(UserPage page)
{
    if (!std::ranges::is_sorted(page.users, {}, &UserSummary::created_at)) {
        number_ = 1;
        return out_of_order("the users of a page are not in the order that was asked for");
    }
    const Timestamp last = page.users.empty() ? from_ : std::max(from_, page.users.back().created_at);
    if (number_ == 1) {
        total_ = page.total_users;
        listed_ = 0;
        old_ = 0;
        fresh_ = 0;
    }
    // Counts the users received, as a page may have fewer than were requested.
    listed_ += page.users.size();
    const bool is_last_page = page.users.empty() || std::cmp_greater_equal(listed_, std::min(page.total_users, total_));
    // The service may compare times less exactly than it reports them.
    old_ += std::erase_if(page.users, [&](const UserSummary& user) { return user.created_at < from_; });
    std::erase_if(page.users, [&](const UserSummary& user) { return seen_.contains(user.id); });
    for (const UserSummary& user : page.users) {
        seen_.emplace(user.id, user.created_at);
        fresh_ += user.created_at == from_;
    }
    // A user that is created or deleted between two requests shifts others to a page that was read before. So pages
    // from one creation time on are read again until they have no new user.
    const bool is_settled = number_ == 1 || fresh_ == 0;
    const bool is_shifted = listed_ > seen_.size() + old_;
    if (is_shifted && is_settled) {
        number_ = 1;
        return out_of_order("pages of users repeat themselves");
    }
    users_ = std::move(page.users);
    next_ = 0;
    is_at_end_ = is_settled && is_last_page;
    number_ = is_shifted || is_last_page || last > from_ ? 1 : number_ + 1;
    if (is_settled && last > from_) {
        from_ = last;
        std::erase_if(seen_, [&](const auto& seen) { return seen.second < last; });
    }
    return std::nullopt;
}

} // namespace passage::api
