#pragma once

#include "exit_code.hpp"

#include <string>
#include <vector>

namespace passage::ctl {

class Program;

ExitCode list_devices(Program& program, const std::string& user_id);
ExitCode delete_devices(Program& program, const std::string& user_id, const std::vector<std::string>& device_ids);

} // namespace passage::ctl
