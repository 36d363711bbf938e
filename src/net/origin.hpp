#pragma once

#include <sys/types.h>

namespace passage::net {

/// Remembers the process in which an object was made. A child made by fork() has copies of its parent's connections,
/// and using them would corrupt the parent's.
class Origin
{
public:
    Origin() noexcept : process_{current_process()} {}

    /// Whether this process made the object.
    bool is_here() const noexcept { return process_ == current_process(); }

private:
    /// As `getpid()`, but usually without a system call.
    static pid_t current_process() noexcept;

    pid_t process_;
};

} // namespace passage::net
