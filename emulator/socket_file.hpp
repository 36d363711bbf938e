#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>

#include <sys/types.h>

namespace passage::emulator {

/// The file of a Unix domain socket.
class SocketFile
{
public:
    using Acceptor = boost::asio::local::stream_protocol::acceptor;

    /// Creates the file and makes `acceptor` listen on it. Replaces the socket file of a server that has ended. Throws
    /// std::runtime_error whose text says what to do.
    SocketFile(Acceptor& acceptor, const std::filesystem::path& file, std::filesystem::perms mode);
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    /// Removes the file if it is still this socket. The acceptor must be open.
    ~SocketFile();

private:
    std::filesystem::path file_; // absolute
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace passage::emulator
