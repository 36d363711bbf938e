#include "csv.hpp"

#include <utility>

namespace app {
namespace {

/// Parses text record by record.
class Reader
{
public:
    explicit Reader(std::string_view text) : rest_{text}
    {
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        if (rest_.starts_with(byte_order_mark))
            rest_.remove_prefix(byte_order_mark.size());
    }

    bool at_end() const { return rest_.empty(); }
    std::size_t line() const { return line_; }

    /// Returns the fields of the next record, or the reason why it cannot be read. In that case the line where it began
    /// is skipped.
    std::pair<std::vector<std::string>, std::string> next()
    {
        const std::string_view start = rest_;
        const std::size_t start_line = line_;
        std::vector<std::string> fields;
        for (;;) {
            std::string field;
            const std::string reason = fields.size() == CsvTable::max_fields ? too_many()
                                       : rest_.starts_with('"')              ? read_quoted(field)
                                                                             : read_plain(field);
            if (!reason.empty()) {
                rest_ = start;
                line_ = start_line;
                skip_line();
                return {{}, reason};
            }
            fields.push_back(std::move(field));
            if (rest_.empty() || at_line_end()) {
                skip_line();
                return {std::move(fields), {}};
            }
            rest_.remove_prefix(1); // the comma
        }
    }

private:
    static std::string too_many()
    {
        return "it has more than " + std::to_string(CsvTable::max_fields) + " fields, which is the most";
    }

    bool at_line_end() const { return rest_.starts_with('\n') || rest_.starts_with("\r\n"); }

    void skip_line()
    {
        const std::size_t end = rest_.find('\n');
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        ++line_;
    }

    std::string read_plain(std::string& field)
    {
        while (!rest_.empty() && rest_.front() != ',' && !at_line_end()) {
            if (rest_.front() == '"')
                return "a quote stands within a field that does not begin with one";
            field += rest_.front();
            rest_.remove_prefix(1);
        }
        return {};
    }

    std::string read_quoted(std::string& field)
    {
        for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
            if (rest_.starts_with("\"\"")) {
                rest_.remove_prefix(1);
            } else if (rest_.front() == '"') {
                rest_.remove_prefix(1);
                const bool is_end = rest_.empty() || rest_.front() == ',' || at_line_end();
                return is_end ? "" : "something stands behind a closing quote";
            }
            line_ += rest_.front() == '\n';
            field += rest_.front();
        }
        return "a quote is never closed";
    }

    std::string_view rest_;
    std::size_t line_ = 1;
};

} // namespace

CsvTable read_csv(std::string_view text)
{
    CsvTable table;
    Reader reader{text};
    while (!reader.at_end()) {
        const std::size_t line = reader.line();
        auto [fields, reason] = reader.next();
        if (!reason.empty()) {
            table.bad_lines.push_back({line, std::move(reason)});
            if (table.header.empty())
                break; // the rest is meaningless without the header
        } else if (fields.size() == 1 && fields.front().empty()) {
            continue;
        } else if (table.header.empty()) {
            table.header = std::move(fields);
        } else if (fields.size() != table.header.size()) {
            table.bad_lines.push_back({line, "it has " + std::to_string(fields.size()) + " fields, the header " +
                                                 std::to_string(table.header.size())});
        } else {
            table.rows.push_back({line, std::move(fields)});
        }
    }
    return table;
}

} // namespace app
