#pragma once

#include "pieces.hpp"

#include <csv.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace passage::ctl {

/// The longest record of an input, in bytes.
inline constexpr std::uint64_t max_record_size = std::uint64_t{4} * 1024 * 1024;

/// A record of a CSV file.
struct CsvRow
{
    std::uint64_t line = 0;   ///< Where it begins, from 1.
    std::uint64_t offset = 0; ///< Its first byte in the file.
    std::uint64_t length = 0; ///< Its bytes, with the CR or LF that ends it.
    std::vector<std::string> fields;
    std::string problem; ///< Why it cannot be read; empty if it can. The fields are then incomplete.
};

/// Reads a CSV file (RFC 4180) in constant memory. Lines end with CR LF, LF or CR. Empty lines and a byte order mark
/// are skipped, and blanks around a field are no part of it unless they are quoted.
class CsvReader
{
public:
    static constexpr std::size_t max_fields = 1000; ///< In a record.

    explicit CsvReader(int file, char delimiter = ',', Sha256* hash = nullptr);
    CsvReader(const CsvReader&) = delete;
    CsvReader& operator=(const CsvReader&) = delete;
    ~CsvReader();

    /// Reads the next record. Returns false at the end of the file. After a record with a problem, reading goes on at
    /// the line after the problem.
    bool next(CsvRow& row);

private:
    void begin_parsing();
    void parse(std::string_view piece, CsvRow& row);
    void finish(CsvRow& row);

    Pieces pieces_;
    char delimiter_;
    csv_parser parser_;
    bool is_complete_ = false; ///< The parser has seen the end of the record.
};

} // namespace passage::ctl
