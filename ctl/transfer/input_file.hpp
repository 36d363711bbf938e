#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace passage::ctl {

/// The file that is imported. Standard input is copied to a file first, because it is read twice.
class InputFile
{
public:
    /// Opens a file. "-" is standard input, which is copied to the file `copy`, or to a temporary file if that is
    /// empty. Throws `Failure`.
    InputFile(const std::string& path, const std::string& copy);
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    /// Removes the copy, if it was not kept.
    ~InputFile();

    int descriptor() const noexcept { return descriptor_; }
    /// Returns what the file is called in messages.
    const std::string& name() const noexcept { return name_; }
    /// Returns the path of the file, by which it can be imported again.
    const std::string& path() const noexcept { return path_; }
    /// Returns whether somebody has written to the file since it was opened.
    bool has_changed() const;

    /// Keeps the copy of standard input.
    void keep();
    /// Removes the copy of standard input, which was kept.
    void discard();

private:
    std::string name_;
    std::string path_;
    std::string draft_; ///< The copy, until it is kept.
    int descriptor_ = -1;
    struct stat opened_ = {}; ///< The status of the file when it was opened.
};

/// A part of a file.
struct Extent
{
    std::uint64_t offset;
    std::uint64_t length;
};

/// Writes parts of a file to another one, which it replaces in one step. Each part ends a line. Throws `Failure`.
class ExtractWriter
{
public:
    ExtractWriter(int source, std::string path);
    ExtractWriter(const ExtractWriter&) = delete;
    ExtractWriter& operator=(const ExtractWriter&) = delete;
    ~ExtractWriter();

    void add(Extent part);
    void finish();

private:
    void write(const std::string& bytes);

    int source_;
    std::string path_;
    std::string draft_;
    int target_;
};

} // namespace passage::ctl
