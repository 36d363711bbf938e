#pragma once

namespace CLI {
class App;
}

namespace passage::ctl {

class Program;

// As the functions of ../commands.hpp.

void add_export(CLI::App& app, Program& program);
void add_import(CLI::App& app, Program& program);

} // namespace passage::ctl
