#include "certificates.hpp"
#include "request_reader.hpp"
#include "support/hostile_clients.hpp"
#include "temporary_folder.hpp"
#include "tls_client.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/pem.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <future>
#include <memory>
#include <ostream>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using passage::Emulator;
using passage::EmulatorOptions;
using tcp = asio::ip::tcp;

namespace {

EmulatorOptions demo_options()
{
    return EmulatorOptions{}.app_id("demo").api_key("key");
}

const std::string users = "/v1/apps/demo/users";

struct Running
{
    Emulator emulator;

    explicit Running(const EmulatorOptions& options = demo_options()) : emulator(options) {}

    TlsClient client() { return {emulator.port(), emulator.ca_pem()}; }
};

struct Impatient : Running
{
    Impatient() : Running(demo_options().idle_timeout(100ms).request_timeout(100ms).response_timeout(100ms)) {}
};

/// Waits for what another thread brings about. If it never does, the time limit of the test ends it.
template <class Condition>
void wait_until(Condition condition)
{
    while (!condition()) {
        std::this_thread::yield();
    }
}

tcp::socket connect(asio::io_context& io, std::uint16_t port)
{
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port});
    return socket;
}

struct Malformed
{
    std::string what;
    std::string bytes;
    unsigned status;
    std::string code;

    friend std::ostream& operator<<(std::ostream& stream, const Malformed& malformed)
    {
        return stream << malformed.what;
    }
};

std::string get_with(const std::string& headers)
{
    return "GET /v1/apps/demo HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n" + headers + "\r\n";
}

std::string get_from(const std::string& host)
{
    return "GET /v1/apps/demo HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: test\r\n\r\n";
}

std::string get_target(const std::string& target)
{
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n";
}

std::string post_with(const std::string& headers, const std::string& body)
{
    return "POST /v1/apps/demo/users HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n" + headers + "\r\n" + body;
}

std::string chunked(const std::string& body)
{
    return post_with("Authorization: Bearer key\r\nTransfer-Encoding: chunked\r\n", body);
}

