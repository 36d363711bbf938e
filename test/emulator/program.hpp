#pragma once

#include "temporary_folder.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

/// A program run as a child, with all it prints on one pipe.
class Program
{
public:
    explicit Program(std::vector<std::string> words);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    /// Kills it if it still runs.
    ~Program();

    /// The next line it prints; empty at its end.
    std::string read_line();
    std::string read_rest();
    /// Reads no more: what it prints from now on has no reader.
    void close_output();
    void signal(int number) const;
    /// Waits for its end: the exit status, or minus the signal that ended it.
    int wait();

private:
    TemporaryFolder temporary_; ///< For what it leaves behind when it is killed.
    pid_t child_ = -1;
    int output_ = -1;
};
