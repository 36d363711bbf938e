#include "report.hpp"

#include "../json_lines.hpp"
#include "../program.hpp"
#include "../terminal.hpp"
#include "../text.hpp"

#include <algorithm>
#include <cstddef>

namespace passage::ctl {
namespace {

constexpr std::size_t state_width = 9;
constexpr std::size_t step_width = 13;

std::string padded(std::string text, std::size_t width)
{
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

} // namespace

void Report::ok(const std::string& step, const std::string& detail)
{
    write("ok", "\x1b[32m", step, detail, "");
}

void Report::skipped(const std::string& step, const std::string& reason)
{
    write("skipped", "\x1b[2m", step, reason, "");
}

void Report::failed(const std::string& step, const std::string& detail, const std::string& advice, ExitCode code)
{
    if (!has_failed())
        code_ = code;
    write("failed", "\x1b[1;31m", step, detail, advice);
}

void Report::write(const char* state, const char* colour, const std::string& step, const std::string& detail,
                   const std::string& advice)
{
    if (program_.options.json) {
        write_line(program_.out, {{"step", json_text(step)},
                                  {"state", json_text(state)},
                                  {"detail", json_text(detail)},
                                  {"advice", json_text(advice)}});
    } else {
        constexpr std::size_t indent = state_width + step_width;
        const std::size_t width = terminal_width();
        const std::string mark = padded(state, state_width);
        program_.out << (is_coloured() ? colour + mark + "\x1b[0m" : mark) << padded(step, step_width)
                     << wrapped(printable(detail), indent, width) << '\n';
        if (!advice.empty())
            program_.out << std::string(indent - 3, ' ') << "-> " << wrapped(printable(advice), indent, width) << '\n';
    }
    program_.out.flush();
}

} // namespace passage::ctl
