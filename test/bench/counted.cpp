// counted OPERATION REPETITIONS: does one thing so often, for whoever counts the instructions.

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
    const http::RequestWriter writer{"localhost", Secret{"an-api-key-as-long-as-they-are"}, "passage"};
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
    pool::PoolFsm fsm{{64, 1, hours{1}}};
    const auto drain = [&] {
        while (const auto action = fsm.next_action()) {
            if (action->kind == pool::PoolAction::Kind::dial)
                fsm.dialled(action->slot, now, now + hours{24});
        }
    };
    pool::Waiter waiter;
    require(fsm.enqueue(waiter), "the call was turned away");
    drain();
    fsm.released(waiter.slot.value(), now);
    for (std::size_t i = 0; i < repetitions; ++i) {
        const std::optional<pool::Slot> slot = fsm.take_idle(now);
        drain();
        fsm.released(slot.value(), now);
        drain();
    }
}

/// Serves one TLS connection to its end, with the same answer to each request.
void serve_one(tcp::acceptor& acceptor, const test::Identity& identity)
{
    tcp::socket socket = acceptor.accept();
    socket.set_option(tcp::no_delay{true});
    SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
    require(context && SSL_CTX_use_certificate(context, identity.certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1,
            "TLS can't be set up");
    SSL* const ssl = SSL_new(context);
    require(ssl && SSL_set_fd(ssl, socket.native_handle()) == 1 && SSL_accept(ssl) == 1, "the handshake failed");
    const std::string response = user_response();
    std::string received;
    std::array<char, 4096> buffer{};
    for (int size = 0; (size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()))) > 0;) {
        received.append(buffer.data(), static_cast<std::size_t>(size));
        if (received.ends_with("\r\n\r\n")) {
            received.clear();
            require(SSL_write(ssl, response.data(), static_cast<int>(response.size())) > 0, "no answer could be sent");
        }
    }
}

asio::awaitable<void> call(Client& client, std::size_t repetitions)
{
    for (std::size_t i = 0; i < repetitions; ++i) {
        const expected<UserInfo> user = co_await client.get_user(user_id);
        require(user && user->id == user_id, "the user did not come");
    }
}

/// A whole call over verified TLS. The server is a process of its own, so that only the client is counted.
void get_user(std::size_t repetitions)
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
        serve_one(acceptor, server);
        std::_Exit(0);
    }
    Config config;
    config.app_id = "app";
    config.api_key = "an-api-key-as-long-as-they-are";
    config.base_url = "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
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

const std::map<std::string_view, void (*)(std::size_t)> operations{
    {"build_request", build_request},     {"decode_user", decode_user},       {"get_user", get_user},
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
