#pragma once

#include "../exit_code.hpp"

namespace passage::ctl {

class Program;

/// Checks a setup step by step, and prints each step. Returns how the first failure ends the program.
ExitCode diagnose(Program& program);

} // namespace passage::ctl
