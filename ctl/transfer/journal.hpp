#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace passage::ctl {

/// What became of a record of the input.
enum class RecordState : std::uint8_t {
    open,    ///< It is to be imported. The server may have been asked.
    done,    ///< Its user is there.
    refused, ///< The server refused it.
    bad,     ///< It cannot be imported, as the check says.
};

/// What a journal is for.
struct ImportIdentity
{
    std::string input_hash; ///< SHA-256, hexadecimal.
    std::string options;    ///< Those that say what is created, in one line.
    std::uint64_t records = 0;
    std::string server;
    std::string app;
};

/// The journal of an import: a file by which an import goes on that was broken off.
///
/// It is only appended to. Before users are created it says up to which record the server may have been asked, and that
/// is on the disk before the first of these requests leaves. Each result is a line that is written when it arrives. A
/// record that the server may have been asked for, and that has no result, is looked up on the server first. So it does
/// no harm if results are lost: those of the last block are, if the power fails.
class Journal
{
public:
    /// Opens a journal, and sets the states of the records that have a result in it. Creates it if there is none.
    ///
    /// Throws `Failure` if it cannot be used, is that of another import, or another process uses it.
    Journal(std::string path, const ImportIdentity& identity, std::vector<RecordState>& states);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    ~Journal();

    const std::string& path() const noexcept { return path_; }

    /// Returns whether the import was begun before.
    bool is_resumed() const noexcept { return is_resumed_; }
    /// Returns whether an earlier run may have asked the server for this record.
    bool was_asked(std::uint64_t number) const noexcept { return number < asked_before_; }
    /// Returns the time at which the import was begun for the first time, by the server's clock.
    std::chrono::sys_seconds begun() const noexcept { return begun_; }

    /// Begins a new journal. `now` is the time of the server.
    void begin(std::chrono::sys_seconds now);
    /// Says that the server will be asked for a record. Records are asked for in their order.
    void ask(std::uint64_t number);
    /// Adds the result of a record: one word, and one line of details.
    void add(std::uint64_t number, std::string_view word, std::string_view details);
    /// Returns when all that was added is on the disk.
    void sync();

private:
    void read(std::vector<RecordState>& states);
    void append(const std::string& line);

    std::string path_;
    ImportIdentity identity_;
    int file_;
    bool is_resumed_ = false;
    bool is_empty_ = true;
    std::uint64_t asked_before_ = 0; ///< By earlier runs.
    std::uint64_t asked_ = 0;
    std::chrono::sys_seconds begun_{};
};

} // namespace passage::ctl
