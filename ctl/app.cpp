#include "app.hpp"

#include "json_lines.hpp"
#include "program.hpp"
#include "views.hpp"

namespace passage::ctl {
namespace {

asio::awaitable<ExitCode> write_app(Program& program)
{
    const AppInfo app = value_or_throw(co_await program.client().get_app());
    if (program.options.json)
        write_line(program.out, to_json(app));
    else
        write_details(program.out, app);
    co_return ExitCode::ok;
}

} // namespace

ExitCode show_app(Program& program)
{
    return program.run(write_app(program));
}

} // namespace passage::ctl
