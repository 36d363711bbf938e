#pragma once

#include <filesystem>

namespace passage::emulator {

/// A lock that one emulator at a time has on a data file. It is a file beside it, `.lock`, because closing the data
/// file would release the locks that SQLite has on it. A process that is killed leaves the file, and no lock.
class FileLock
{
public:
    /// Throws std::runtime_error if another one has the lock. An empty name needs none.
    explicit FileLock(const std::filesystem::path& file);
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    /// Removes the file.
    ~FileLock();

private:
    std::filesystem::path file_;
    int descriptor_ = -1;
};

} // namespace passage::emulator
