#pragma once

#include "../exit_code.hpp"
#include "records.hpp"

#include <cstddef>
#include <string>

namespace passage::ctl {

class Program;

/// What is done with a user that exists already.
enum class Existing {
    skip,   ///< The user stays as it is.
    update, ///< The user gets the fields that the record has.
    fail,   ///< The record counts as refused.
};

struct ImportOptions
{
    std::string file; ///< "-" is standard input.
    InputOptions input;
    Existing existing = Existing::skip;
    bool is_dry_run = false;
    bool skips_bad = false; ///< Records that are bad don't keep the others from being imported.
    std::string journal;    ///< Beside the input if empty.
    std::string failures;   ///< Beside the input if empty.
    std::size_t window = 64;
    double rate = 0; ///< Users a second; 0 is no limit.
};

/// Checks a file and imports the users in it.
ExitCode import_users(Program& program, const ImportOptions& options);

} // namespace passage::ctl
