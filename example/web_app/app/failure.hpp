#pragma once

#include <passage/error.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace app {

/// The message to a visitor about an error of the library.
struct Failure
{
    unsigned status; ///< The HTTP status of the page.
    std::string text;
    std::optional<std::chrono::seconds> retry_after;
};

Failure explain(const passage::Error& error);

/// Returns a sentence that says why a sign-in failed.
std::string explain(passage::JwtReason reason);

} // namespace app
