#pragma once

#include <passage/list_users.hpp>

#include <string>
#include <vector>

namespace passage::ctl {

/// The options that say which users are listed, and in which order: as the command line has them.
struct Selection
{
    std::vector<std::string> filters; ///< `status=active`, `login_count>3`, `identifier~%@example.com`.
    std::vector<std::string> orders;  ///< `created_at`, `login_count:desc`.
    std::string created_before;
};

/// The texts of `Selection::filters` and `Selection::orders`, for the help of their options.
inline constexpr const char* filter_help = "FIELD=VALUE, or with != > < ~ (like) !~; repeatable: all must match";
inline constexpr const char* order_help = "FIELD, FIELD:asc or FIELD:desc; several separated by commas";

/// Adds a selection to a request. Throws `Failure` with `ExitCode::usage` if a text is invalid.
void select(ListUsersRequest& request, const Selection& selection);

/// Reads a time: `2024-01-31`, or RFC 3339, such as `2024-01-31T12:00:00Z`. Throws `Failure` if it is invalid.
Timestamp parse_time(const std::string& text);

} // namespace passage::ctl
