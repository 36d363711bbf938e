#include "terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace passage::ctl {

bool is_terminal(int descriptor) noexcept
{
    return isatty(descriptor) == 1;
}

std::size_t terminal_width() noexcept
{
    winsize size{};
    if (!is_terminal(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return std::numeric_limits<std::size_t>::max();
    return size.ws_col;
}

bool is_coloured() noexcept
{
    const char* const refused = std::getenv("NO_COLOR");
    const char* const kind = std::getenv("TERM");
    return is_terminal(STDOUT_FILENO) && (!refused || *refused == '\0') && kind && std::string_view{kind} != "dumb";
}

Answer ask(const std::string& question)
{
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0)
        return Answer::no_terminal;
    const std::string shown = question + " [y/N] ";
    std::string line;
    ssize_t count = write(terminal, shown.data(), shown.size());
    for (char c = '\0'; count > 0 && c != '\n';) {
        count = read(terminal, &c, 1);
        if (count > 0)
            line += c;
    }
    const bool interrupted = count < 0 && errno == EINTR;
    if (line.empty() && !interrupted)
        count = write(terminal, "\n", 1); // the end of input leaves the cursor behind the question
    close(terminal);
    if (interrupted)
        return Answer::interrupted;
    return line == "y\n" || line == "Y\n" || line == "yes\n" ? Answer::yes : Answer::no;
}

} // namespace passage::ctl
