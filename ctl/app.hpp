#pragma once

#include "exit_code.hpp"

namespace passage::ctl {

class Program;

ExitCode show_app(Program& program);

} // namespace passage::ctl
