#include "file_lock.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace passage::emulator {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const std::string& advice)
{
    throw std::runtime_error("data file " + file.string() + ": " + advice);
}

/// Whether a file that is open still has its name.
bool has_name(int descriptor, const fs::path& name)
{
    struct stat opened
    {};
    struct stat named
    {};
    return fstat(descriptor, &opened) == 0 && stat(name.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

} // namespace

FileLock::FileLock(const fs::path& file)
{
    if (file.empty()) {
        return;
    }
    std::error_code ignored; // SQLite reports it
    file_ = fs::weakly_canonical(file, ignored).string() + ".lock";
    do { // again if its last owner removed the file before it was locked
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
        descriptor_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor_ < 0) {
            fail(file, "it cannot be opened for writing: check that its folder exists and that both may be written (" +
                           file_.string() + ": " + std::generic_category().message(errno) + ")");
        }
        if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
            const bool is_held = errno == EWOULDBLOCK;
            close(descriptor_);
            fail(file, is_held ? "another program holds it: end that one, or name another file"
                               : "it cannot be locked: name a file on another disk");
        }
    } while (!has_name(descriptor_, file_));
}

FileLock::~FileLock()
{
    if (descriptor_ >= 0) {
        unlink(file_.c_str());
        close(descriptor_);
    }
}

} // namespace passage::emulator
