#include "records.hpp"

#include "../exit_code.hpp"
#include "../parse_json.hpp"
#include "../text.hpp"
#include "csv_reader.hpp"
#include "pieces.hpp"

#include <boost/json/value.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace passage::ctl {
namespace {

namespace json = boost::json;
using Use = Column::Use;

constexpr std::string_view unknown_advice =
    ": keep it with --unknown metadata, leave it out with --unknown skip, or say what it is with --map";

std::string in_quotes(std::string_view text)
{
    return '"' + std::string{text} + '"';
}

bool is_email(std::string_view text)
{
    constexpr std::size_t max_size = 320;
    const std::size_t at = text.rfind('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= max_size &&
           std::ranges::none_of(
               text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F || c == '<' || c == '>'; });
}

bool is_phone(std::string_view text)
{
    return text.size() >= 3 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
           std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

void set_email(Record& record, std::string_view text)
{
    if (!is_email(text))
        record.problem = "the e-mail address is not of the form name@domain: " + in_quotes(text.substr(0, 100));
    record.email = text;
}

void set_phone(Record& record, std::string_view text)
{
    if (!is_phone(text))
        record.problem =
            "the phone number is not in E.164 form, such as +15005550007: " + in_quotes(text.substr(0, 100));
    record.phone = text;
}

void set_status(Record& record, std::string_view text)
{
    const auto status = OpenEnum<UserStatus>::from_text(lower(text));
    if (status.value() == UserStatus::unknown)
        record.problem = "the status is not active, inactive or pending: " + in_quotes(text.substr(0, 100));
    record.status = status.value();
}

void set_metadata(Record& record, json::object fields)
{
    for (auto& [name, value] : fields)
        record.metadata[name] = std::move(value);
}

/// Whether the API can carry all numbers of a value: JSON has no infinite ones.
bool is_finite(const json::value& value)
{
    switch (value.kind()) {
    case json::kind::double_:
        return std::isfinite(value.get_double());
    case json::kind::array:
        return std::ranges::all_of(value.get_array(), &is_finite);
    case json::kind::object:
        return std::ranges::all_of(value.get_object(), [](const auto& member) { return is_finite(member.value()); });
    default:
        return true;
    }
}

/// Notes what is wrong with a record as a whole.
void check(Record& record)
{
    for (const auto& [name, value] : record.metadata)
        if (record.problem.empty() && !is_finite(value))
            record.problem = "has a number that is too large in the metadata, " + in_quotes(name);
    if (record.problem.empty() && record.email.empty() && record.phone.empty())
        record.problem = "has neither an e-mail address nor a phone number";
}

/// Records of JSON objects, one a line.
class JsonReader final : public RecordReader
{
public:
    JsonReader(int file, const InputOptions& options, Sha256* hash)
        : pieces_{file, hash}, columns_{options.maps, options.unknown}
    {}

    std::uint64_t header_size() const noexcept override { return 0; }
    const char* extension() const noexcept override { return ".jsonl"; }

    bool next(Record& record) override
    {
        record = {};
        do {
            if (!read_line(record))
                return false;
        } while (text_.find_first_not_of(" \t\r\n") == std::string::npos);
        record.number = count_++;
        if (record.length > max_record_size)
            record.problem = "is longer than " + std::to_string(max_record_size >> 20U) + " MiB";
        else
            parse(record);
        check(record);
        return true;
    }

private:
    /// Reads the next line, which may be empty. Of a line that is too long it keeps the beginning.
    bool read_line(Record& record)
    {
        record.offset = pieces_.offset();
        record.line = pieces_.line();
        text_.clear();
        std::string_view piece;
        do {
            piece = pieces_.next();
            if (text_.size() <= max_record_size)
                text_ += piece;
        } while (!piece.empty() && !ends_line(piece));
        record.length = pieces_.offset() - record.offset;
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        if (record.offset == 0 && text_.starts_with(byte_order_mark))
            text_.erase(0, byte_order_mark.size());
        return record.length > 0;
    }

    void parse(Record& record)
    {
        auto value = parse_json(text_);
        if (!value) {
            record.problem = value.error();
            return;
        }
        json::object* const object = value->if_object();
        if (!object) {
            record.problem = "is not a JSON object";
            return;
        }
        fields_.clear();
        for (auto& [name, member] : *object)
            take(record, name, std::move(member));
    }

    void take(Record& record, std::string_view name, json::value value)
    {
        auto at = uses_.find(name);
        if (at == uses_.end()) {
            constexpr std::size_t max_remembered = 1000; // names may be as many as records
            if (uses_.size() == max_remembered)
                uses_.clear();
            at = uses_.emplace(name, columns_.find(name)).first;
        }
        const Column& column = at->second;
        const json::string* const text = value.if_string();
        switch (column.use) {
        case Use::email:
        case Use::phone:
        case Use::status:
            if (text && !text->empty() && is_first(record, name, column))
                set(record, column.use, {text->data(), text->size()});
            else if (!text && !value.is_null())
                record.problem = in_quotes(name) + " is not a string";
            break;
        case Use::metadata:
            if (json::object* const fields = value.if_object())
                set_metadata(record, std::move(*fields));
            else if (!value.is_null())
                record.problem = in_quotes(name) + " is not an object";
            break;
        case Use::metadata_field:
            if (is_first(record, name, column))
                record.metadata[column.name] = std::move(value);
            break;
        case Use::not_carried:
            if (says_something(value))
                add_not_carried(column.name);
            break;
        case Use::refused:
            record.problem = "has a member that is unknown, " + in_quotes(name) + std::string{unknown_advice};
            break;
        case Use::skipped:
            break;
        }
    }

    /// Returns whether no other member of the record has a value for the field.
    bool is_first(Record& record, std::string_view name, const Column& column)
    {
        const bool is_first = fields_.emplace(column.use, column.name).second;
        if (!is_first)
            record.problem = in_quotes(name) + " is a second member for the same field";
        return is_first;
    }

    static void set(Record& record, Use use, std::string_view text)
    {
        if (use == Use::email)
            set_email(record, text);
        else if (use == Use::phone)
            set_phone(record, text);
        else
            set_status(record, text);
    }

    static bool says_something(const json::value& value)
    {
        switch (value.kind()) {
        case json::kind::null:
            return false;
        case json::kind::bool_:
            return value.get_bool();
        case json::kind::string:
            return !value.get_string().empty();
        case json::kind::array:
            return !value.get_array().empty();
        case json::kind::object:
            return !value.get_object().empty();
        case json::kind::int64:
            return value.get_int64() != 0;
        case json::kind::uint64:
        case json::kind::double_:
            break;
        }
        return true;
    }

    Pieces pieces_;
    Columns columns_;
    std::map<std::string, Column, std::less<>> uses_; ///< What became of the names so far.
    std::set<std::pair<Use, std::string>> fields_;    ///< Those that the record has a value for.
    std::string text_;
    std::uint64_t count_ = 0;
};

/// Records of CSV. The first one has the names of the columns.
class CsvRecords final : public RecordReader
{
public:
    CsvRecords(int file, const InputOptions& options, Sha256* hash) : reader_{file, options.delimiter, hash}
    {
        if (!reader_.next(row_))
            return; // an empty file
        if (!row_.problem.empty())
            throw Failure{ExitCode::usage, "the header (line " + std::to_string(row_.line) + ") " + row_.problem};
        header_size_ = row_.offset + row_.length;
        names_ = std::move(row_.fields);
        read_header({options.maps, options.unknown}, options.delimiter);
    }

    std::uint64_t header_size() const noexcept override { return header_size_; }
    const char* extension() const noexcept override { return ".csv"; }

    bool next(Record& record) override
    {
        record = {};
        do {
            if (!reader_.next(row_))
                return false;
        } while (row_.problem.empty() && std::ranges::all_of(row_.fields, &std::string::empty));
        record.number = count_++;
        record.line = row_.line;
        record.offset = row_.offset;
        record.length = row_.length;
        record.problem = std::move(row_.problem);
        if (record.problem.empty() && row_.fields.size() != names_.size())
            record.problem = "has " + std::to_string(row_.fields.size()) + " fields, and the header has " +
                             std::to_string(names_.size());
        for (std::size_t i = 0; i < names_.size() && record.problem.empty(); ++i)
            if (!row_.fields[i].empty())
                take(record, i);
        check(record);
        return true;
    }

private:
    void read_header(const Columns& columns, char delimiter)
    {
        std::string unknown;
        for (const std::string& name : names_) {
            if (!is_utf8(name))
                throw Failure{ExitCode::usage, "the header is not UTF-8" + std::string{encoding_advice}};
            columns_.push_back(name.empty() ? Column{Use::refused, {}} : columns.find(name));
            if (columns_.back().use == Use::refused && !name.empty())
                unknown += (unknown.empty() ? "" : ", ") + in_quotes(name);
        }
        const auto unmatched = columns.unmatched(names_);
        if (!unmatched.empty())
            throw Failure{ExitCode::usage, "--map names a column that the file does not have: " +
                                               in_quotes(unmatched.front()) + "; it has " + all_names()};
        refuse_twice();
        if (count_of(Use::email) + count_of(Use::phone) == 0) {
            const bool looks_delimited =
                names_.size() == 1 && delimiter == ',' && names_.front().find_first_of(";\t|") != std::string::npos;
            throw Failure{ExitCode::usage,
                          "no column is an e-mail address or a phone number; there is " + all_names() +
                              (looks_delimited ? ": say what separates columns with --delimiter"
                                               : ": say which one it is, as in --map " + names_.front() + "=email")};
        }
        if (!unknown.empty())
            throw Failure{ExitCode::usage, "unknown columns, " + unknown + std::string{unknown_advice}};
    }

    /// Refuses two columns for one field.
    void refuse_twice() const
    {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Column& column = columns_[i];
            const bool may_repeat = column.use == Use::skipped || column.use == Use::refused ||
                                    column.use == Use::not_carried || column.use == Use::metadata;
            for (std::size_t j = 0; j < i && !may_repeat; ++j)
                if (columns_[j].use == column.use && columns_[j].name == column.name)
                    throw Failure{ExitCode::usage,
                                  "the columns " + in_quotes(names_[j]) + " and " + in_quotes(names_[i]) +
                                      " are the same field: leave one out, as in --map " + names_[i] + "=skip"};
        }
    }

    std::ptrdiff_t count_of(Use use) const { return std::ranges::count(columns_, use, &Column::use); }

    std::string all_names() const
    {
        std::string all;
        for (const std::string& name : names_)
            all += (all.empty() ? "" : ", ") + in_quotes(name);
        return all;
    }

    void take(Record& record, std::size_t index)
    {
        const std::string& text = row_.fields[index];
        const Column& column = columns_[index];
        if (column.use != Use::skipped && !is_utf8(text)) {
            record.problem = "is not UTF-8 in column " + in_quotes(names_[index]) + std::string{encoding_advice};
            return;
        }
        switch (column.use) {
        case Use::email:
            set_email(record, text);
            break;
        case Use::phone:
            set_phone(record, text);
            break;
        case Use::status:
            set_status(record, text);
            break;
        case Use::metadata: {
            auto value = parse_json(text);
            if (!value)
                record.problem = in_quotes(names_[index]) + ' ' + value.error();
            else if (!value->is_object())
                record.problem = in_quotes(names_[index]) + " is not a JSON object";
            else
                set_metadata(record, std::move(value->get_object()));
            break;
        }
        case Use::metadata_field:
            record.metadata[column.name] = json::string_view{text.data(), text.size()};
            break;
        case Use::not_carried:
            if (text != "false" && text != "0")
                add_not_carried(column.name);
            break;
        case Use::refused:
            record.problem = "has a value in column " + std::to_string(index + 1) + ", which has no name";
            break;
        case Use::skipped:
            break;
        }
    }

    static constexpr std::string_view encoding_advice =
        ": convert the file, as in iconv -f WINDOWS-1252 -t UTF-8, if that is its encoding";

    CsvReader reader_;
    CsvRow row_;
    std::vector<std::string> names_;
    std::vector<Column> columns_;
    std::uint64_t header_size_ = 0;
    std::uint64_t count_ = 0;
};

/// Returns the first bytes of a file.
std::string beginning(int file)
{
    std::array<char, 1024> bytes{};
    const ssize_t count = pread(file, bytes.data(), bytes.size(), 0);
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

} // namespace

std::unique_ptr<RecordReader> read_records(int file, const InputOptions& options, Sha256* hash)
{
    using Format = InputOptions::Format;
    const std::string start = beginning(file);
    const bool has_wide_mark = start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF");
    if (has_wide_mark || start.substr(0, 4).find('\0') != std::string::npos)
        throw Failure{ExitCode::usage, "the file is UTF-16, or no text: convert it with iconv -f UTF-16 -t UTF-8"};
    const std::size_t first = start.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    const bool is_json = options.format == Format::automatic ? first == std::string::npos || start[first] == '{'
                                                             : options.format == Format::jsonl;
    if (is_json)
        return std::make_unique<JsonReader>(file, options, hash);
    return std::make_unique<CsvRecords>(file, options, hash);
}

} // namespace passage::ctl
