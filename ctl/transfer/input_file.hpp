#pragma once

#include "../exit_code.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace passage::ctl {

/// A file that replaces another one in one step. Its owner alone can read it, because it has data of users.
class NewFile
{
public:
    /// Creates the file under a name of its own, beside `path`. Throws `Failure` with this code.
    explicit NewFile(std::string path, ExitCode code = ExitCode::failed);
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    /// Removes the file, if it was not published.
    ~NewFile();

    int descriptor() const noexcept { return descriptor_; }
    const std::string& path() const noexcept { return path_; }

    /// Gives the file its name `path`. Throws `Failure`.
    void publish();

private:
    std::string path_;
    std::string draft_; ///< Its name until it is published.
    int descriptor_;
};

/// The file that is imported. Standard input is copied to a file first, because it is read twice.
class InputFile
{
public:
    /// Opens a file. "-" is standard input, which is copied to a file that has no name, in the folder of `copy`, or in
    /// that of temporary files if `copy` is empty. Throws `Failure`.
    InputFile(const std::string& path, const std::string& copy);
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    ~InputFile();

    int descriptor() const noexcept { return descriptor_; }
    /// Returns what the file is called in messages.
    const std::string& name() const noexcept { return name_; }
    /// Returns the path of the file, by which it can be imported again.
    const std::string& path() const noexcept { return path_; }
    /// Returns whether somebody has written to the file since it was opened.
    bool has_changed() const;

    /// Keeps the copy of standard input, as the file `copy`. Only one process at a time may do this.
    void keep();
    /// Removes the copy of standard input that was kept, in this run or an earlier one whose copy is the file.
    void discard();

private:
    std::string name_;
    std::string path_;
    bool is_copy_ = false; ///< Whether `path_` is that of a copy of standard input.
    int descriptor_ = -1;
    struct stat opened_ = {}; ///< The status of the file when it was opened.
};

/// A part of a file.
struct Extent
{
    std::uint64_t offset;
    std::uint64_t length;
};

/// Writes parts of a file to another one. Each part ends a line. Throws `Failure`.
class ExtractWriter
{
public:
    ExtractWriter(int source, NewFile& target) : source_{source}, target_{target} {}

    void add(Extent part);

private:
    void write(const std::string& bytes);

    int source_;
    NewFile& target_;
};

} // namespace passage::ctl
