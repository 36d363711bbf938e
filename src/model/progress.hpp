#pragma once

#include <passage/error.hpp>

namespace passage {

/// How far an exchange is, or was when it ended.
struct Progress
{
    Stage stage = Stage::none;
    /// A byte of the request was handed to the network.
    bool request_sent = false;
    /// A byte of a response came.
    bool response_begun = false;
};

} // namespace passage