const std::vector<Malformed> malformed_requests{
    {"no HTTP", "hello\r\n\r\n", 400, "invalid_request"},
    {"no version", "GET /\r\n\r\n", 400, "invalid_request"},
    {"version 3", "GET / HTTP/3.0\r\n\r\n", 400, "invalid_request"},
    {"lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"},
    {"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"},
    {"control byte in the target", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"},
    {"no Host", "GET / HTTP/1.1\r\nUser-Agent: test\r\n\r\n", 400, "invalid_request"},
    {"two Hosts", get_with("Host: y\r\n"), 400, "invalid_request"},
    {"space in the Host", get_from("a b/c"), 400, "invalid_request"},
    {"path in the Host", get_from("a/c"), 400, "invalid_request"},
    {"user in the Host", get_from("a@b"), 400, "invalid_request"},
    {"no number in the Host", get_from("a:b"), 400, "invalid_request"},
    {"two ports in the Host", get_from("a:1:2"), 400, "invalid_request"},
    {"bad escape in the Host", get_from("a%2"), 400, "invalid_request"},
    {"no end of the address in the Host", get_from("[::1"), 400, "invalid_request"},
    {"name behind the address in the Host", get_from("[::1]a"), 400, "invalid_request"},
    {"no address in the Host", get_from("[]"), 400, "invalid_request"},
    {"no path in the target", get_target("v1/apps/demo"), 400, "invalid_request"},
    {"query for a target", get_target("?/v1/apps/demo"), 400, "invalid_request"},
    {"asterisk for a target", get_target("*"), 400, "invalid_request"},
    {"authority for a target", get_target("localhost:443"), 400, "invalid_request"},
    {"fragment in the target", get_target("/v1/apps/demo#x"), 400, "invalid_request"},
    {"another scheme", get_target("ftp://localhost/v1/apps/demo"), 400, "invalid_request"},
    {"no host in the target", get_target("https:///v1/apps/demo"), 400, "invalid_request"},
    {"port alone in the target", get_target("https://:443/v1/apps/demo"), 400, "invalid_request"},
    {"user in the target", get_target("https://me@localhost/v1/apps/demo"), 400, "invalid_request"},
    {"no host before the query", get_target("https://?/v1/apps/demo"), 400, "invalid_request"},
    {"fragment before the path", get_target("https://localhost#/v1/apps/demo"), 400, "invalid_request"},
    {"space before the colon", get_with("Name : value\r\n"), 400, "invalid_request"},
    {"no colon", get_with("Name\r\n"), 400, "invalid_request"},
    {"no name", get_with(": value\r\n"), 400, "invalid_request"},
    {"NUL in a value", get_with(std::string("Name: a\0b\r\n", 11)), 400, "invalid_request"},
    {"bare CR in a value", get_with("Name: a\rb\r\n"), 400, "invalid_request"},
    {"negative length", post_with("Content-Length: -1\r\n", ""), 400, "invalid_request"},
    {"signed length", post_with("Content-Length: +2\r\n", "{}"), 400, "invalid_request"},
    {"two lengths", post_with("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400, "invalid_request"},
    {"length and chunks", post_with("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
     "invalid_request"},
    {"gzip before chunks", post_with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400, "invalid_request"},
    {"gzip", post_with("Transfer-Encoding: gzip\r\n", "x"), 400, "invalid_request"},
    {"two codings", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 400,
     "invalid_request"},
    {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"},
    {"chunk size that is none", chunked("x\r\n\r\n"), 400, "invalid_request"},
    {"chunk size beyond all", chunked("fffffffffffffffff\r\n"), 400, "invalid_request"},
    {"open quotes in a chunk's extension", chunked("1;a=\"x\r\n"), 400, "invalid_request"},
    {"open quotes in the last chunk's extension", chunked("0;a=\"x\r\n\r\n"), 400, "invalid_request"},
    {"huge chunk extension", chunked("1;" + std::string(20'000, 'x') + "\r\n"), 413, "body_too_large"},
    {"huge trailer", chunked("0\r\nName: " + std::string(20'000, 'x') + "\r\n\r\n"), 413, "body_too_large"},
    {"huge field", get_with("Name: " + std::string(20'000, 'x') + "\r\n"), 431, "header_too_large"},
    {"huge target", "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "header_too_large"},
    {"header without end", "GET / HTTP/1.1\r\nName: " + std::string(40'000, 'x'), 431, "header_too_large"},
    {"huge body announced", post_with("Content-Length: 4194305\r\n", ""), 413, "body_too_large"},
    {"huge body in a chunk", chunked("400001\r\n"), 413, "body_too_large"},
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(connections, Running)

BOOST_AUTO_TEST_CASE(many_requests_share_a_connection)
{
    TlsClient client = this->client();
    for (int i = 0; i < 50; ++i) {
        const Reply reply = client.call("GET", users, "key");
        BOOST_TEST(reply.status == 200U);
        BOOST_TEST(reply.keep_alive);
        BOOST_TEST(reply.fields[http::field::content_type] == "application/json; charset=utf-8");
        BOOST_TEST(reply.fields.count(http::field::date) == 1U);
    }
    BOOST_TEST(emulator.connections_accepted() == 1U);
    BOOST_TEST(emulator.connections_open() == 1U);
    BOOST_TEST(emulator.requests_served() == 50U);
}

BOOST_AUTO_TEST_CASE(requests_sent_at_once_are_answered_in_order)
{
    TlsClient client = this->client();
    std::string requests;
    for (int i = 0; i < 20; ++i) {
        const std::string body = R"({"email":")" + std::to_string(i) + R"(@b.c"})";
        requests += TlsClient::request("POST", users, "key", body) + (i % 2 == 0 ? "" : "\r\n");
    }
    client.send(requests);
    for (int i = 0; i < 20; ++i) {
        const Reply reply = client.receive();
        BOOST_TEST(reply.status == 201U);
        BOOST_TEST(reply.json().at("user").at("email").as_string() == std::to_string(i) + "@b.c");
    }
}

BOOST_AUTO_TEST_CASE(request_may_come_byte_by_byte)
{
    TlsClient client = this->client();
    for (const char byte : TlsClient::request("POST", users, "key", R"({"email":"a@b.c"})")) {
        client.send({&byte, 1});
    }
    BOOST_TEST(client.receive().status == 201U);
}

BOOST_AUTO_TEST_CASE(body_may_come_in_chunks)
{
    TlsClient client = this->client();
    client.send(post_with("Authorization: Bearer key\r\nTransfer-Encoding: chunked\r\n",
                          "8;ext=1\r\n{\"email\"\r\n9\r\n:\"a@b.c\"}\r\n0\r\nTrailer: x\r\n\r\n"));
    BOOST_TEST(client.receive().status == 201U);
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(client_that_asks_first_is_told_to_go_on)
{
    TlsClient client = this->client();
    client.send(post_with("Authorization: Bearer key\r\nContent-Length: 17\r\nExpect: 100-continue\r\n", ""));
    BOOST_TEST(client.receive().status == 100U);
    client.send(R"({"email":"a@b.c"})");
    BOOST_TEST(client.receive().status == 201U);
}

BOOST_AUTO_TEST_CASE(client_that_asks_first_is_spared_a_body_too_large)
{
    TlsClient client = this->client();
    client.send(post_with("Content-Length: 99999999\r\nExpect: 100-continue\r\n", ""));
    BOOST_TEST(client.receive().status == 413U);
}

BOOST_AUTO_TEST_CASE(large_body_is_not_read_without_a_key)
{
    const std::string length = "Content-Length: 4000000\r\n";
    for (const std::string& head : {post_with(length, ""), post_with(length + "Expect: 100-continue\r\n", ""),
                                    post_with(length + "Authorization: Bearer wrong\r\n", ""),
                                    post_with("Transfer-Encoding: chunked\r\n", ""), get_with(length)}) {
        TlsClient client = this->client();
        client.send(head);
        const Reply reply = client.receive();
        BOOST_TEST(reply.code() == "invalid_access_token", head);
        BOOST_TEST(!reply.keep_alive);
        BOOST_TEST(client.is_ended());
    }
    TlsClient client = this->client();
    client.send(post_with(length, "").replace(0, 5, "BREW "));
    BOOST_TEST(client.receive().status == 405U);

    TlsClient friendly = this->client();
    friendly.send(post_with(length + "Authorization: Bearer key\r\nExpect: 100-continue\r\n", ""));
    BOOST_TEST(friendly.receive().status == 100U);
    friendly.send(R"({"email":"a@b.c"})" + std::string(4'000'000 - 17, ' '));
    BOOST_TEST(friendly.receive().status == 201U);
}

BOOST_AUTO_TEST_CASE(head_is_answered_without_a_body)
{
    TlsClient client = this->client();
    const Reply head = client.call("HEAD", "/v1/apps/demo", "key");
    const Reply get = client.call("GET", "/v1/apps/demo", "key");
    BOOST_TEST(head.status == 200U);
    BOOST_TEST(head.fields[http::field::content_length] == std::to_string(get.body.size()));
}

BOOST_AUTO_TEST_CASE(unknown_method_is_405_and_names_the_known)
{
    TlsClient client = this->client();
    const Reply reply = client.call("BREW", users, "key");
    BOOST_TEST(reply.status == 405U);
    BOOST_TEST(reply.fields[http::field::allow] == "GET, HEAD, POST");
    BOOST_TEST(reply.code() == "method_not_allowed");
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(missing_key_is_401_with_a_challenge)
{
    TlsClient client = this->client();
    client.send("GET " + users + " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n");
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 401U);
    BOOST_TEST(reply.fields[http::field::www_authenticate] == "Bearer");
    client.send("GET " + users +
                " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAuthorization: Bearer key\r\n"
                "Authorization: Bearer key\r\n\r\n");
    BOOST_TEST(client.receive().status == 401U, "one of two could be anybody's");
}

BOOST_AUTO_TEST_CASE(missing_user_agent_is_403)
{
    TlsClient client = this->client();
    client.send("GET " + users + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n\r\n");
    BOOST_TEST(client.receive().code() == "operation_not_allowed");
}

BOOST_AUTO_TEST_CASE(target_may_be_a_whole_url)
{
    TlsClient client = this->client();
    BOOST_TEST(client.call("GET", "https://localhost" + users, "key").status == 200U);
    BOOST_TEST(client.call("GET", "HTTP://localhost", "key").status == 404U);
    BOOST_TEST(client.call("GET", "https://[::1]:443" + users + "?limit=1", "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(query_of_a_whole_url_is_no_path)
{
    TlsClient client = this->client();
    for (const char* begin : {"https://localhost?", "https://localhost/?", "https://localhost:443?a=/"}) {
        BOOST_TEST(client.call("GET", begin + users, "key").code() == "route_not_found");
    }
    BOOST_TEST(client.call("OPTIONS", "*", "key").code() == "route_not_found");
}

BOOST_DATA_TEST_CASE_F(Running, host_may_be_a_name_or_an_address,
                       data::make({"", "localhost", "localhost:", "localhost:443", "127.0.0.1:1", "[::1]", "[::1]:443",
                                   "[::ffff:127.0.0.1]", "a-b_c.d~e", "a%20b", "x!$&'()*+,;="}),
                       host)
{
    TlsClient client = this->client();
    client.send(get_from(host));
    BOOST_TEST(client.receive().status == 200U);
}

BOOST_AUTO_TEST_CASE(connection_ends_when_the_client_wants_it)
{
    TlsClient client = this->client();
    client.send("GET /v1/apps/demo HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nConnection: close\r\n\r\n");
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 200U);
    BOOST_TEST(!reply.keep_alive);
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(http_1_0_is_answered_once)
{
    TlsClient client = this->client();
    client.send("GET /v1/apps/demo HTTP/1.0\r\nUser-Agent: test\r\nConnection: keep-alive\r\n\r\n");
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 200U);
    BOOST_TEST(!reply.keep_alive);
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(client_that_leaves_frees_its_place)
{
    {
        TlsClient client = this->client();
    }
    {
        TlsClient client = this->client();
        client.send("POST " + users + " HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
    }
    wait_until([&] { return emulator.connections_accepted() == 2 && emulator.connections_open() == 0; });
    BOOST_TEST(client().call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(thousands_of_idle_connections_are_no_burden)
{
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    // Both ends are in this process.
    const std::size_t count = std::min<std::size_t>(10'000, (limit.rlim_cur - 200) / 2);
    Running patient(demo_options().idle_timeout(1h));

    // Resumed sessions spare both ends most of the work.
    asio::ssl::context context(asio::ssl::context::tlsv12_client);
    std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(nullptr, &SSL_SESSION_free);
    asio::io_context io;
    std::vector<tcp::socket> idle;
    for (std::size_t i = 0; i < count; ++i) {
        asio::ssl::stream<tcp::socket> stream(connect(io, patient.emulator.port()), context);
        SSL_set_session(stream.native_handle(), session.get());
        stream.handshake(asio::ssl::stream_base::client);
        session.reset(SSL_get1_session(stream.native_handle()));
        idle.push_back(std::move(stream.next_layer()));
    }
    TlsClient client = patient.client();
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    BOOST_TEST(patient.emulator.connections_open() == count + 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_DATA_TEST_CASE(request_may_come_in_any_three_pieces,
                     data::make({get_with(""), post_with("Content-Length: 2\r\n", "{}"), chunked("0\r\n\r\n"),
                                 chunked("00;a=b\r\nTrailer: x\r\n\r\n"), chunked("2\r\n{}\r\n0\r\n\r\n"),
                                 chunked("1\r\n{\r\n1;a\r\n}\r\n0\r\nTrailer: x\r\n\r\n")}),
                     request)
{
    using passage::emulator::RequestReader;
    for (std::size_t first = 1; first <= request.size(); ++first) {
        for (std::size_t second = first; second <= request.size(); ++second) {
            RequestReader reader;
            std::string input;
            std::size_t begin = 0;
            auto state = RequestReader::State::incomplete;
            for (const std::size_t end : {first, second, request.size()}) {
                BOOST_TEST_REQUIRE((state == RequestReader::State::incomplete || begin == end));
                if (begin < end) {
                    input.append(request, begin, end - begin);
                    do {
                        state = reader.put(input);
                    } while (state == RequestReader::State::head);
                }
                begin = end;
            }
            BOOST_TEST_REQUIRE((state == RequestReader::State::complete), first << ", " << second);
            BOOST_TEST_REQUIRE(input.empty());
        }
    }
}

BOOST_DATA_TEST_CASE_F(Running, malformed_request_is_refused_and_ends_the_connection, data::make(malformed_requests),
                       malformed)
{
    TlsClient client = this->client();
    client.send(malformed.bytes);
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == malformed.status, reply.body);
    BOOST_TEST(reply.code() == malformed.code);
    BOOST_TEST(!reply.keep_alive);
    BOOST_TEST(client.is_ended());
}

BOOST_FIXTURE_TEST_CASE(chunk_extensions_have_an_end, Running)
{
    TlsClient client = this->client();
    client.send(chunked(""));
    const std::string chunk = "1;" + std::string(8000, 'x') + "\r\ny\r\n";
    std::thread sender([&] {
        try {
            for (int i = 0; i < 3000; ++i) {
                client.send(chunk);
            }
        } catch (const boost::system::system_error&) {
            // Cut off while it went on, as it should.
        }
    });
    sender.join();
    BOOST_TEST(client.receive().status == 413U);
}

BOOST_DATA_TEST_CASE_F(Running, part_without_end_is_refused,
                       data::make({"1;", "1\r\nx\r\n1;", "0\r\nName: ", "0\r\nA: b\r\nName: "}), beginning)
{
    TlsClient client = this->client();
    client.send(chunked(beginning + std::string(20'000, 'x')));
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 413U);
    BOOST_TEST(!reply.keep_alive);
}

BOOST_FIXTURE_TEST_CASE(only_a_few_empty_lines_may_come_before_a_request, Running)
{
    TlsClient client = this->client();
    client.send("\r\n\r\n\r\n\r\n" + TlsClient::request("GET", users, "key"));
    BOOST_TEST(client.receive().status == 200U);
    client.send("\r\n\r\n\r\n\r\n\r\n");
    BOOST_TEST(client.receive().status == 400U);
    BOOST_TEST(client.is_ended());
}

BOOST_FIXTURE_TEST_CASE(client_that_was_refused_is_not_listened_to_for_long, Running)
{
    TlsClient client = this->client();
    client.send("hello\r\n\r\n");
    const std::string more(64 * 1024, 'x');
    const auto begin = std::chrono::steady_clock::now();
    BOOST_CHECK_THROW(
        for (;;) {
            client.send(more);
            BOOST_TEST_REQUIRE((std::chrono::steady_clock::now() - begin < 5s));
        },
        boost::system::system_error);
}

/// Attacks, each against one thread and against four, of which the first accepts.
const auto attacks = data::xrange(passage::test::attack_count) * data::make({1U, 4U});

BOOST_DATA_TEST_CASE(attack_keeps_no_other_client_waiting, attacks, number, threads)
{
    const auto attack = static_cast<passage::test::Attack>(number);
    BOOST_TEST_INFO_SCOPE(passage::test::attack_names[number]);
    Running running(demo_options().threads(threads));
    passage::test::HostileClients hostile(running.emulator.port());
    hostile.add(attack, 4);
    wait_until([&] { return hostile.steps(attack) >= 4; });

    const auto begin = std::chrono::steady_clock::now();
    const auto is_timely = [&] { return std::chrono::steady_clock::now() - begin < 10s; };
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(running.client().call("GET", users, "key").status == 200U);
        BOOST_TEST_REQUIRE(is_timely());
    }
    running.emulator.stop();
    BOOST_TEST(is_timely());
}

BOOST_FIXTURE_TEST_SUITE(slow_clients, Impatient)

BOOST_AUTO_TEST_CASE(header_that_does_not_end_is_408)
{
    TlsClient client = this->client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n");
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 408U);
    BOOST_TEST(reply.code() == "request_timeout");
    BOOST_TEST(!reply.keep_alive);
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(body_that_does_not_end_is_408)
{
    TlsClient client = this->client();
    client.send(post_with("Authorization: Bearer key\r\nContent-Length: 100\r\n", "{"));
    BOOST_TEST(client.receive().status == 408U);
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(trickle_does_not_extend_the_time)
{
    TlsClient client = this->client();
    client.call("GET", users, "key"); // takes in what TLS itself sends at the beginning
    client.send("GET / HTTP/1.1\r\nName: ");
    while (!client.has_input()) {
        client.send("x");
        std::this_thread::sleep_for(1ms); // the trickle
    }
    BOOST_TEST(client.receive().status == 408U);
}

BOOST_AUTO_TEST_CASE(idle_connection_is_closed_without_a_word)
{
    TlsClient client = this->client();
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(client_that_says_nothing_at_all_is_cut_off)
{
    asio::io_context io;
    tcp::socket silent = connect(io, emulator.port());
    char byte = 0;
    boost::system::error_code error;
    asio::read(silent, asio::buffer(&byte, 1), error);
    BOOST_TEST(error.failed());
    wait_until([&] { return emulator.connections_open() == 0; });
}

BOOST_AUTO_TEST_CASE(client_that_does_not_take_its_answer_is_cut_off)
{
    const std::string metadata = R"({"email":"a@b.c","user_metadata":{"x":")" + std::string(1'000'000, 'x') + R"("}})";
    const std::string id = emulator.plant_user(metadata);
    TlsClient client = this->client();
    for (int i = 0; i < 20; ++i) { // far more than the kernel buffers
        client.send(TlsClient::request("GET", users + "/" + id, "key"));
    }
    wait_until([&] { return emulator.connections_accepted() == 1 && emulator.connections_open() == 0; });
    BOOST_CHECK_THROW(
        for (int i = 0; i < 20; ++i) { client.receive(); }, boost::system::system_error);
    BOOST_TEST(emulator.requests_served() < 20U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(tls, Running)

BOOST_AUTO_TEST_CASE(certificate_names_the_loopback_addresses)
{
    for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
        TlsClient client(emulator.port(), emulator.ca_pem(), host);
        BOOST_TEST(client.call("GET", users, "key").status == 200U);
    }
    BOOST_CHECK_THROW(TlsClient(emulator.port(), emulator.ca_pem(), "example.com"), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(each_run_has_an_authority_of_its_own)
{
    const Emulator other;
    BOOST_CHECK_THROW(TlsClient(emulator.port(), other.ca_pem()), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(given_authority_is_used)
{
    const TemporaryFolder folder;
    const auto authority = passage::emulator::make_authority();
    const std::string pem = passage::emulator::to_pem(*authority.certificate);
    const auto certificate = folder.path() / "ca.pem";
    const auto key = folder.path() / "key.pem";
    std::ofstream(certificate) << pem;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(key.c_str(), "w"), &std::fclose);
    PEM_write_PrivateKey(file.get(), authority.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fflush(file.get());

    Emulator given(demo_options().authority(certificate, key));
    BOOST_TEST(given.ca_pem() == pem);
    BOOST_TEST(TlsClient(given.port(), pem).call("GET", users, "key").status == 200U);

    const auto other = passage::emulator::make_authority();
    std::ofstream(certificate) << passage::emulator::to_pem(*other.certificate);
    BOOST_CHECK_THROW(Emulator(demo_options().authority(certificate, key)), std::runtime_error);
    std::ofstream(certificate) << "nothing";
    BOOST_CHECK_THROW(Emulator(demo_options().authority(certificate, key)), std::runtime_error);
    BOOST_CHECK_THROW(Emulator(demo_options().authority(folder.path() / "none", key)), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(session_is_resumed)
{
    TlsClient first = client();
    BOOST_TEST(first.call("GET", users, "key").status == 200U);
    const std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session(first.session(), &SSL_SESSION_free);
    TlsClient second(emulator.port(), emulator.ca_pem(), session.get());
    BOOST_TEST(second.call("GET", users, "key").status == 200U);
    BOOST_TEST(second.resumed());
}

BOOST_AUTO_TEST_CASE(old_tls_is_refused)
{
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX_set_security_level(context.native_handle(), 0);
    SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
    asio::ssl::stream<tcp::socket> stream(connect(io, emulator.port()), context);
    boost::system::error_code error;
    stream.handshake(asio::ssl::stream_base::client, error);
    BOOST_TEST(error.failed());
}

BOOST_AUTO_TEST_CASE(what_is_no_tls_is_cut_off)
{
    asio::io_context io;
    tcp::socket plain = connect(io, emulator.port());
    asio::write(plain, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    std::string received;
    boost::system::error_code error;
    asio::read(plain, asio::dynamic_buffer(received), error);
    BOOST_TEST(!received.starts_with("HTTP"));
    BOOST_TEST(client().call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(both_loopback_addresses_are_served)
{
    asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect({asio::ip::address_v6::loopback(), emulator.port()}, error);
    if (error == asio::error::address_family_not_supported || error == asio::error::network_unreachable ||
        error == boost::system::errc::address_not_available) {
        BOOST_TEST_MESSAGE("no IPv6 here");
        return;
    }
    BOOST_TEST(!error.failed(), error.message());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ending)

BOOST_AUTO_TEST_CASE(request_on_its_way_is_answered_when_stopping)
{
    Running running;
    const std::uint16_t port = running.emulator.port();
    TlsClient client = running.client();
    const std::string body = R"({"email":"a@b.c"})";
    const std::string request = TlsClient::request("POST", users, "key", body);
    // The answer to the first request shows that the beginning of the second has arrived.
    client.send(TlsClient::request("GET", users, "key") + request.substr(0, request.size() - body.size()));
    BOOST_TEST(client.receive().status == 200U);
    auto stopped = std::async(std::launch::async, [&] { running.emulator.stop(); });
    wait_until([&] { return !is_listening(port); });
    client.send(body);
    const Reply reply = client.receive();
    BOOST_TEST(reply.status == 201U);
    BOOST_TEST(!reply.keep_alive);
    BOOST_TEST(client.is_ended());
    stopped.get();
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_CASE(idle_connections_end_at_once)
{
    Running running;
    TlsClient used = running.client();
    used.call("GET", users, "key");
    TlsClient unused = running.client();
    asio::io_context io;
    tcp::socket silent = connect(io, running.emulator.port());
    wait_until([&] { return running.emulator.connections_open() == 3; });
    running.emulator.stop();
    BOOST_TEST(used.is_ended());
    BOOST_TEST(unused.is_ended());
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_CASE(request_that_never_ends_does_not_hold_the_end_up_for_ever)
{
    Running running(demo_options().request_timeout(1h));
    TlsClient client = running.client();
    client.send(TlsClient::request("GET", users, "key") + "GET / HTTP/1.1\r\n");
    BOOST_TEST(client.receive().status == 200U);
    running.emulator.stop();
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_CASE(stopping_twice_and_from_two_threads_is_fine)
{
    Running running;
    auto other = std::async(std::launch::async, [&] { running.emulator.stop(); });
    running.emulator.stop();
    other.get();
    running.emulator.stop();
}

BOOST_AUTO_TEST_CASE(port_is_free_again_at_once)
{
    std::vector<std::unique_ptr<TlsClient>> clients; // still there when the server ends its connections
    std::uint16_t port = 0;
    for (int i = 0; i < 5; ++i) {
        Running running(demo_options().port(port));
        port = running.emulator.port();
        clients.push_back(std::make_unique<TlsClient>(port, running.emulator.ca_pem()));
        BOOST_TEST(clients.back()->call("GET", users, "key").status == 200U);
    }
}

BOOST_AUTO_TEST_CASE(port_in_use_is_said)
{
    const Emulator first;
    try {
        const Emulator second(EmulatorOptions{}.port(first.port()));
        BOOST_ERROR("two listen on one port");
    } catch (const std::runtime_error& error) {
        BOOST_TEST((std::string{error.what()}.find("has this port") != std::string::npos), error.what());
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(in_process)

BOOST_AUTO_TEST_CASE(apps_and_keys_are_made_up_unless_given)
{
    const Emulator one;
    const Emulator two;
    BOOST_TEST(one.app_id().size() == 24U);
    BOOST_TEST(one.app_id() != two.app_id());
    BOOST_TEST(one.api_key() != two.api_key());
    BOOST_TEST(one.base_url() == "https://localhost:" + std::to_string(one.port()) + "/v1");
}

BOOST_AUTO_TEST_CASE(what_is_planted_is_served)
{
    Running running;
    Emulator& emulator = running.emulator;
    const std::string id = emulator.plant_user(R"({"email":"a@b.c","status":"frozen","login_count":7})");
    const std::string device = emulator.plant_device(id, R"({"friendly_name":"Key"})");
    const std::string event = emulator.plant_event(id);
    emulator.plant_social_connection(id, "github", R"({"provider_identifier":"octo"})");
    const auto user = running.client().call("GET", users + "/" + id, "key").json().at("user");
    BOOST_TEST(user.at("status").as_string() == "frozen");
    BOOST_TEST(user.at("webauthn_devices").at(0).at("id").as_string() == device);
    BOOST_TEST(user.at("recent_events").at(0).at("id").as_string() == event);
    BOOST_TEST(user.at("social_connections").at("github").at("provider_identifier").as_string() == "octo");
}

BOOST_AUTO_TEST_CASE(token_names_a_key_that_is_served)
{
    Running running;
    Emulator& emulator = running.emulator;
    TlsClient client = running.client();
    const std::string keys_url = emulator.auth_url() + "/apps/" + emulator.app_id() + "/.well-known/jwks.json";
    const auto keys = [&] { return client.call("GET", keys_url, {}).json().at("keys").as_array(); };

    const std::string user = emulator.plant_user(R"({"email":"a@b.c"})");
    BOOST_TEST(std::ranges::count(emulator.issue_token(user), '.') == 2);
    const std::string first = keys().at(0).at("kid").as_string().c_str();
    const std::string second = emulator.rotate_key();
    BOOST_TEST(keys().size() == 2U);
    emulator.retire_key(first);
    BOOST_TEST(keys().at(0).at("kid").as_string() == second);

    BOOST_CHECK_THROW(emulator.retire_key(first), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.issue_token("nobody"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.issue_token(user, "nonsense"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_planted_is_an_invalid_argument)
{
    Emulator emulator;
    BOOST_CHECK_THROW(emulator.plant_user("{}"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.plant_user("nonsense"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.plant_device("nobody"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.plant_event("nobody"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.plant_social_connection("nobody", "github"), std::invalid_argument);
    const std::string id = emulator.plant_user(R"({"email":"a@b.c"})");
    BOOST_CHECK_THROW(emulator.plant_user(R"({"email":"A@b.c"})"), std::invalid_argument);
    BOOST_CHECK_THROW(emulator.plant_social_connection(id, "myspace"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(second_app_has_its_own_users)
{
    Running running;
    const std::string key = running.emulator.add_app("second");
    running.emulator.plant_user(R"({"email":"a@b.c"})");
    TlsClient client = running.client();
    const Reply reply = client.call("GET", "/v1/apps/second/users", key);
    BOOST_TEST(reply.json().at("total_users").as_int64() == 0);
    BOOST_TEST(client.call("GET", users, key).status == 401U);
}

BOOST_AUTO_TEST_CASE(unusable_names_and_keys_are_refused)
{
    for (const char* id : {"a b", "a/b", "é", ".."}) {
        BOOST_CHECK_THROW(Emulator(EmulatorOptions{}.app_id(id)), std::invalid_argument);
    }
    for (const char* key : {"a b", "a\r\nb", "é"}) {
        BOOST_CHECK_THROW(Emulator(EmulatorOptions{}.api_key(key)), std::invalid_argument);
    }
    BOOST_CHECK_THROW(Emulator(EmulatorOptions{}.address("nowhere")), std::invalid_argument);
    BOOST_CHECK_THROW(Emulator(EmulatorOptions{}.data_file("/nowhere/users.db")), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(threads_serve_many_clients_at_once)
{
    Running running(demo_options().threads(4).seed(50));
    constexpr int clients = 8;
    constexpr int calls = 60;
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int c = 0; c < clients; ++c) {
        threads.emplace_back([&, c] {
            TlsClient client = running.client();
            for (int i = 0; i < calls; ++i) {
                const std::string email = std::to_string(c) + "." + std::to_string(i) + "@b.c";
                const Reply created = client.call("POST", users, "key", R"({"email":")" + email + R"("})");
                const std::string id = created.json().at("user").at("id").as_string().c_str();
                const Reply got = client.call("GET", users + "/" + id, "key");
                failures += got.json().at("user").at("email").as_string() != email;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(running.emulator.requests_served() == 2U * clients * calls);
    BOOST_TEST(running.emulator.most_connections() <= std::uint64_t{clients});
}

BOOST_AUTO_TEST_SUITE_END()
