#pragma once

#include "exit_code.hpp"
#include "filters.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace passage::ctl {

class Program;

struct ListOptions
{
    Selection selection;
    std::optional<std::int64_t> page;
    std::int64_t limit = 50;
    bool all = false;
};

/// The fields of a user that are set or cleared.
struct UserFields
{
    std::optional<std::string> email;
    std::optional<std::string> phone;
    std::vector<std::string> metadata;
    bool clear_email = false;
    bool clear_phone = false;
    bool clear_metadata = false;
};

using Words = std::vector<std::string>;

ExitCode list_users(Program& program, const ListOptions& options);
ExitCode get_users(Program& program, const Words& ids);
ExitCode find_users(Program& program, const Words& identifiers);
ExitCode create_user(Program& program, const UserFields& fields);
ExitCode update_user(Program& program, const std::string& id, const UserFields& fields);
ExitCode activate_users(Program& program, const Words& ids);
ExitCode deactivate_users(Program& program, const Words& ids);
ExitCode delete_users(Program& program, const Words& ids);

} // namespace passage::ctl
