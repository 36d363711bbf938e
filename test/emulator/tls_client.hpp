#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct Reply
{
    unsigned status = 0;
    boost::beast::http::fields fields;
    std::string body;
    bool keep_alive = false;

    boost::json::value json() const;
    /// Of an error answer.
    std::string code() const;
};

/// A client that sends just the bytes it is told to, over one verified TLS connection, and blocks.
class TlsClient
{
public:
    /// `host` is what the certificate must name.
    TlsClient(std::uint16_t port, const std::string& ca_pem, const std::string& host = "localhost");
    /// Offers these protocols (ALPN).
    TlsClient(std::uint16_t port, const std::string& ca_pem, const std::vector<std::string>& protocols);

    void send(std::string_view bytes);
    /// The next answer, in full; `head` if it is one to HEAD.
    Reply receive(bool head = false);
    /// A whole request with the headers that every request needs.
    Reply call(std::string_view method, std::string_view target, std::string_view key, std::string_view body = {});
    static std::string request(std::string_view method, std::string_view target, std::string_view key,
                               std::string_view body = {});

    /// The protocol that the server has chosen (ALPN); empty if none.
    std::string protocol();

    /// What comes next, at least a byte unless the connection ends.
    std::string receive_some(boost::system::error_code& end);
    /// All that comes until the connection ends, and how it ends.
    std::string receive_rest(boost::system::error_code& end);
    /// Whether the server has sent something that was not received yet.
    bool has_input() { return stream_.next_layer().available() > 0; }
    /// Waits for the server to end the connection; true if it did so in the way of TLS and without another word.
    bool is_ended();
    bool resumed() { return SSL_session_reused(stream_.native_handle()) == 1; }
    /// What another connection can resume.
    SSL_SESSION* session() { return SSL_get1_session(stream_.native_handle()); }
    TlsClient(std::uint16_t port, const std::string& ca_pem, SSL_SESSION* session);

private:
    void connect(std::uint16_t port, const std::string& host);

    boost::asio::io_context io_;
    boost::asio::ssl::context context_;
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
    boost::beast::flat_buffer buffer_;
};

/// Whether the port accepts TCP connections.
bool is_listening(std::uint16_t port);
