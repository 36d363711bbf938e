// counted OPERATION REPETITIONS: repeats one operation, so that its instructions can be counted.

#include "api/operations.hpp"
#include "api/requests.hpp"
#include "bench/user_document.hpp"
#include "http/request.hpp"
#include "http/response_parser.hpp"
#include "pool/pool_fsm.hpp"
#include "support/certificates.hpp"
#include "json/decode.hpp"

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <openssl/ssl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace passage;

namespace {

constexpr std::string_view user_id = "h7dOU3v2QkrhVNcdBuTKCzpE";

/// What is expected of everything here; not an assertion, as these are compiled out.
void require(bool condition, const char* what)
{
    if (!condition)
        throw std::runtime_error{what};
}

std::string user_response()
{
    return "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 11 Mar 2024 09:21:44 GMT\r\nContent-Type: "
           "application/json\r\n"
           "Content-Length: " +
           std::to_string(bench::user_document.size()) + "\r\nConnection: keep-alive\r\n\r\n" +
           std::string{bench::user_document};
}

void decode_user(std::size_t repetitions)
{
    for (std::size_t i = 0; i < repetitions; ++i)
        require(json::decode_user(bench::user_document).has_value(), "the user was not decoded");
}

void build_request(std::size_t repetitions)
{
    const api::Requests requests{"/v1", "app", 1024};
    const http::RequestWriter writer{
        http::CommonFields{"localhost", Secret{"an-api-key-as-long-as-they-are"}, "passage"}};
    for (std::size_t i = 0; i < repetitions; ++i) {
        const expected<http::Request> request = requests.build(api::get_user, user_id);
        require(request && !writer.write(*request, {}).empty(), "the request was not built");
    }
}

void parse_response(std::size_t repetitions)
{
    const std::string bytes = user_response();
    http::ResponseParser parser{{16 * 1024, 100, 16 * 1024 * 1024, 8}};
    for (std::size_t i = 0; i < repetitions; ++i) {
        std::size_t consumed = 0;
        parser.reset();
        require(parser.put(bytes, consumed) == http::ResponseParser::State::complete, "the response was not read");
        require(parser.take().body.size() == bench::user_document.size(), "the response was not taken");
    }
}

void lend_connection(std::size_t repetitions)
{
    using namespace std::chrono;
    pool::TimePoint now{};
    pool::PoolFsm fsm{{64, 1, hours{1}, 1, 1}};
    const auto drain = [&] {
        while (const auto action = fsm.next_action()) {
            if (action->kind == pool::PoolAction::Kind::dial)
                fsm.dialled(action->slot, now, now + hours{24}, 1, false);
        }
    };
    pool::Waiter waiter;
    require(fsm.enqueue(waiter), "the call was turned away");
    drain();
    fsm.released(waiter.slot.value(), now);
    for (std::size_t i = 0; i < repetitions; ++i) {
        const std::optional<pool::Slot> slot = fsm.take_place(now);
        drain();
        fsm.released(slot.value(), now);
        drain();
    }
}

void send(SSL* ssl, std::string_view bytes)
{
    require(SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) > 0, "no answer could be sent");
}

/// Adds what came next to `received`; false at the end.
bool receive(SSL* ssl, std::string& received)
{
    std::array<char, 4096> buffer{};
    const int size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0)
        received.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
}

/// Answers each request over HTTP/1.1 with the same user.
void serve_http1(SSL* ssl)
{
    const std::string response = user_response();
    for (std::string received; receive(ssl, received);) {
        if (received.ends_with("\r\n\r\n")) {
            received.clear();
            send(ssl, response);
        }
    }
}

#if PASSAGE_HTTP2
constexpr std::size_t frame_header_size = 9;
enum FrameType : unsigned char { data_frame = 0, headers_frame = 1, settings_frame = 4, ping_frame = 6 };
constexpr unsigned char acknowledged = 1; // of SETTINGS and PING
constexpr unsigned char end_of_stream = 1;
constexpr unsigned char end_of_headers = 4;

/// A frame (RFC 9113, section 4.1), with the four bytes of its stream's number as they came.
std::string frame(FrameType type, unsigned flags, std::string_view stream, std::string_view payload)
{
    const std::size_t size = payload.size();
    std::string bytes{static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size),
                      static_cast<char>(type), static_cast<char>(flags)};
    return bytes.append(stream).append(payload);
}

/// A field whose name stands in the static table, not to be indexed (RFC 7541, section 6.2.2).
std::string field(unsigned index, std::string_view value)
{
    return std::string{'\x0f', static_cast<char>(index - 15), static_cast<char>(value.size())}.append(value);
}

