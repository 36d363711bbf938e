#pragma once

#include <cstddef>
#include <string>

namespace passage::ctl {

/// Returns whether a file descriptor is a terminal.
bool is_terminal(int descriptor) noexcept;

/// Returns the number of columns of the terminal that standard output is; absurdly many if it is none.
std::size_t terminal_width() noexcept;

/// Returns whether text may be coloured: standard output is a terminal, and the user did not refuse it (NO_COLOR).
bool is_coloured() noexcept;

/// The answer to a question.
enum class Answer { yes, no, no_terminal, interrupted };

/// Asks at the terminal of the process, which need be neither standard input nor standard output.
Answer ask(const std::string& question);

} // namespace passage::ctl
