#pragma once

#include "exit_code.hpp"

#include <passage/auth.hpp>

#include <string>
#include <vector>

namespace passage::ctl {

class Program;

ExitCode revoke_tokens(Program& program, const std::vector<std::string>& user_ids);

/// Checks the token that standard input has: as an argument other users of the machine could read it.
ExitCode verify_token(Program& program, const AuthOptions& options);

} // namespace passage::ctl
