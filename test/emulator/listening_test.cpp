#include "server.hpp"
#include "socket_file.hpp"
#include "support/certificates.hpp"
#include "temporary_folder.hpp"
#include "tls_client.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/ui.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
namespace fs = std::filesystem;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using passage::Emulator;
using passage::EmulatorOptions;
using passage::test::CertificateSpec;
using passage::test::Identity;
using tcp = asio::ip::tcp;
using Socket = asio::generic::stream_protocol::socket;

namespace {

EmulatorOptions demo_options()
{
    return EmulatorOptions{}.app_id("demo").api_key("key");
}

const std::string users = "/v1/apps/demo/users";

Socket connect(asio::io_context& io, std::uint16_t port)
{
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port});
    return socket;
}

Socket connect(asio::io_context& io, const fs::path& file)
{
    asio::local::stream_protocol::socket socket(io);
    socket.connect(file.string());
    return socket;
}

/// The next answer's status; 0 if the connection ends in place of one.
template <class Stream>
unsigned receive_status(Stream& stream)
{
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    boost::system::error_code error;
    http::read(stream, buffer, response, error);
    return error ? 0 : response.result_int();
}

template <class Stream>
unsigned call(Stream& stream, std::string_view method, std::string_view target, std::string_view body = {})
{
    asio::write(stream, asio::buffer(TlsClient::request(method, target, "key", body)));
    return receive_status(stream);
}

/// Whether a client gets an answer at this place, without TLS.
template <class Place>
bool serves(const Place& place)
{
    asio::io_context io;
    Socket socket = connect(io, place);
    return call(socket, "GET", users) == 200;
}

template <class Condition>
void wait_until(Condition condition)
{
    while (!condition()) {
        std::this_thread::yield();
    }
}

/// How a connection ends on which nothing more comes.
boost::system::error_code end_of(Socket& socket)
{
    char byte = 0;
    boost::system::error_code error;
    BOOST_TEST(socket.read_some(asio::buffer(&byte, 1), error) == 0U);
    return error;
}

