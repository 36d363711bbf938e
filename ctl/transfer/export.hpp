#pragma once

#include "../exit_code.hpp"
#include "../filters.hpp"

#include <cstddef>

namespace passage::ctl {

class Program;

struct ExportOptions
{
    enum class Format { jsonl, csv };

    Format format = Format::jsonl;
    Selection selection;
    bool is_brief = false; ///< Only the fields that lists have.
    bool is_for_spreadsheets = false;
    std::size_t window = 64;
};

/// Writes users to standard output.
ExitCode export_users(Program& program, const ExportOptions& options);

} // namespace passage::ctl
