#pragma once

#include <passage/error.hpp>

namespace passage {

/// How far an exchange has got.
struct Progress
{
    Stage stage = Stage::none;
    /// At least one byte of the request was passed to the network.
    bool request_sent = false;
    /// At least one byte of a response was received.
    bool response_begun = false;
};

} // namespace passage
