#pragma once

#include <passage/error.hpp>

namespace passage::net {

/// Why something on the network failed.
struct Failure
{
    Error error;
    /// It may well succeed if tried again.
    bool transient = false;
};

} // namespace passage::net
