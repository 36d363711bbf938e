#include "socket_file.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace passage::emulator {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using Protocol = asio::local::stream_protocol;

namespace {

[[noreturn]] void fail(const fs::path& file, const std::string& advice, int error)
{
    throw std::runtime_error("cannot listen on the socket " + file.string() + ": " + advice + " (" +
                             std::generic_category().message(error) + ")");
}

class Descriptor
{
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }

    int get() const { return descriptor_; }

private:
    int descriptor_;
};

/// Locks a folder while an emulator creates or removes a socket file in it, so that no emulator removes the file that
/// another one has just created.
class FolderLock
{
public:
    explicit FolderLock(const fs::path& folder) : folder_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    {
        while (flock(folder_.get(), LOCK_EX) != 0 && errno == EINTR) {
        }
    }

private:
    Descriptor folder_;
};

/// Returns the error of a connection attempt; 0 if a process listens.
int connect_error(const Protocol::endpoint& endpoint)
{
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0 || connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
        return errno;
    }
    return 0;
}

void remove_stale(const fs::path& file, const Protocol::endpoint& endpoint)
{
    struct stat status
    {};
    if (lstat(file.c_str(), &status) != 0) {
        return; // bind() reports the error
    }
    if (!S_ISSOCK(status.st_mode)) {
        fail(file, "a file with this name is not a socket; remove it, or give another name", EADDRINUSE);
    }
    if (connect_error(endpoint) != ECONNREFUSED) {
        fail(file, "another program listens there; end it, or give another name", EADDRINUSE);
    }
    unlink(file.c_str());
}

Protocol::endpoint endpoint_of(const fs::path& file)
{
    try {
        return Protocol::endpoint(file.string());
    } catch (const boost::system::system_error&) {
        fail(file, "its name is too long; give a shorter one", ENAMETOOLONG);
    }
}

} // namespace

SocketFile::SocketFile(Acceptor& acceptor, const fs::path& file, fs::perms mode) : file_(fs::absolute(file))
{
    const Protocol::endpoint endpoint = endpoint_of(file_); // clients have to use the absolute path
    const FolderLock lock(file_.parent_path());
    remove_stale(file, endpoint);

    acceptor.open(endpoint.protocol());
    // Linux creates the file with these permissions minus the umask, so that it never permits more.
    const auto bits = static_cast<mode_t>(mode & fs::perms::all);
    fchmod(acceptor.native_handle(), bits);
    boost::system::error_code error;
    acceptor.bind(endpoint, error);
    if (error) {
        fail(file, "check that its folder exists and may be written", error.value());
    }
    struct stat status
    {};
    if (chmod(file.c_str(), bits) != 0 || lstat(file.c_str(), &status) != 0) {
        error.assign(errno, boost::system::system_category());
    } else {
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        unlink(file.c_str());
        fail(file, "give another name", error.value());
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
}

SocketFile::~SocketFile()
{
    const FolderLock lock(file_.parent_path());
    struct stat status
    {};
    if (lstat(file_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
        unlink(file_.c_str());
    }
}

} // namespace passage::emulator