/// Answers each request over HTTP/2 with the same user. All frames of the client are answered that came together.
void serve_http2(SSL* ssl)
{
    constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    constexpr std::string_view no_stream{"\0\0\0\0", 4};
    const std::string header = '\x88' + field(54, "nginx") + field(33, "Mon, 11 Mar 2024 09:21:44 GMT") +
                               field(31, "application/json") + field(28, std::to_string(bench::user_document.size()));
    send(ssl, frame(settings_frame, 0, no_stream, {}));
    std::string received;
    while (received.size() < preface.size() && receive(ssl, received)) {
    }
    require(received.starts_with(preface), "HTTP/2 was not spoken");
    received.erase(0, preface.size());
    do {
        std::string answers;
        std::string_view left = received;
        while (left.size() >= frame_header_size) {
            const auto byte = [&](std::size_t place) { return static_cast<unsigned char>(left[place]); };
            const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
            if (left.size() < frame_header_size + size)
                break;
            const std::string_view stream = left.substr(5, 4);
            const std::string_view payload = left.substr(frame_header_size, size);
            if (byte(3) == headers_frame) {
                answers += frame(headers_frame, end_of_headers, stream, header);
                answers += frame(data_frame, end_of_stream, stream, bench::user_document);
            } else if ((byte(3) == settings_frame || byte(3) == ping_frame) && (byte(4) & acknowledged) == 0) {
                answers += frame(static_cast<FrameType>(byte(3)), acknowledged, stream,
                                 byte(3) == ping_frame ? payload : std::string_view{});
            }
            left.remove_prefix(frame_header_size + size);
        }
        received.erase(0, received.size() - left.size());
        if (!answers.empty())
            send(ssl, answers);
    } while (receive(ssl, received));
}
#endif

int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                 unsigned offered_size, void*)
{
    constexpr std::array<unsigned char, 3> http2{2, 'h', '2'};
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(&found, size, http2.data(), http2.size(), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

using Serve = void(SSL*);

/// Serves one TLS connection to its end.
void serve_one(tcp::acceptor& acceptor, const test::Identity& identity, HttpVersion version, Serve serve)
{
    tcp::socket socket = acceptor.accept();
    socket.set_option(tcp::no_delay{true});
    SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
    require(context && SSL_CTX_use_certificate(context, identity.certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1,
            "TLS can't be set up");
    if (version == HttpVersion::http2)
        SSL_CTX_set_alpn_select_cb(context, choose_http2, nullptr);
    SSL* const ssl = SSL_new(context);
    require(ssl && SSL_set_fd(ssl, socket.native_handle()) == 1 && SSL_accept(ssl) == 1, "the handshake failed");
    serve(ssl);
}

asio::awaitable<void> call(Client& client, std::size_t repetitions)
{
    for (std::size_t i = 0; i < repetitions; ++i) {
        const expected<UserInfo> user = co_await client.get_user(user_id);
        require(user && user->id == user_id, "the user did not come");
    }
}

/// A whole call over verified TLS. The server is a process of its own, so that only the client is counted.
void get_user_over(HttpVersion version, Serve serve, std::size_t repetitions)
{
    test::CertificateSpec authority_spec;
    authority_spec.common_name = "Authority";
    authority_spec.is_authority = true;
    const test::Identity authority = test::make_identity(authority_spec, nullptr);
    const test::Identity server = test::make_identity({}, &authority);

    asio::io_context context{1};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
    const pid_t child = fork();
    require(child >= 0, "no process can be made");
    if (child == 0) {
        // Not to wait for a client that never comes.
        require(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "the server can't be tied to its client");
        serve_one(acceptor, server, version, serve);
        std::_Exit(0);
    }
    Config config;
    config.app_id = "app";
    config.api_key = "an-api-key-as-long-as-they-are";
    config.base_url = "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    config.http_version = version;
    config.tls.ca_pem = test::to_pem(authority);
    acceptor.close();
    {
        Client client{context, config};
        asio::co_spawn(context, call(client, repetitions), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
        context.run();
    }
    context.restart();
    context.run();
    int status = 0;
    require(waitpid(child, &status, 0) == child && status == 0, "the server failed");
}

void get_user(std::size_t repetitions)
{
    get_user_over(HttpVersion::http1, serve_http1, repetitions);
}

#if PASSAGE_HTTP2
void get_user_http2(std::size_t repetitions)
{
    get_user_over(HttpVersion::http2, serve_http2, repetitions);
}
#endif

const std::map<std::string_view, void (*)(std::size_t)> operations
{
    {"build_request", build_request}, {"decode_user", decode_user}, {"get_user", get_user},
#if PASSAGE_HTTP2
        {"get_user_http2", get_user_http2},
#endif
        {"lend_connection", lend_connection}, {"parse_response", parse_response},
};

} // namespace

int main(int argc, char** argv)
try {
    if (argc == 1) {
        for (const auto& [name, operation] : operations)
            std::cout << name << '\n';
        return 0;
    }
    require(argc == 3, "counted OPERATION REPETITIONS");
    operations.at(argv[1])(std::stoul(argv[2]));
    return 0;
} catch (const std::exception& error) {
    std::cerr << "counted: " << error.what() << '\n';
    return 1;
}
