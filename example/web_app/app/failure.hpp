#pragma once

#include <passage/error.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace app {

/// What a visitor is told of an error of the library.
struct Failure
{
    unsigned status; ///< Of the page that says so.
    std::string text;
    std::optional<std::chrono::seconds> retry_after;
};

Failure explain(const passage::Error& error);

/// Why a sign-in failed, in a sentence.
std::string explain(passage::JwtReason reason);

} // namespace app
