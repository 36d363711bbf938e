#pragma once

#include <boost/system/error_code.hpp>

namespace passage::net {

/// What goes on when a wait is over. Who waits is kept alive by the wait, and so owned by the execution context: one
/// that is destroyed takes it along.
class Resumable
{
public:
    /// `ec` is `operation_aborted` if the wait was cancelled.
    virtual void resume(const boost::system::error_code& ec) = 0;

protected:
    ~Resumable() = default;
};

} // namespace passage::net