/// Another program, which inherits what it can and runs until the end of this object.
class Child
{
public:
    Child()
    {
        BOOST_TEST_REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends_[0], STDIN_FILENO);
        std::string name = "cat";
        const std::array<char*, 2> arguments{name.data(), nullptr};
        const int error = posix_spawnp(&process_, name.c_str(), &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        BOOST_TEST_REQUIRE(error == 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child()
    {
        for (const int end : ends_) {
            close(end);
        }
        waitpid(process_, nullptr, 0);
    }

private:
    std::array<int, 2> ends_{};
    pid_t process_ = 0;
};

/// What an emulator says that does not start.
std::string refusal(const EmulatorOptions& options)
{
    try {
        const Emulator emulator(options);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "it has started";
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(urls_name_the_address_unless_localhost_leads_there)
{
    passage::emulator::Place place;
    const auto host = [&](const char* address) {
        place.address = address;
        return passage::emulator::url_host(place);
    };
    for (const char* address : {"localhost", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "::"}) {
        BOOST_TEST(host(address) == "localhost", address);
    }
    BOOST_TEST(host("127.0.0.5") == "127.0.0.5");
    BOOST_TEST(host("192.0.2.1") == "192.0.2.1");
    BOOST_TEST(host("2001:db8:0::1") == "[2001:db8::1]");
    place.unix_socket = "/run/socket";
    BOOST_TEST(host("127.0.0.5") == "localhost");
}

BOOST_AUTO_TEST_SUITE(plain)

BOOST_AUTO_TEST_CASE(requests_are_served_without_tls)
{
    Emulator emulator(demo_options().plain(true));
    BOOST_TEST(emulator.base_url() == "http://localhost:" + std::to_string(emulator.port()) + "/v1");
    BOOST_TEST(emulator.ca_pem().empty());
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    BOOST_TEST(call(socket, "POST", users, R"({"email":"a@b.c"})") == 201U, "P is how the preface of HTTP/2 begins");
    BOOST_TEST(call(socket, "GET", users) == 200U);
    BOOST_TEST(emulator.connections_accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(request_may_come_byte_by_byte)
{
    Emulator emulator(demo_options().plain(true));
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    for (const char byte : TlsClient::request("PATCH", users + "/x", "key", R"({"email":"a@b.c"})")) {
        asio::write(socket, asio::buffer(&byte, 1));
    }
    BOOST_TEST(receive_status(socket) == 404U);
}

BOOST_AUTO_TEST_CASE(large_bodies_pass_both_ways)
{
    Emulator emulator(demo_options().plain(true).threads(2));
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    const std::string user =
        R"({"id":"u","email":"a@b.c","user_metadata":{"x":")" + std::string(3'000'000, 'x') + R"("}})";
    BOOST_TEST(call(socket, "POST", "/admin/apps/demo/users", user) == 201U);
    BOOST_TEST(call(socket, "GET", users + "/u") == 200U);
}

BOOST_AUTO_TEST_CASE(preface_that_is_none_is_refused_in_http_1_1)
{
    Emulator emulator(demo_options().plain(true));
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    asio::write(socket, asio::buffer(std::string_view("PRI * HTTP/2.0\r\n\r\nMS\r\n\r\n")));
    BOOST_TEST(receive_status(socket) / 100 == 4U);
}

BOOST_AUTO_TEST_CASE(client_that_stops_within_the_preface_is_cut_off)
{
    Emulator emulator(demo_options().plain(true).idle_timeout(50ms).request_timeout(50ms));
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    asio::write(socket, asio::buffer(std::string_view("PRI * HT")));
    BOOST_TEST(receive_status(socket) == 408U);
    BOOST_TEST(end_of(socket) == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(connections_end_when_it_stops)
{
    Emulator emulator(demo_options().plain(true));
    asio::io_context io;
    Socket untouched = connect(io, emulator.port());
    Socket used = connect(io, emulator.port());
    BOOST_TEST(call(used, "GET", users) == 200U);
    wait_until([&] { return emulator.connections_open() == 2; });
    emulator.stop();
    BOOST_TEST(end_of(untouched) == asio::error::eof);
    BOOST_TEST(end_of(used) == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(child_process_keeps_neither_port_nor_connection)
{
    std::optional<Emulator> emulator(std::in_place, demo_options().plain(true));
    const std::uint16_t port = emulator->port();
    asio::io_context io;
    Socket socket = connect(io, port);
    BOOST_TEST(call(socket, "GET", users) == 200U);
    const Child child;
    emulator->set_faults(passage::Faults{}.reset());
    asio::write(socket, asio::buffer(TlsClient::request("GET", users, "key")));
    pollfd reset{socket.native_handle(), POLLIN, 0};
    BOOST_TEST_REQUIRE(poll(&reset, 1, 5'000) == 1);
    BOOST_TEST(end_of(socket) == asio::error::connection_reset);
    emulator.reset();
    BOOST_TEST(refusal(demo_options().plain(true).port(port)) == "it has started");
}

BOOST_AUTO_TEST_CASE(reset_and_cut_end_the_connection)
{
    Emulator emulator(demo_options().plain(true).faults(passage::Faults{}.reset()));
    asio::io_context io;
    Socket socket = connect(io, emulator.port());
    asio::write(socket, asio::buffer(TlsClient::request("GET", users, "key")));
    BOOST_TEST(end_of(socket) == asio::error::connection_reset);

    emulator.set_faults(passage::Faults{}.cut_after(20));
    Socket other = connect(io, emulator.port());
    asio::write(other, asio::buffer(TlsClient::request("GET", users, "key")));
    std::string received;
    boost::system::error_code error;
    asio::read(other, asio::dynamic_buffer(received), error);
    BOOST_TEST(received.size() == 20U);
    BOOST_TEST(error == asio::error::eof);
}

BOOST_AUTO_TEST_SUITE_END()

struct WithFile
{
    TemporaryFolder folder;
    fs::path file = folder.path() / "socket";

    EmulatorOptions options() const { return demo_options().plain(true).unix_socket(file); }

    unsigned mode() const
    {
        struct stat status
        {};
        BOOST_TEST_REQUIRE(stat(file.c_str(), &status) == 0);
        return status.st_mode & 0777U;
    }

    /// A socket that no process listens on any more.
    void leave_stale() const
    {
        asio::io_context io;
        asio::local::stream_protocol::acceptor acceptor(io, file.string());
    }
};

BOOST_FIXTURE_TEST_SUITE(unix_socket, WithFile)

BOOST_AUTO_TEST_CASE(requests_are_served_without_tls)
{
    Emulator emulator(options());
    BOOST_TEST(emulator.port() == 0U);
    BOOST_TEST(emulator.base_url() == "http://localhost/v1");
    BOOST_TEST(serves(file));
    BOOST_TEST(emulator.connections_accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(requests_are_served_over_tls)
{
    Emulator emulator(demo_options().unix_socket(file));
    BOOST_TEST(emulator.base_url() == "https://localhost/v1");
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(emulator.ca_pem()));
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<Socket> stream(connect(io, file), context);
    stream.handshake(asio::ssl::stream_base::client);
    BOOST_TEST(call(stream, "GET", users) == 200U);
}

BOOST_AUTO_TEST_CASE(file_is_its_owners_alone_unless_told_otherwise)
{
    for (const mode_t mask : {mode_t{0}, mode_t{077}}) {
        const mode_t before = umask(mask);
        {
            const Emulator emulator(options());
            BOOST_TEST(mode() == 0600U);
        }
        {
            const Emulator emulator(options().unix_socket(file, fs::perms{0664}));
            BOOST_TEST(mode() == 0664U);
        }
        umask(before);
    }
}

BOOST_AUTO_TEST_CASE(file_is_gone_when_it_has_stopped)
{
    Emulator emulator(options());
    emulator.stop();
    BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(file_of_another_process_stays)
{
    Emulator emulator(options());
    fs::remove(file);
    const Emulator other(options());
    emulator.stop();
    BOOST_TEST(serves(file));
}

BOOST_AUTO_TEST_CASE(socket_that_a_dead_process_left_is_replaced)
{
    leave_stale();
    BOOST_TEST_REQUIRE(fs::is_socket(file));
    const Emulator emulator(options());
    BOOST_TEST(serves(file));
}

BOOST_AUTO_TEST_CASE(socket_of_a_living_process_is_an_error)
{
    const Emulator emulator(options());
    const std::string said = refusal(options());
    BOOST_TEST(contains(said, "another program listens there"), said);
    BOOST_TEST(serves(file));
}

BOOST_AUTO_TEST_CASE(file_that_is_no_socket_is_an_error_and_stays)
{
    std::ofstream(file) << "text";
    const std::string said = refusal(options());
    BOOST_TEST(contains(said, "is not a socket"), said);
    BOOST_TEST(fs::file_size(file) == 4U);
}

BOOST_AUTO_TEST_CASE(unusable_name_says_what_to_do)
{
    const std::string said = refusal(options().unix_socket(folder.path() / std::string(108, 'x')));
    BOOST_TEST(contains(said, "give a shorter one"), said);
    const std::string also = refusal(options().unix_socket(folder.path() / "none" / "socket"));
    BOOST_TEST(contains(also, "check that its folder exists"), also);
}

BOOST_AUTO_TEST_CASE(relative_name_counts_as_long_as_clients_need_it)
{
    const fs::path before = fs::current_path();
    const fs::path deep = folder.path() / std::string(100, 'x');
    fs::create_directory(deep);
    fs::current_path(deep);
    const std::string said = refusal(options().unix_socket("socket"));
    fs::current_path(before);
    BOOST_TEST(contains(said, "give a shorter one"), said);
    BOOST_TEST(fs::is_empty(deep));
}

BOOST_AUTO_TEST_CASE(of_two_that_start_at_once_one_is_reached)
{
    struct Listener
    {
        asio::io_context io;
        passage::emulator::SocketFile::Acceptor acceptor{io};
        std::optional<passage::emulator::SocketFile> socket_file;
    };
    for (int round = 0; round < 2'000; ++round) {
        leave_stale();
        std::barrier start(2);
        const auto listen = [&] {
            auto listener = std::make_unique<Listener>();
            start.arrive_and_wait();
            try {
                listener->socket_file.emplace(listener->acceptor, file, fs::perms{0600});
            } catch (const std::runtime_error&) {
                listener.reset();
            }
            return listener;
        };
        auto other = std::async(std::launch::async, listen);
        const auto first = listen();
        const auto second = other.get();
        BOOST_TEST_REQUIRE((first == nullptr) != (second == nullptr));
        asio::io_context io;
        connect(io, file);
    }
}

BOOST_AUTO_TEST_CASE(connections_end_when_it_stops_and_reset_ends_one)
{
    Emulator emulator(options());
    asio::io_context io;
    Socket socket = connect(io, file);
    BOOST_TEST(call(socket, "GET", users) == 200U);
    emulator.set_faults(passage::Faults{}.reset());
    Socket cut = connect(io, file);
    asio::write(cut, asio::buffer(TlsClient::request("GET", users, "key")));
    BOOST_TEST(end_of(cut).failed());
    emulator.stop();
    BOOST_TEST(end_of(socket) == asio::error::eof);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

const char* const passphrase = "open sesame";
int times_asked = 0;

/// As long as it exists, OpenSSL is told the passphrase when it asks at the terminal.
class Typist
{
public:
    Typist() : method_(UI_create_method("test"), &UI_destroy_method)
    {
        times_asked = 0;
        UI_method_set_reader(method_.get(), [](UI* ui, UI_STRING* prompt) {
            ++times_asked;
            return UI_set_result(ui, prompt, passphrase) == 0 ? 1 : 0;
        });
        UI_set_default_method(method_.get());
    }
    Typist(const Typist&) = delete;
    Typist& operator=(const Typist&) = delete;
    ~Typist() { UI_set_default_method(UI_OpenSSL()); }

private:
    std::unique_ptr<UI_METHOD, void (*)(UI_METHOD*)> method_;
};

} // namespace

BOOST_AUTO_TEST_CASE(passphrase_of_an_authority_is_not_asked_for)
{
    const TemporaryFolder folder;
    CertificateSpec spec;
    spec.is_authority = true;
    const Identity authority = passage::test::make_identity(spec, nullptr);
    const fs::path certificate = folder.path() / "ca.pem";
    const fs::path key = folder.path() / "key.pem";
    std::ofstream(certificate) << passage::test::to_pem(authority);
    const Typist typist;
    for (const auto write : {&passage::test::key_to_pem, &passage::test::key_to_old_pem}) {
        std::ofstream(key) << write(authority, passphrase);
        const std::string said = refusal(demo_options().authority(certificate, key));
        BOOST_TEST(contains(said, key.string() + " cannot be read: it must be PEM, without a passphrase"), said);
    }
    BOOST_TEST(times_asked == 0);
}

/// An emulator that demands certificates, and how clients go about it.
struct WithClientAuthority
{
    TemporaryFolder folder;
    Identity authority = passage::test::make_identity(authority_spec(), nullptr);
    fs::path file = folder.path() / "clients.pem";
    std::optional<Emulator> emulator;

    WithClientAuthority()
    {
        std::ofstream(file) << passage::test::to_pem(authority);
        emulator.emplace(demo_options().client_authority(file));
    }

    static CertificateSpec authority_spec()
    {
        CertificateSpec spec;
        spec.common_name = "Clients";
        spec.names = "";
        spec.usage = "";
        spec.is_authority = true;
        return spec;
    }

    static CertificateSpec client_spec()
    {
        CertificateSpec spec;
        spec.common_name = "client";
        spec.names = "";
        spec.usage = "clientAuth";
        return spec;
    }

    /// Why a call fails with this certificate; 0 if it doesn't.
    int failure_of_call(const Identity* identity, int version, SSL_SESSION* session = nullptr)
    {
        asio::io_context io;
        asio::ssl::context context(asio::ssl::context::tls_client);
        context.add_certificate_authority(asio::buffer(emulator->ca_pem()));
        context.set_verify_mode(asio::ssl::verify_peer);
        SSL_CTX_set_max_proto_version(context.native_handle(), version);
        if (identity != nullptr) {
            SSL_CTX_use_certificate(context.native_handle(), identity->certificate.get());
            SSL_CTX_use_PrivateKey(context.native_handle(), identity->key.get());
        }
        asio::ssl::stream<Socket> stream(connect(io, emulator->port()), context);
        if (session != nullptr) {
            SSL_set_session(stream.native_handle(), session);
        }
        boost::system::error_code error;
        stream.handshake(asio::ssl::stream_base::client, error);
        if (!error) {
            asio::write(stream, asio::buffer(TlsClient::request("GET", users, "key")), error);
        }
        if (!error) {
            // Of TLS 1.3, the client hears of a refusal only now.
            boost::beast::flat_buffer buffer;
            http::response<http::string_body> response;
            http::read(stream, buffer, response, error);
        }
        resumed = SSL_session_reused(stream.native_handle()) == 1;
        last_session.reset(SSL_get1_session(stream.native_handle()));
        // A session is resumed only if its connection has ended well.
        SSL_set_shutdown(stream.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        if (error && error.category() != asio::error::get_ssl_category()) {
            return -1;
        }
        return error ? ERR_GET_REASON(static_cast<unsigned long>(error.value())) : 0;
    }

    bool resumed = false;
    std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> last_session{nullptr, &SSL_SESSION_free};
};

const std::vector<int> versions{TLS1_2_VERSION, TLS1_3_VERSION};

BOOST_DATA_TEST_CASE_F(WithClientAuthority, client_with_a_certificate_is_served, data::make(versions), version)
{
    const Identity client = passage::test::make_identity(client_spec(), &authority);
    BOOST_TEST(failure_of_call(&client, version) == 0);
    const auto session = std::move(last_session);
    BOOST_TEST(failure_of_call(nullptr, version, session.get()) == 0);
    BOOST_TEST(resumed);
    BOOST_TEST(emulator->requests_served() == 2U);
}

BOOST_DATA_TEST_CASE_F(WithClientAuthority, client_without_a_certificate_is_told_so, data::make(versions), version)
{
    const int alert =
        version == TLS1_3_VERSION ? SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED : SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE;
    BOOST_TEST(failure_of_call(nullptr, version) == alert);
    BOOST_TEST(emulator->requests_served() == 0U);
}

BOOST_DATA_TEST_CASE_F(WithClientAuthority, certificate_that_is_not_trusted_is_refused, data::make(versions), version)
{
    const Identity stranger = passage::test::make_identity(authority_spec(), nullptr);
    const Identity other = passage::test::make_identity(client_spec(), &stranger);
    BOOST_TEST(failure_of_call(&other, version) != 0);
    CertificateSpec expired_spec = client_spec();
    expired_spec.valid_until = -60;
    const Identity expired = passage::test::make_identity(expired_spec, &authority);
    BOOST_TEST(failure_of_call(&expired, version) == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED);
    CertificateSpec server_spec = client_spec();
    server_spec.usage = "serverAuth";
    const Identity server = passage::test::make_identity(server_spec, &authority);
    BOOST_TEST(failure_of_call(&server, version) != 0);
    BOOST_TEST(emulator->requests_served() == 0U);
}

BOOST_FIXTURE_TEST_CASE(unusable_client_authority_says_what_to_do, WithClientAuthority)
{
    std::ofstream(file) << "nothing";
    for (const fs::path& unusable : {file, folder.path() / "none"}) {
        const std::string said = refusal(demo_options().client_authority(unusable));
        BOOST_TEST(contains(said, unusable.string() + ", cannot be used"), said);
    }
    BOOST_TEST(contains(refusal(demo_options().client_authority(file).plain(true)), "over TLS alone"));
}
