#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>

#include <sys/types.h>

namespace passage::emulator {

/// A socket in the file system that clients connect to.
class SocketFile
{
public:
    using Acceptor = boost::asio::local::stream_protocol::acceptor;

    /// Creates the file, and lets `acceptor` listen on it. Replaces a socket file that a server has left behind. Throws
    /// std::runtime_error that says what to do.
    SocketFile(Acceptor& acceptor, const std::filesystem::path& file, std::filesystem::perms mode);
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    /// Removes the file if it still is this socket; for that the acceptor must be open.
    ~SocketFile();

private:
    std::filesystem::path file_; // absolute
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace passage::emulator
