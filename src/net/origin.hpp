#pragma once

#include <sys/types.h>

namespace passage::net {

/// Which process something was made in. A child made by fork() has copies of its parent's connections, and would spoil
/// them by any use.
class Origin
{
public:
    Origin() noexcept : process_{current_process()} {}

    /// Whether this is the process that it was made in.
    bool is_here() const noexcept { return process_ == current_process(); }

private:
    /// At the cost of a read rather than of a system call.
    static pid_t current_process() noexcept;

    pid_t process_;
};

} // namespace passage::net
