#include "input_file.hpp"

#include "../exit_code.hpp"

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

/// Opens a file for writing, readable by its owner alone: it has data of users.
int create_private(const std::string& path)
{
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        throw failure(ExitCode::usage, path + " cannot be written");
    return descriptor;
}

void rename_file(const std::string& from, const std::string& to)
{
    if (std::rename(from.c_str(), to.c_str()) != 0)
        throw failure(ExitCode::failed, to + " cannot be written");
}

struct stat status_of(int file)
{
    struct stat status = {};
    if (fstat(file, &status) != 0)
        throw failure(ExitCode::failed, "the input cannot be read");
    return status;
}

} // namespace

InputFile::InputFile(const std::string& path, const std::string& copy)
{
    if (path != "-") {
        name_ = path;
        path_ = path;
        descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0)
            throw failure(ExitCode::usage, path + " cannot be read");
        if (lseek(descriptor_, 0, SEEK_END) < 0 || std::filesystem::is_directory(path)) {
            close(descriptor_);
            throw Failure{ExitCode::usage, path + " is no regular file; give - and redirect standard input"};
        }
        opened_ = status_of(descriptor_);
        return;
    }
    name_ = "standard input";
    path_ = copy;
    try {
        if (copy.empty()) {
            std::string temporary = (std::filesystem::temp_directory_path() / "passagectl-XXXXXX").string();
            descriptor_ = mkstemp(temporary.data());
            if (descriptor_ < 0)
                throw failure(ExitCode::failed, temporary + " cannot be written");
            unlink(temporary.c_str());
        } else {
            draft_ = copy + ".part";
            descriptor_ = create_private(draft_);
        }
        copy_all(STDIN_FILENO, descriptor_, "a copy of standard input");
        opened_ = status_of(descriptor_);
    } catch (...) {
        if (descriptor_ >= 0)
            close(descriptor_);
        if (!draft_.empty())
            unlink(draft_.c_str());
        throw;
    }
}

InputFile::~InputFile()
{
    close(descriptor_);
    if (!draft_.empty())
        unlink(draft_.c_str());
}

bool InputFile::has_changed() const
{
    const struct stat now = status_of(descriptor_);
    return now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
}

void InputFile::keep()
{
    if (!draft_.empty())
        rename_file(std::exchange(draft_, {}), path_);
}

void InputFile::discard()
{
    if (name_ != path_)
        unlink(path_.c_str());
}

ExtractWriter::ExtractWriter(int source, std::string path)
    : source_{source}, path_{std::move(path)}, draft_{path_ + ".part"}, target_{create_private(draft_)}
{}

ExtractWriter::~ExtractWriter()
{
    close(target_);
    if (!draft_.empty())
        unlink(draft_.c_str());
}

void ExtractWriter::write(const std::string& bytes)
{
    write_all(target_, bytes, path_);
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

void ExtractWriter::finish()
{
    rename_file(std::exchange(draft_, {}), path_);
}

} // namespace passage::ctl
