#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace app {

/// A table as RFC 4180 has it: fields between commas, in quotes where they hold commas, quotes or ends of lines.
struct CsvTable
{
    static constexpr std::size_t max_fields = 100; ///< Of a row.

    struct Row
    {
        std::size_t line; ///< Where it begins, from 1.
        std::vector<std::string> fields;
    };
    struct BadLine
    {
        std::size_t line;
        std::string reason;
    };

    std::vector<std::string> header;
    std::vector<Row> rows;          ///< Each has as many fields as the header.
    std::vector<BadLine> bad_lines; ///< What could not be read; reading went on with the line after.
};

/// Reads a table whose first row is its header. Lines end with LF or CR LF; empty ones are skipped, and so is a byte
/// order mark.
CsvTable read_csv(std::string_view text);

} // namespace app
