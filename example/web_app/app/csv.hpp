#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace app {

/// A table in CSV format (RFC 4180): fields are separated by commas, and quoted if they contain commas, quotes or line
/// ends.
struct CsvTable
{
    static constexpr std::size_t max_fields = 100; ///< In a row.

    struct Row
    {
        std::size_t line; ///< The line where the row begins, from 1.
        std::vector<std::string> fields;
    };
    struct BadLine
    {
        std::size_t line;
        std::string reason;
    };

    std::vector<std::string> header;
    std::vector<Row> rows;          ///< Each row has as many fields as the header.
    std::vector<BadLine> bad_lines; ///< Lines that could not be read; parsing continued at the next line.
};

/// Reads a table whose first row is the header. Lines end with LF or CR LF. Empty lines and a byte order mark are
/// skipped.
CsvTable read_csv(std::string_view text);

} // namespace app
