#include "tls_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

asio::ssl::context trusting(const std::string& ca_pem)
{
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(ca_pem));
    context.set_verify_mode(asio::ssl::verify_peer);
    return context;
}

tcp::endpoint loopback(std::uint16_t port)
{
    return {asio::ip::address_v4::loopback(), port};
}

} // namespace

boost::json::value Reply::json() const
{
    return boost::json::parse(body);
}

std::string Reply::code() const
{
    const boost::json::value value = json();
    value.at("error").as_string();
    return value.at("code").as_string().c_str();
}

TlsClient::TlsClient(std::uint16_t port, const std::string& ca_pem, const std::string& host)
    : context_(trusting(ca_pem)), stream_(io_, context_)
{
    connect(port, host);
}

TlsClient::TlsClient(std::uint16_t port, const std::string& ca_pem, SSL_SESSION* session)
    : context_(trusting(ca_pem)), stream_(io_, context_)
{
    SSL_set_session(stream_.native_handle(), session);
    connect(port, "localhost");
}

TlsClient::TlsClient(std::uint16_t port, const std::string& ca_pem, const std::vector<std::string>& protocols)
    : context_(trusting(ca_pem)), stream_(io_, context_)
{
    std::string wire;
    for (const std::string& protocol : protocols) {
        wire.append(1, static_cast<char>(protocol.size())).append(protocol);
    }
    SSL_set_alpn_protos(stream_.native_handle(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
    connect(port, "localhost");
}

void TlsClient::connect(std::uint16_t port, const std::string& host)
{
    stream_.set_verify_callback(asio::ssl::host_name_verification(host));
    stream_.next_layer().connect(loopback(port));
    stream_.next_layer().set_option(tcp::no_delay(true));
    stream_.handshake(asio::ssl::stream_base::client);
}

void TlsClient::send(std::string_view bytes)
{
    asio::write(stream_, asio::buffer(bytes));
}

Reply TlsClient::receive(bool head)
{
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(head);
    http::read(stream_, buffer_, parser);
    Reply reply;
    reply.keep_alive = parser.keep_alive();
    auto message = parser.release();
    reply.status = message.result_int();
    reply.body = std::move(message.body());
    reply.fields = std::move(message.base());
    return reply;
}

std::string TlsClient::request(std::string_view method, std::string_view target, std::string_view key,
                               std::string_view body)
{
    std::string bytes;
    bytes.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n");
    bytes.append("Authorization: Bearer ").append(key).append("\r\n");
    if (!body.empty()) {
        bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    }
    return bytes.append("\r\n").append(body);
}

Reply TlsClient::call(std::string_view method, std::string_view target, std::string_view key, std::string_view body)
{
    send(request(method, target, key, body));
    return receive(method == "HEAD");
}

std::string TlsClient::protocol()
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(stream_.native_handle(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::receive_some(boost::system::error_code& end)
{
    std::string bytes(16 * 1024, '\0');
    bytes.resize(stream_.read_some(asio::buffer(bytes), end));
    return bytes;
}

std::string TlsClient::receive_rest(boost::system::error_code& end)
{
    std::string bytes;
    asio::read(stream_, asio::dynamic_buffer(bytes), end);
    return bytes;
}

bool TlsClient::is_ended()
{
    char byte = 0;
    boost::system::error_code error;
    const std::size_t size = buffer_.size() + stream_.read_some(asio::buffer(&byte, 1), error);
    return size == 0 && error == asio::error::eof;
}

bool is_listening(std::uint16_t port)
{
    asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect(loopback(port), error);
    return !error;
}
