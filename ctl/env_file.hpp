#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage::ctl {

/// Reads assignments as a shell would, and executes nothing: lines of `NAME=VALUE` or `export NAME=VALUE`, blank lines
/// and comments. Values may be in quotes.
///
/// Throws `Failure` if a line is something else, or would be expanded by a shell. The message names `file` and the
/// line, and shows nothing of the line.
std::vector<std::pair<std::string, std::string>> parse_env_file(std::string_view text, const std::string& file);

} // namespace passage::ctl
