#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace structure {

/// What the compiler of this build made of a translation unit.
struct Compiled
{
    bool accepted = false;
    /// What the compiler printed.
    std::string messages;
    /// Every header that was read.
    std::string headers;
};

/// Checks, without making code, a translation unit as a user of the library would compile it.
///
/// `options` go to the compiler after those of the build.
Compiled compile(const std::string& source, const std::string& options = "");

/// The processor's time, in user mode, that the compiler of this build takes to make unoptimized code of a translation
/// unit.
std::chrono::microseconds time_to_compile(const std::string& source);

/// Those of the headers that were read which a program must not get from the library's own: Beast's,
/// OpenSSL's, SQLite's.
std::vector<std::string> hidden_headers(const Compiled& compiled);

} // namespace structure
