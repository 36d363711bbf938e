#pragma once

#include "columns.hpp"

#include <passage/user.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace passage::ctl {

class Sha256;

/// A user to import, as a record of the input has it.
struct Record
{
    std::uint64_t number = 0; ///< Of the records of the input, from 0.
    std::uint64_t line = 0;   ///< Where it begins, from 1.
    std::uint64_t offset = 0; ///< Its first byte in the input.
    std::uint64_t length = 0; ///< Its bytes, with the CR or LF that ends it.
    std::string problem;      ///< Why it cannot be imported; empty if it can.

    std::string email;
    std::string phone;
    std::optional<UserStatus> status;
    boost::json::object metadata;
};

/// How the input is read.
struct InputOptions
{
    enum class Format { automatic, jsonl, csv };

    Format format = Format::automatic;
    char delimiter = ',';
    std::vector<std::string> maps; ///< See `Columns`.
    Unknown unknown = Unknown::refuse;
};

/// Reads the records of an input.
class RecordReader
{
public:
    RecordReader() = default;
    RecordReader(const RecordReader&) = delete;
    RecordReader& operator=(const RecordReader&) = delete;
    virtual ~RecordReader() = default;

    /// Reads the next record. Returns false at the end of the input.
    virtual bool next(Record& record) = 0;

    /// Returns the bytes before the first record.
    virtual std::uint64_t header_size() const noexcept = 0;
    /// Returns how the names of files of this format end, such as ".csv".
    virtual const char* extension() const noexcept = 0;

    /// Returns the fields of users that have a value in some record so far, and that the API cannot set.
    const std::set<std::string>& not_carried() const noexcept { return not_carried_; }

protected:
    void add_not_carried(const std::string& name) { not_carried_.insert(name); }

private:
    std::set<std::string> not_carried_;
};

/// Opens a reader of a file, whose descriptor must stay open. If `hash` is not null, all bytes are added to it.
///
/// Throws `Failure` if the file as a whole cannot be imported: its encoding, its header or an option is wrong.
std::unique_ptr<RecordReader> read_records(int file, const InputOptions& options, Sha256* hash = nullptr);

} // namespace passage::ctl
