#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace passage::ctl {

/// Writes rows in columns. The widths follow from the first rows, so that any number of rows takes bounded memory.
///
/// On a terminal a line is no wider than the terminal: wide columns are cut, and the last ones left out. The first
/// column, which has ids, is neither. Elsewhere nothing is cut.
class Table
{
public:
    /// The head is written before the first row, so there is none without rows.
    Table(std::ostream& stream, std::vector<std::string> head);
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    /// Adds a row with a cell for each column. Cells may be any text.
    void add(std::vector<std::string> row);
    /// Writes the rows that are not written yet.
    void flush();

private:
    void set_widths();
    void write(const std::vector<std::string>& row, bool is_head);

    std::ostream& stream_;
    std::vector<std::vector<std::string>> rows_; ///< The head and the first rows; empty once the widths are known.
    std::vector<std::size_t> widths_;            ///< Of the columns that are shown.
    bool is_cut_ = false;
};

/// A field of one thing, for `write_fields`.
struct NamedField
{
    std::string name;
    std::string value;
};

/// Writes fields below each other. Values may be any text.
void write_fields(std::ostream& stream, const std::vector<NamedField>& fields);

} // namespace passage::ctl
