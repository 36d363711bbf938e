#pragma once

#include "emulator/program.hpp"
#include "emulator/temporary_folder.hpp"
#include "support/canary.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace passage::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

/// The example's program, as a client of a service.
class Server
{
public:
    /// `argument` is which of the test's arguments names the program.
    Server(const std::string& base_url, const std::string& app_id, const std::string& ca_pem, int argument = 1)
        : program_{{prepare(base_url, app_id, ca_pem, argument)}}
    {
        const std::string url = program_.read_line(); // http://127.0.0.1:PORT/users/{id}
        BOOST_REQUIRE(url.starts_with("http://"));
        port_ = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
    }

    std::uint16_t port() const { return port_; }
    std::string read_line() { return program_.read_line(); }
    void interrupt() const { program_.signal(SIGTERM); }
    int wait() { return program_.wait(); }

private:
    std::vector<std::string> prepare(const std::string& base_url, const std::string& app_id, const std::string& ca_pem,
                                     int argument) const
    {
        const std::string ca_file = (folder_.path() / "ca.pem").string();
        std::ofstream{ca_file} << ca_pem;
        setenv("PASSAGE_APP_ID", app_id.c_str(), 1);
        setenv("PASSAGE_API_KEY", canary_api_key, 1);
        setenv("PASSAGE_BASE_URL", base_url.c_str(), 1);
        setenv("PASSAGE_CA_FILE", ca_file.c_str(), 1);
        return {boost::unit_test::framework::master_test_suite().argv[argument], "0"};
    }

    TemporaryFolder folder_;
    Program program_;
    std::uint16_t port_ = 0;
};

/// A connection to the server.
class Browser
{
public:
    explicit Browser(const Server& server) { socket_.connect({asio::ip::address_v4::loopback(), server.port()}); }

    void send(const std::string& head, const std::string& body = {})
    {
        const std::string length = body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
        asio::write(socket_, asio::buffer(head + "\r\nHost: localhost\r\n" + length + "\r\n" + body));
    }

    http::response<http::string_body> receive()
    {
        http::response<http::string_body> response;
        http::read(socket_, buffer_, response);
        return response;
    }

    http::response<http::string_body> ask(const std::string& head, const std::string& body = {})
    {
        send(head, body);
        return receive();
    }

    void go_away() { socket_.close(); }

    /// Waits until the server ends the connection.
    bool is_ended()
    {
        char byte = 0;
        boost::system::error_code error;
        socket_.read_some(asio::buffer(&byte, 1), error);
        return error == asio::error::eof;
    }

private:
    asio::io_context context_;
    asio::ip::tcp::socket socket_{context_};
    beast::flat_buffer buffer_;
};

} // namespace passage::test
