#pragma once

#include "api/path_template.hpp"

#include <string_view>

namespace passage::api {

/// The success statuses of an operation.
enum class Success {
    content, ///< 200 with a body.
    created, ///< 201 or 200 with a body.
    empty,   ///< 200 or 204. A body is not decoded.
};

/// Static properties of an API operation, independent of its arguments and result.
struct Operation
{
    std::string_view name;   ///< The member function of `Client`.
    std::string_view method; ///< RFC 9110, section 9.
    PathTemplate path;       ///< Relative to the app's path.
    Success success = Success::content;
    bool idempotent = true; ///< RFC 9110, section 9.2.2.
    /// A retry that ends with "not found" is a success: an earlier attempt deleted it.
    bool repeated_not_found_is_success = false;
    /// Each response of success names the user or object of the request, and is checked for it. Set by `Row`.
    bool answer_names_subject = false;
};

} // namespace passage::api
