#pragma once

#include "api/path_template.hpp"

#include <string_view>

namespace passage::api {

/// The statuses by which the service says that an operation succeeded.
enum class Success {
    content, ///< 200, with what was asked for.
    created, ///< 201 or 200, with what was created.
    empty,   ///< 200 or 204; a body is not read.
};

/// What is known of an operation, whatever it yields: what the way of a call depends on.
struct Operation
{
    std::string_view name;   ///< As the member function of `Client`.
    std::string_view method; ///< RFC 9110, section 9.
    PathTemplate path;       ///< Below the app's.
    Success success = Success::content;
    bool idempotent = true; ///< Made twice, it has the effect of once.
    /// A repetition that finds nothing shows that an earlier attempt did it.
    bool repeated_not_found_is_success = false;
    /// Whether each answer of success names what the arguments asked for, and is checked by it. `Row` sets it.
    bool answer_names_subject = false;
};

} // namespace passage::api
