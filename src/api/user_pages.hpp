#pragma once

#include <passage/error.hpp>
#include <passage/list_users.hpp>
#include <passage/user.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace passage::api {

/// Iterates over the pages of users that a request selects.
///
/// If the request sets neither an order nor a page, and does not filter by creation time, a page begins at the creation
/// time of the previous page's last user (paging by key). So users that are created or deleted meanwhile neither hide
/// nor repeat others. Otherwise pages are requested by number.
class UserPages
{
public:
    explicit UserPages(ListUsersRequest request);

    /// Removes and returns the next user; null if all users of the last page were returned.
    std::optional<UserSummary> pop();
    /// Whether the last page was read.
    bool is_at_end() const noexcept { return is_at_end_; }

    /// The request for the next page.
    ListUsersRequest request() const;
    /// Takes the page that `request` asked for. Returns an error if it is not a valid next page.
    std::optional<Error> take(UserPage page);

private:
    std::optional<Error> take_by_number(UserPage page);
    std::optional<Error> take_by_key(UserPage page);

    ListUsersRequest request_;
    const bool by_key_;
    std::int64_t number_;
    std::int64_t total_ = 0;         ///< `UserPage::total_users` of page 1.
    std::vector<UserSummary> users_; ///< Users on the last page.
    std::size_t next_ = 0;
    bool is_at_end_ = false;

    // For paging by number.
    std::string first_of_page_;

    // For paging by key. There may be several pages from one creation time on.
    Timestamp from_ = never;
    std::map<std::string, Timestamp> seen_; ///< Users created since `from_` that were returned, with that time.
    std::size_t listed_ = 0;                ///< Users on page 1 and those after it.
    std::size_t old_ = 0;                   ///< Of these, users created before `from_`.
    std::size_t fresh_ = 0;                 ///< Of these, users created at `from_` and not returned before.
};

} // namespace passage::api
