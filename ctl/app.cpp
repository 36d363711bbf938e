#include "app.hpp"

#include "program.hpp"
#include "write_result.hpp"

namespace passage::ctl {

ExitCode show_app(Program& program)
{
    return program.run(write_result(program, program.client().get_app()));
}

} // namespace passage::ctl
