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

/// Leads from page to page through the users that a request selects.
///
/// By key where the request allows it: a page begins at the time when the last user of the one before was created, so
/// that nobody is missed or comes twice whoever is created or deleted meanwhile. Else by the pages' numbers.
class UserPages
{
public:
    explicit UserPages(ListUsersRequest request);

    /// The next user of the pages read so far; none if there is no further one.
    std::optional<UserSummary> pop();
    /// Whether there is no further page.
    bool is_at_end() const noexcept { return is_at_end_; }

    /// Asks for the next page.
    ListUsersRequest request() const;
    /// Takes in the page that `request` asked for. What is wrong with it, if it does not lead on.
    std::optional<Error> take(UserPage page);

private:
    std::optional<Error> take_by_number(UserPage page);
    std::optional<Error> take_by_key(UserPage page);

    ListUsersRequest request_;
    const bool by_key_;
    std::int64_t number_;
    std::int64_t total_ = 0;         ///< As page 1 says.
    std::vector<UserSummary> users_; ///< Of the last page.
    std::size_t next_ = 0;
    bool is_at_end_ = false;

    // By number.
    std::string first_of_page_;

    // By key. From one time on, there may be several pages.
    Timestamp from_ = never;
    std::map<std::string, Timestamp> seen_; ///< Who was created since then and was yielded, and when.
    std::size_t listed_ = 0;                ///< By page 1 and those after it.
    std::size_t old_ = 0;                   ///< Of these, who was created before that time.
    std::size_t fresh_ = 0;                 ///< Of these, who was created at that time, and was not yielded before.
};

} // namespace passage::api
