#pragma once

namespace CLI {
class App;
}

namespace passage::ctl {

class Program;

// Each adds a group of commands to the command line. A command that is given sets `Program::command`.

void add_users(CLI::App& app, Program& program);
void add_devices(CLI::App& app, Program& program);
void add_tokens(CLI::App& app, Program& program);
void add_magic_links(CLI::App& app, Program& program);
void add_app(CLI::App& app, Program& program);
void add_doctor(CLI::App& app, Program& program);

} // namespace passage::ctl
