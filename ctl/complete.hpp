#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace passage::ctl {

/// The hidden command with which shells ask what may come next.
inline constexpr std::string_view complete_command = "__complete";

/// Prints what may complete the last of these words, one candidate a line. Prints nothing where a file or a free text
/// is expected.
void complete(const CLI::App& app, const std::vector<std::string>& words, std::ostream& out);

} // namespace passage::ctl
