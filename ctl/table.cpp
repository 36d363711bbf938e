#include "table.hpp"

#include "terminal.hpp"
#include "text.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <ostream>
#include <utility>

namespace passage::ctl {
namespace {

/// So many rows decide about the widths.
constexpr std::size_t sample = 100;
constexpr std::size_t gap = 2;
/// Columns are cut to this width before a column is left out, and to the narrowest only after that.
constexpr std::size_t comfortable = 32;
constexpr std::size_t narrowest = 6;
/// So many columns are never left out.
constexpr std::size_t kept = 3;

std::string padded(std::string text, std::size_t width)
{
    text.append(width - std::min(width, width_of(text)), ' ');
    return text;
}

std::string bold(const std::string& text)
{
    return is_coloured() ? "\x1b[1m" + text + "\x1b[0m" : text;
}

std::size_t excess(const std::vector<std::size_t>& widths, std::size_t line)
{
    const std::size_t total = std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
    return total - std::min(total, line);
}

/// Narrows the widest columns except the first, to `least` at most, until the line fits.
void narrow(std::vector<std::size_t>& widths, std::size_t line, std::size_t least)
{
    for (std::size_t left = excess(widths, line); left > 0; --left) {
        const auto widest = std::max_element(widths.begin() + 1, widths.end());
        if (widest == widths.end() || *widest <= least)
            return;
        --*widest;
    }
}

/// Returns widths that fit a line: those of the columns that are shown.
std::vector<std::size_t> fitted(std::vector<std::size_t> natural, std::size_t line)
{
    for (;;) {
        std::vector<std::size_t> widths = natural;
        narrow(widths, line, comfortable);
        if (excess(widths, line) == 0)
            return widths;
        if (natural.size() <= kept)
            break;
        natural.pop_back();
    }
    narrow(natural, line, narrowest);
    return natural;
}

} // namespace

Table::Table(std::ostream& stream, std::vector<std::string> head) : stream_{stream}
{
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row)
{
    for (std::string& cell : row)
        cell = printable(cell);
    if (!widths_.empty()) {
        write(row, false);
        return;
    }
    rows_.push_back(std::move(row));
    if (rows_.size() > sample)
        flush();
}

void Table::flush()
{
    if (rows_.size() > 1) {
        set_widths();
        const auto rows = std::exchange(rows_, {});
        write(rows.front(), true);
        std::for_each(rows.begin() + 1, rows.end(), [this](const auto& row) { write(row, false); });
    }
    stream_.flush();
}

void Table::set_widths()
{
    is_cut_ = is_terminal(STDOUT_FILENO);
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    widths_ = fitted(std::move(widths), terminal_width());
}

void Table::write(const std::vector<std::string>& row, bool is_head)
{
    std::string line;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        std::string cell = is_cut_ && i > 0 ? cut(row[i], widths_[i]) : row[i];
        line += i + 1 < widths_.size() ? padded(std::move(cell), widths_[i] + gap) : cell;
    }
    stream_ << (is_head ? bold(line) : line) << '\n';
}

void write_fields(std::ostream& stream, const std::vector<NamedField>& fields)
{
    std::size_t width = 0;
    for (const NamedField& field : fields)
        width = std::max(width, width_of(field.name));
    for (const NamedField& field : fields)
        stream << bold(padded(field.name, width + gap)) << printable(field.value) << '\n';
}

} // namespace passage::ctl
