#include "csv_reader.hpp"

#include <new>

namespace passage::ctl {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr unsigned char options = CSV_STRICT | CSV_STRICT_FINI;

/// What the callbacks of libcsv fill.
struct Target
{
    CsvRow& row;
    bool& is_complete;
};

// libcsv is C and lets no exception through.

void add_field(void* bytes, std::size_t size, void* target) noexcept
{
    CsvRow& row = static_cast<Target*>(target)->row;
    if (row.fields.size() < CsvReader::max_fields)
        row.fields.emplace_back(static_cast<const char*>(bytes), size);
    else
        row.problem = "has more than " + std::to_string(CsvReader::max_fields) + " fields";
}

void end_row(int /*terminator*/, void* target) noexcept
{
    static_cast<Target*>(target)->is_complete = true;
}

} // namespace

CsvReader::CsvReader(int file, char delimiter, Sha256* hash) : pieces_{file, hash}, delimiter_{delimiter}
{
    begin_parsing();
}

CsvReader::~CsvReader()
{
    csv_free(&parser_);
}

void CsvReader::begin_parsing()
{
    if (csv_init(&parser_, options) != 0)
        throw std::bad_alloc{};
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
    // Its buffer grows by so many bytes. The default of 128 takes quadratic time for long fields.
    csv_set_blk_size(&parser_, std::size_t{64} * 1024);
}

void CsvReader::parse(std::string_view piece, CsvRow& row)
{
    if (piece.find('\0') != std::string_view::npos)
        row.problem = "contains a NUL byte";
    Target target{row, is_complete_};
    if (csv_parse(&parser_, piece.data(), piece.size(), add_field, end_row, &target) != piece.size()) {
        if (csv_error(&parser_) != CSV_EPARSE)
            throw std::bad_alloc{};
        row.problem = parser_.quoted ? "has text behind a closing quote" : "has a quote within a field without quotes";
    }
    if (pieces_.offset() - row.offset > max_record_size)
        row.problem =
            "is longer than " + std::to_string(max_record_size >> 20U) + " MiB; perhaps a quote is not closed";
}

void CsvReader::finish(CsvRow& row)
{
    Target target{row, is_complete_};
    if (csv_fini(&parser_, add_field, end_row, &target) != 0) {
        row.problem = "has a quote that is never closed";
        csv_free(&parser_);
        begin_parsing();
    }
}

bool CsvReader::next(CsvRow& row)
{
    row.fields.clear();
    row.problem.clear();
    is_complete_ = false;
    constexpr int between_rows = 0; // of csv_parser::pstate
    for (;;) {
        if (parser_.pstate == between_rows) {
            row.offset = pieces_.offset();
            row.line = pieces_.line();
        }
        std::string_view piece = pieces_.next();
        if (piece.empty()) {
            finish(row);
            row.length = pieces_.offset() - row.offset;
            return is_complete_ || !row.problem.empty();
        }
        if (row.offset == 0 && pieces_.offset() == piece.size() && piece.starts_with(byte_order_mark))
            piece.remove_prefix(byte_order_mark.size());
        parse(piece, row);
        if (!row.problem.empty() && !is_complete_) {
            csv_free(&parser_);
            begin_parsing();
            while (!piece.empty() && !ends_line(piece))
                piece = pieces_.next();
        }
        if (is_complete_ || !row.problem.empty()) {
            row.length = pieces_.offset() - row.offset;
            return true;
        }
    }
}

} // namespace passage::ctl
