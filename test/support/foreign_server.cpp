#include "support/foreign_server.hpp"

#include "support/certificates.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace passage::test {
namespace {

constexpr std::string_view user = R"({"user":{"id":"u1","email":"jane@example.com","status":"active"}})";

sockaddr_in loopback(unsigned port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

/// A port that was free just now. These servers can't be given a socket or port 0.
unsigned free_port()
{
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const bool bound = bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    close(socket);
    if (!bound)
        throw std::runtime_error{"no port is free"};
    return ntohs(address.sin_port);
}

bool accepts(unsigned port)
{
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool connected = connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(socket);
    return connected;
}

void write_file(const std::filesystem::path& path, std::string_view text)
{
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
}

pid_t spawn(std::vector<std::string> command)
{
    std::vector<char*> arguments;
    for (std::string& argument : command)
        arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    execvp(arguments.front(), arguments.data());
    _exit(127);
}

bool is_in_path(std::string_view program)
{
    const char* const path = std::getenv("PATH");
    std::string_view folders = path ? path : "";
    while (!folders.empty()) {
        const std::string_view folder = folders.substr(0, folders.find(':'));
        folders.remove_prefix(std::min(folders.size(), folder.size() + 1));
        if (access((std::filesystem::path{folder} / program).c_str(), X_OK) == 0)
            return true;
    }
    return false;
}

} // namespace

ForeignServer::ForeignServer()
{
    std::string folder = (std::filesystem::temp_directory_path() / "passage-server-XXXXXX").string();
    if (!mkdtemp(folder.data()))
        throw std::runtime_error{"no temporary folder can be made"};
    folder_ = folder;
    CertificateSpec spec;
    static std::atomic<int> number = 0;
    spec.common_name = "authority " + std::to_string(++number); // clients find an issuer by its name
    spec.is_authority = true;
    const Identity authority = make_identity(spec, nullptr);
    const Identity identity = make_identity({}, &authority);
    ca_pem_ = to_pem(authority);
    write_file(folder_ / "server.pem", to_pem(identity));
    write_file(folder_ / "server.key", key_to_pem(identity));
    write_file(folder_ / "www/v1/apps/app/users/u1", user);
}

ForeignServer::ForeignServer(ForeignServer&& other) noexcept
    : folder_{std::exchange(other.folder_, {})},
      ca_pem_{std::move(other.ca_pem_)},
      process_{std::exchange(other.process_, -1)},
      port_{other.port_}
{}

ForeignServer::~ForeignServer()
{
    if (process_ > 0) {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }
    std::error_code ignored;
    if (!folder_.empty())
        std::filesystem::remove_all(folder_, ignored);
}

boost::test_tools::assertion_result ForeignServer::are_installed(const std::vector<std::string>& programs)
{
    const char* const required = std::getenv("PASSAGE_TEST_PEERS");
    if (required && required == std::string_view{"1"})
        return true;
    for (const std::string& program : programs)
        if (!is_in_path(program)) {
            std::cout << "Skipped: " << program << " is not installed.\n";
            return false;
        }
    return true;
}

void ForeignServer::signal(int number) const
{
    kill(process_, number);
}

void ForeignServer::start(const std::function<std::vector<std::string>(unsigned port)>& command)
{
    constexpr auto between_looks = std::chrono::milliseconds{10};
    for (int tries = 0; tries < 5; ++tries) { // another program may take the port first
        port_ = free_port();
        process_ = spawn(command(port_));
        while (waitpid(process_, nullptr, WNOHANG) == 0) {
            if (accepts(port_))
                return;
            std::this_thread::sleep_for(between_looks);
        }
        process_ = -1;
    }
    throw std::runtime_error{"the server does not start"};
}

ForeignServer ForeignServer::nghttpd(unsigned streams)
{
    ForeignServer server;
    const std::string folder = server.folder_.string();
    server.start([&](unsigned port) {
        return std::vector<std::string>{"nghttpd",
                                        "--address=127.0.0.1",
                                        "--max-concurrent-streams=" + std::to_string(streams),
                                        "--htdocs=" + folder + "/www",
                                        std::to_string(port),
                                        folder + "/server.key",
                                        folder + "/server.pem"};
    });
    return server;
}

ForeignServer ForeignServer::nginx(std::string_view tls_options, std::string_view directives)
{
    ForeignServer server;
    const std::string folder = server.folder_.string();
    server.start([&](unsigned port) {
        std::string text = "daemon off;\nmaster_process off;\npid " + folder + "/pid;\nerror_log " + folder +
                           "/error.log;\nevents { worker_connections 1024; }\nhttp {\naccess_log off;\n";
        for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
            text.append(kind).append("_temp_path ").append(folder).append("/").append(kind).append(";\n");
        text.append("default_type application/json;\nroot ")
            .append(folder)
            .append("/www;\nserver {\nlisten 127.0.0.1:");
        text.append(std::to_string(port)).append(" ssl").append(tls_options).append(";\nssl_certificate ");
        text.append(folder).append("/server.pem;\nssl_certificate_key ").append(folder).append("/server.key;\n");
        text.append(directives).append("\n}\n}\n");
        write_file(server.folder_ / "nginx.conf", text);
        return std::vector<std::string>{"nginx", "-p", folder, "-c", folder + "/nginx.conf"};
    });
    return server;
}

ForeignServer ForeignServer::tinyproxy(const std::string& credentials)
{
    ForeignServer server;
    const std::string folder = server.folder_.string();
    const std::size_t colon = credentials.find(':');
    server.start([&](unsigned port) {
        write_file(server.folder_ / "tinyproxy.conf",
                   "Listen 127.0.0.1\nPort " + std::to_string(port) + "\nMaxClients 200\nTimeout 600\nLogLevel Info\n" +
                       "LogFile \"" + folder + "/log\"\nBasicAuth " + credentials.substr(0, colon) + " " +
                       credentials.substr(colon + 1) + "\n");
        return std::vector<std::string>{"tinyproxy", "-d", "-c", folder + "/tinyproxy.conf"};
    });
    return server;
}

ForeignServer ForeignServer::squid(const std::string& credentials, bool tls)
{
    namespace fs = std::filesystem;
    ForeignServer server;
    const std::string folder = server.folder_.string();
    fs::permissions(server.folder_, fs::perms::all); // squid gives up root's rights
    const fs::path judge = server.folder_ / "judge";
    std::string spaced = credentials;
    spaced[spaced.find(':')] = ' ';
    write_file(judge,
               "#!/bin/sh\nwhile read -r line; do\n[ \"$line\" = '" + spaced + "' ] && echo OK || echo ERR\ndone\n");
    fs::permissions(judge, fs::perms::owner_all | fs::perms::group_exec | fs::perms::group_read |
                               fs::perms::others_exec | fs::perms::others_read);
    const fs::path hosts = server.folder_ / "hosts";
    write_file(hosts, "127.0.0.1 localhost\n"); // squid tries one address of a name only
    fs::permissions(hosts, fs::perms::others_read, fs::perm_options::add);
    server.start([&](unsigned port) {
        std::string text = tls ? "https_port" : "http_port";
        text += " 127.0.0.1:" + std::to_string(port);
        if (tls)
            text += " tls-cert=" + folder + "/server.pem tls-key=" + folder + "/server.key";
        text += "\nauth_param basic program " + judge.string() +
                "\nacl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\ncache deny all\n"
                "access_log stdio:" +
                folder + "/log\ncache_log " + folder + "/cache.log\npid_filename " + folder + "/pid\ncoredump_dir " +
                folder + "\nhosts_file " + folder +
                "/hosts\npinger_enable off\nshutdown_lifetime 0 seconds\nlogfile_rotate 0\n";
        write_file(server.folder_ / "squid.conf", text);
        return std::vector<std::string>{"squid", "-N", "-f", folder + "/squid.conf"};
    });
    return server;
}

std::string ForeignServer::log() const
{
    std::ifstream file{folder_ / "log"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace passage::test
