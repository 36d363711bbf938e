#include "input_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace passage::ctl {
namespace {

constexpr std::size_t buffer_size = std::size_t{64} * 1024;

Failure failure(ExitCode code, const std::string& what)
{
    return Failure{code, what + ": " + std::generic_category().message(errno)};
}

void write_all(int file, std::string_view bytes, const std::string& path)
{
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw failure(ExitCode::failed, path + " cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

/// Copies a file from its current position to its end.
void copy_all(int source, int target, const std::string& path)
{
    std::string buffer(buffer_size, '\0');
    for (;;) {
        const ssize_t count = read(source, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw failure(ExitCode::failed, "standard input cannot be read");
        if (count == 0)
            return;
        write_all(target, std::string_view{buffer}.substr(0, static_cast<std::size_t>(count)), path);
    }
}

struct stat status_of(int file)
{
    struct stat status = {};
    if (fstat(file, &status) != 0)
        throw failure(ExitCode::failed, "the input cannot be read");
    return status;
}

} // namespace

NewFile::NewFile(std::string path, ExitCode code)
    : path_{std::move(path)}, draft_{path_ + ".XXXXXX"}, descriptor_{mkostemp(draft_.data(), O_CLOEXEC)}
{
    if (descriptor_ < 0)
        throw failure(code, path_ + " cannot be written");
}

NewFile::~NewFile()
{
    close(descriptor_);
    if (!draft_.empty())
        unlink(draft_.c_str());
}

void NewFile::publish()
{
    if (std::rename(draft_.c_str(), path_.c_str()) != 0)
        throw failure(ExitCode::failed, path_ + " cannot be written");
    draft_.clear();
}

InputFile::InputFile(const std::string& path, const std::string& copy)
{
    if (path != "-") {
        name_ = path;
        path_ = path;
        std::error_code ignored;
        is_copy_ = std::filesystem::equivalent(path, copy, ignored);
        descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0)
            throw failure(ExitCode::usage, path + " cannot be read");
        if (lseek(descriptor_, 0, SEEK_END) < 0 || std::filesystem::is_directory(path)) {
            close(descriptor_);
            throw Failure{ExitCode::usage, path + " is not a regular file; give - and redirect standard input"};
        }
        opened_ = status_of(descriptor_);
        return;
    }
    name_ = "standard input";
    path_ = copy;
    is_copy_ = true;
    // Without a name nothing of it is left, however the program ends.
    const std::string beside = copy.empty() ? (std::filesystem::temp_directory_path() / "passagectl").string() : copy;
    {
        const NewFile unnamed{beside, ExitCode::usage};
        descriptor_ = fcntl(unnamed.descriptor(), F_DUPFD_CLOEXEC, 0);
    }
    if (descriptor_ < 0)
        throw failure(ExitCode::failed, "a copy of standard input cannot be made");
    try {
        copy_all(STDIN_FILENO, descriptor_, "a copy of standard input");
        opened_ = status_of(descriptor_);
    } catch (...) {
        close(descriptor_);
        throw;
    }
}

InputFile::~InputFile()
{
    close(descriptor_);
}

bool InputFile::has_changed() const
{
    const struct stat now = status_of(descriptor_);
    return now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
}

void InputFile::keep()
{
    if (name_ == path_)
        return;
    NewFile file{path_};
    lseek(descriptor_, 0, SEEK_SET);
    copy_all(descriptor_, file.descriptor(), path_);
    file.publish();
    // The one without a name takes no more room.
    if (dup3(file.descriptor(), descriptor_, O_CLOEXEC) < 0)
        throw failure(ExitCode::failed, path_ + " cannot be read");
    opened_ = status_of(descriptor_);
}

void InputFile::discard()
{
    if (is_copy_)
        unlink(path_.c_str());
}

void ExtractWriter::write(const std::string& bytes)
{
    write_all(target_.descriptor(), bytes, target_.path());
}

void ExtractWriter::add(Extent part)
{
    std::string buffer;
    while (part.length > 0) {
        buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(part.length, buffer_size)));
        const ssize_t count = pread(source_, buffer.data(), buffer.size(), static_cast<off_t>(part.offset));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            throw failure(ExitCode::failed, "the input cannot be read again");
        buffer.resize(static_cast<std::size_t>(count));
        write(buffer);
        part.offset += buffer.size();
        part.length -= buffer.size();
    }
    if (!buffer.empty() && buffer.back() != '\n')
        write("\n");
}

} // namespace passage::ctl
