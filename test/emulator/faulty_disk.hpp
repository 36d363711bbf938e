#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

/// What goes wrong with files, and at which change of one (write, truncation, sync, deletion), counted
/// from 0.
struct DiskFault
{
    enum class Kind {
        kill,        ///< The process is killed in the middle of it.
        power_loss,  ///< The process is killed before it, and what was not synced is lost.
        torn_writes, ///< Likewise, but some sectors of what was not synced are there, by chance.
        io_error,    ///< It fails, once.
        full,        ///< It and all that follow find no room where a file would grow.
        read_only,   ///< It and all that follow are not allowed.
    };
    Kind kind = Kind::kill;
    int at = 0;
};

/// The disk as SQLite finds it while one of these lives, with a fault. Files are held in memory beside the
/// real ones, which get what was written at once or when it is synced, as the fault demands. The real disk
/// is not waited for: nobody pulls its plug.
class FaultyDisk
{
public:
    explicit FaultyDisk(std::optional<DiskFault> fault = {});
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;
    /// All files must be closed.
    ~FaultyDisk();

    /// Changes so far.
    int changes() const { return changes_; }
    /// Lets all be well from now on.
    void repair() { fault_.reset(); }

private:
    struct File;
    struct Callbacks;

    /// Part of a file, or its new end if it has no bytes.
    struct Change
    {
        sqlite3_int64 offset;
        std::string bytes;
    };

    /// What is to happen to the next change: nothing, or an error of SQLite; or this is the end.
    int next_change(int error, const Change* change = nullptr, File* file = nullptr);
    [[noreturn]] void die(const Change* change, File* file);
    /// Whether all that was written is there after the end.
    bool keeps_unsynced() const;

    sqlite3_vfs* real_;
    std::unique_ptr<sqlite3_vfs> faulty_;
    std::optional<DiskFault> fault_;
    std::vector<File*> files_; // open ones
    int changes_ = 0;
};
