#include "program.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>

Program::Program(std::vector<std::string> words)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipe");
    }
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        setenv("TMPDIR", temporary_.path().c_str(), 1);
        execv(arguments[0], arguments.data());
        _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
    if (child_ < 0) {
        throw std::runtime_error("no child");
    }
}

Program::~Program()
{
    if (child_ > 0) {
        signal(SIGKILL);
        wait();
    }
    close_output();
}

std::string Program::read_line()
{
    std::string line;
    char byte = 0;
    while (read(output_, &byte, 1) == 1 && byte != '\n') {
        line += byte;
    }
    return line;
}

std::string Program::read_rest()
{
    std::string text;
    char bytes[4096];
    ssize_t size = 0;
    while ((size = read(output_, bytes, sizeof bytes)) > 0) {
        text.append(bytes, static_cast<std::size_t>(size));
    }
    return text;
}

void Program::close_output()
{
    close(std::exchange(output_, -1));
}

void Program::signal(int number) const
{
    kill(child_, number);
}

int Program::wait()
{
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
