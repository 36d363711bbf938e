#include "http2_client.hpp"
#include "tls_client.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <future>
#include <ostream>
#include <set>
#include <thread>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using passage::Emulator;
using passage::EmulatorOptions;
using passage::Faults;
using tcp = asio::ip::tcp;

namespace {

const std::string users = "/v1/apps/demo/users";
const std::string new_user = R"({"email":"a@b.c"})";
constexpr std::uint32_t large_window = 1U << 30;
constexpr std::int32_t any_stream = 0x7fffffff;

EmulatorOptions demo_options()
{
    return EmulatorOptions{}.app_id("demo").api_key("key");
}

struct Running
{
    Emulator emulator;

    explicit Running(const EmulatorOptions& options = demo_options()) : emulator(options) {}

    Http2Client client(std::uint32_t window = 65'535) { return {emulator.port(), emulator.ca_pem(), window}; }
    TlsClient tls_client(const std::vector<std::string>& protocols)
    {
        return {emulator.port(), emulator.ca_pem(), protocols};
    }

    /// A user whose JSON is that large, and more.
    std::string plant_large_user(std::size_t size, const std::string& email = "large@b.c")
    {
        return emulator.plant_user(R"({"email":")" + email + R"(","user_metadata":{"x":")" + std::string(size, 'x') +
                                   R"("}})");
    }

    /// Seen without faults.
    std::int64_t user_count()
    {
        emulator.set_faults(Faults{});
        return client().call("GET", users, "key").json().at("total_users").as_int64();
    }
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

Http2Client::Fields request_fields(const std::string& method, const std::string& path)
{
    return {{":method", method}, {":scheme", "https"},   {":authority", "localhost"},
            {":path", path},     {"user-agent", "test"}, {"authorization", "Bearer key"}};
}

/// A body that is valid, and as long.
std::string padded_user(const std::string& email, std::size_t size)
{
    std::string body = R"({"email":")" + email + R"("})";
    body.resize(size, ' ');
    return body;
}

// Frames as they are on the wire.

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {})
{
    std::string bytes;
    const auto put = [&](std::size_t number, int count) {
        while (count-- > 0) {
            bytes += static_cast<char>(number >> (8 * count) & 0xff);
        }
    };
    put(payload.size(), 3);
    put(type, 1);
    put(flags, 1);
    put(stream, 4);
    return bytes.append(payload);
}

std::string preface()
{
    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(NGHTTP2_SETTINGS, 0, 0);
}

/// Fields without compression; each text shorter than 127.
std::string block(const Http2Client::Fields& fields)
{
    std::string bytes;
    for (const auto& [name, value] : fields) {
        bytes.append(1, '\0').append(1, static_cast<char>(name.size())).append(name);
        bytes.append(1, static_cast<char>(value.size())).append(value);
    }
    return bytes;
}

std::string head(std::uint32_t stream, const Http2Client::Fields& fields, bool end_stream = true)
{
    const int flags = NGHTTP2_FLAG_END_HEADERS | (end_stream ? NGHTTP2_FLAG_END_STREAM : 0);
    return frame(NGHTTP2_HEADERS, static_cast<std::uint8_t>(flags), stream, block(fields));
}

std::string get(std::uint32_t stream)
{
    return head(stream, request_fields("GET", users));
}

struct Frame
{
    unsigned type;
    unsigned flags;
    std::uint32_t stream;
    std::string payload;

    /// The 32 bits at this place.
    std::uint32_t number(std::size_t place) const
    {
        std::uint32_t result = 0;
        for (std::size_t i = place; i < place + 4; ++i) {
            result = result << 8 | static_cast<unsigned char>(payload.at(i));
        }
        return result;
    }
};

std::vector<Frame> frames_of(std::string_view bytes)
{
    const auto byte = [&](std::size_t place) { return std::uint32_t{static_cast<unsigned char>(bytes[place])}; };
    std::vector<Frame> frames;
    while (bytes.size() >= 9) {
        const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
        const std::uint32_t stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffff;
        frames.push_back({byte(3), byte(4), stream, std::string{bytes.substr(9, size)}});
        bytes.remove_prefix(std::min(9 + size, bytes.size()));
    }
    return frames;
}

/// The frame of this type that comes last.
std::optional<Frame> last_of(const std::vector<Frame>& frames, unsigned type)
{
    const auto place = std::find_if(frames.rbegin(), frames.rend(), [&](const Frame& f) { return f.type == type; });
    return place == frames.rend() ? std::nullopt : std::optional{*place};
}

} // namespace

BOOST_AUTO_TEST_SUITE(versions)

BOOST_AUTO_TEST_CASE(client_that_knows_it_gets_http_2)
{
    Running running;
    BOOST_TEST(running.tls_client({"h2"}).protocol() == "h2");
    BOOST_TEST(running.tls_client({"http/1.1", "h2"}).protocol() == "h2");
}

BOOST_AUTO_TEST_CASE(client_that_does_not_gets_http_1_1)
{
    Running running;
    TlsClient told = running.tls_client({"spdy/3", "http/1.1"});
    BOOST_TEST(told.protocol() == "http/1.1");
    BOOST_TEST(told.call("GET", users, "key").status == 200U);
    TlsClient silent(running.emulator.port(), running.emulator.ca_pem());
    BOOST_TEST(silent.protocol() == "");
    BOOST_TEST(silent.call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(client_that_knows_neither_is_refused)
{
    Running running;
    BOOST_CHECK_THROW(running.tls_client({"spdy/3"}), boost::system::system_error);
}

/// What a plain emulator sends back until it has ended a connection on which these bytes have come, in such pieces.
std::string plain_answer(const Emulator& emulator, std::string_view bytes, std::size_t piece)
{
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), emulator.port()});
    socket.set_option(tcp::no_delay(true));
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        asio::write(socket, asio::buffer(bytes.substr(at, piece)));
    }
    socket.shutdown(tcp::socket::shutdown_send);
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    BOOST_TEST(end == asio::error::eof);
    return answer;
}

BOOST_AUTO_TEST_CASE(client_that_begins_with_it_gets_http_2_without_tls)
{
    Emulator plain(demo_options().plain(true));
    const std::string bytes = preface() + get(1) + get(3);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{23}, std::size_t{24}, bytes.size()}) {
        const auto frames = frames_of(plain_answer(plain, bytes, piece));
        BOOST_TEST_REQUIRE(!frames.empty());
        BOOST_TEST(frames.front().type == NGHTTP2_SETTINGS);
        BOOST_TEST(std::ranges::count_if(frames, [](const Frame& frame) { return frame.type == NGHTTP2_DATA; }) == 2);
    }
    BOOST_TEST(plain.requests_served() == 8U);
}

BOOST_AUTO_TEST_CASE(client_that_begins_with_it_is_refused_where_http_1_1_is_all)
{
    Emulator plain(demo_options().plain(true).http1(true));
    BOOST_TEST(plain_answer(plain, preface() + get(1), 1'000).starts_with("HTTP/1.1 4"));
}

BOOST_AUTO_TEST_CASE(http_1_1_can_be_all_that_is_offered)
{
    Running running(demo_options().http1(true));
    TlsClient client = running.tls_client({"h2", "http/1.1"});
    BOOST_TEST(client.protocol() == "http/1.1");
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    BOOST_CHECK_THROW(running.tls_client({"h2"}), boost::system::system_error);
}

struct Asked
{
    std::string method;
    std::string target;
    std::string key;
    std::string body;

    friend std::ostream& operator<<(std::ostream& stream, const Asked& asked)
    {
        return stream << asked.method << ' ' << asked.target;
    }
};

const std::vector<Asked> questions{
    {"GET", "/v1/apps/demo", "", ""},
    {"HEAD", "/v1/apps/demo", "", ""},
    {"GET", "/v1/apps/demo/.well-known/jwks.json", "", ""},
    {"GET", users, "key", ""},
    {"GET", users + "?limit=2&page=2&identifier=x%40y.z", "key", ""},
    {"GET", users + "?limit=x", "key", ""},
    {"GET", users, "", ""},
    {"GET", users, "wrong", ""},
    {"GET", users + "/nobody", "key", ""},
    {"GET", users + "/planted", "key", ""},
    {"GET", users + "/planted/devices", "key", ""},
    {"PATCH", users + "/planted", "key", R"({"phone":"+15005550006"})"},
    {"PATCH", users + "/planted", "key", "nonsense"},
    {"PATCH", users + "/planted/deactivate", "key", ""},
    {"POST", users, "key", ""},
    {"POST", users, "key", R"({"email":"no address"})"},
    {"DELETE", users + "/nobody", "key", ""},
    {"BREW", users, "key", ""},
    {"OPTIONS", "*", "key", ""},
    {"GET", "/", "key", ""},
    {"GET", users + "#here", "key", ""},
    {"GET", "/elsewhere", "", ""},
};

BOOST_DATA_TEST_CASE(both_versions_give_the_same_answers, data::make(questions), asked)
{
    Running running(demo_options().seed(5));
    running.emulator.plant_user(R"({"id":"planted","email":"a@b.c"})");
    TlsClient old(running.emulator.port(), running.emulator.ca_pem());
    Http2Client client = running.client();

    const auto without_times = [](std::string body) {
        for (const std::string name : {R"("updated_at":")", R"("created_before":)", "created_before="}) {
            for (std::size_t place = 0; (place = body.find(name, place)) != std::string::npos;) {
                place += name.size();
                body.erase(place, body.find_first_of("\",&}", place) - place);
            }
        }
        return body;
    };
    std::string request = TlsClient::request(asked.method, asked.target, asked.key, asked.body);
    if (asked.key.empty()) {
        const std::size_t begin = request.find("Authorization");
        request.erase(begin, request.find('\n', begin) + 1 - begin);
    }
    old.send(request);
    const Reply first = old.receive(asked.method == "HEAD");
    const Http2Reply& second = client.call(asked.method, asked.target, asked.key, asked.body);

    BOOST_TEST(second.complete);
    BOOST_TEST(second.status == first.status);
    if (asked.target.find('#') == std::string::npos) {
        BOOST_TEST(without_times(second.body) == without_times(first.body));
    }
    std::set<std::string> names;
    for (const auto& field : first.fields) {
        std::string name{field.name_string()};
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (name != "connection") {
            names.insert(name);
        }
        if (name != "date" && name != "connection" && name != "content-length") {
            BOOST_TEST(second.fields.at(name) == field.value());
        }
    }
    BOOST_TEST(second.fields.size() == names.size());
    BOOST_TEST((second.body.empty() || second.fields.at("content-length") == std::to_string(second.body.size())));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(streams, Running)

BOOST_AUTO_TEST_CASE(many_requests_share_a_connection_and_each_has_its_own_answer)
{
    Http2Client client = this->client();
    std::map<std::int32_t, std::string> emails;
    for (int i = 0; i < 300; ++i) {
        const std::string email = std::to_string(i) + "@b.c";
        emails[client.submit("POST", users, "key", R"({"email":")" + email + R"("})")] = email;
    }
    for (const auto& [stream, email] : emails) {
        const Http2Reply& reply = client.wait(stream);
        BOOST_TEST(reply.status == 201U);
        BOOST_TEST(reply.json().at("user").at("email").as_string() == email);
    }
    BOOST_TEST(emulator.connections_accepted() == 1U);
    BOOST_TEST(emulator.requests_served() == 300U);
    BOOST_TEST(client.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS).value() == 100U);
}

BOOST_AUTO_TEST_CASE(request_that_waits_holds_no_other_up)
{
    emulator.set_faults(Faults{}.latency(1h));
    const std::string id = emulator.plant_user(new_user);
    Http2Client client = this->client();
    const std::int32_t waits = client.submit("GET", users, "key");
    BOOST_TEST(client.call("POST", "/admin/apps/demo/users/" + id + "/events", "key", "{}").status == 201U);
    BOOST_TEST(client.reply(waits).status == 0U);
    emulator.stop();
    BOOST_TEST(client.wait(waits).status == 200U);
}

BOOST_AUTO_TEST_CASE(large_answer_holds_no_other_up)
{
    const std::string id = plant_large_user(4'000'000);
    Http2Client client = this->client(large_window);
    const std::int32_t large = client.submit("GET", users + "/" + id, "key");
    std::vector<std::int32_t> small;
    for (int i = 0; i < 50; ++i) {
        small.push_back(client.submit("GET", "/v1/apps/demo", "key"));
    }
    BOOST_TEST(client.wait(large).body.size() > 4'000'000U);
    for (const std::int32_t stream : small) {
        BOOST_TEST(client.reply(stream).complete);
    }
    BOOST_TEST(client.ended().back() == large);
}

BOOST_AUTO_TEST_CASE(large_body_is_taken_in_whole)
{
    Http2Client client = this->client();
    BOOST_TEST(client.call("POST", users, "key", padded_user("a@b.c", 4 * 1024 * 1024)).status == 201U);
    BOOST_TEST(client.call("GET", users, "key").json().at("total_users").as_int64() == 1);
}

BOOST_AUTO_TEST_CASE(body_beyond_the_limit_is_413_and_the_connection_goes_on)
{
    Http2Client client = this->client();
    const Http2Reply& announced = client.call("POST", users, "key", padded_user("a@b.c", 4 * 1024 * 1024 + 1));
    BOOST_TEST(announced.status == 413U);
    BOOST_TEST(announced.code() == "body_too_large");
    BOOST_TEST(announced.reset.value() == NGHTTP2_NO_ERROR);

    const std::int32_t stream = client.submit(request_fields("POST", users), padded_user("a@b.c", 4 * 1024 * 1024 + 1));
    BOOST_TEST(client.wait(stream).status == 413U);
    BOOST_TEST(client.call("GET", users, "key").json().at("total_users").as_int64() == 0);
    BOOST_TEST(emulator.connections_accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(large_body_is_not_read_without_a_key)
{
    Http2Client client = this->client();
    for (const std::string key : {"", "wrong"}) {
        const Http2Reply& reply = client.call("POST", users, key, std::string(4'000'000, ' '));
        BOOST_TEST(reply.code() == "invalid_access_token");
        BOOST_TEST(reply.complete);
        BOOST_TEST(reply.reset.value() == NGHTTP2_NO_ERROR);
    }
    BOOST_TEST(client.call("BREW", users, "key", std::string(4'000'000, ' ')).status == 405U);
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(bodies_that_are_too_much_together_all_come_in)
{
    Http2Client client = this->client();
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 30; ++i) {
        streams.push_back(client.submit("POST", users, "key", padded_user(std::to_string(i) + "@b.c", 3'000'000)));
    }
    for (const std::int32_t stream : streams) {
        BOOST_TEST(client.wait(stream).status == 201U);
    }
}

BOOST_AUTO_TEST_CASE(bodies_come_in_while_requests_wait_that_hold_too_much)
{
    emulator.set_faults(Faults{}.latency(1h));
    Http2Client client = this->client();
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 12; ++i) {
        streams.push_back(client.submit("POST", users, "key", padded_user(std::to_string(i) + "@b.c", 4'000'000)));
    }
    client.receive_until([&] {
        return !client.ended().empty() ||
               std::ranges::all_of(streams, [&](std::int32_t stream) { return client.is_uploaded(stream); });
    });
    BOOST_TEST(client.ended().empty());
    auto stopped = std::async(std::launch::async, [&] { emulator.stop(); });
    for (const std::int32_t stream : streams) {
        BOOST_TEST(client.wait(stream).status == 201U);
    }
    stopped.get();
}

BOOST_AUTO_TEST_CASE(client_that_asks_first_is_told_to_go_on)
{
    Http2Client client = this->client();
    Http2Client::Fields fields = request_fields("POST", users);
    fields.emplace_back("expect", "100-continue");
    const std::int32_t stream = client.submit(fields, {}, true);
    client.receive_until([&] { return client.reply(stream).status == 100; });
    client.finish(stream, new_user);
    BOOST_TEST(client.wait(stream).status == 201U);
    BOOST_TEST(client.reply(stream).informational == std::vector{100U}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(header_beyond_the_limit_is_431_and_the_connection_goes_on)
{
    Http2Client client = this->client();
    const Http2Client::Fields large{{"name", std::string(16'000, 'x')}, {"other", std::string(1'000, 'x')}};
    BOOST_TEST(client.wait(client.submit("GET", users, "key", {}, large)).code() == "header_too_large");
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    BOOST_TEST(client.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE).value() == 16'384U);
}

BOOST_AUTO_TEST_CASE(missing_user_agent_is_403_and_two_keys_are_none)
{
    Http2Client client = this->client();
    Http2Client::Fields fields = request_fields("GET", users);
    fields.push_back(fields.back());
    BOOST_TEST(client.wait(client.submit(fields)).status == 401U, "one of two could be anybody's");
    fields = request_fields("GET", users);
    std::erase_if(fields, [](const auto& field) { return field.first == "user-agent"; });
    BOOST_TEST(client.wait(client.submit(fields)).code() == "operation_not_allowed");
}

BOOST_AUTO_TEST_CASE(cancelled_request_leaves_the_others_alone)
{
    emulator.set_faults(Faults{}.latency(20ms));
    Http2Client client = this->client();
    for (int i = 0; i < 100; ++i) {
        const std::int32_t gone = client.submit("POST", users, "key", R"({"email":"gone@b.c"})");
        const std::int32_t stays = client.submit("GET", "/v1/apps/demo", "key");
        client.flush();
        client.cancel(gone);
        BOOST_TEST(client.wait(stays).status == 200U);
    }
    BOOST_TEST(user_count() == 0);
    BOOST_TEST(emulator.connections_accepted() == 2U);
}

BOOST_AUTO_TEST_CASE(ping_is_answered)
{
    Http2Client client = this->client();
    client.ping();
    client.receive_until([&] { return client.pongs() == 1; });
    BOOST_TEST(client.pongs() == 1U);
}

BOOST_AUTO_TEST_CASE(unknown_frames_are_ignored)
{
    TlsClient client = tls_client({"h2"});
    const std::string unknown = frame(0xbb, 0xff, 0, "x") + frame(0xbb, 0xff, 3, "x");
    client.send(preface() + unknown + get(1) + unknown + frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0')));
    boost::system::error_code end;
    const auto frames = frames_of(client.receive_rest(end));
    BOOST_TEST((last_of(frames, NGHTTP2_DATA).value().flags & NGHTTP2_FLAG_END_STREAM) != 0U);
}

BOOST_AUTO_TEST_CASE(frames_may_come_byte_by_byte)
{
    TlsClient client = tls_client({"h2"});
    for (const char byte : preface() + get(1) + frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0'))) {
        client.send({&byte, 1});
    }
    boost::system::error_code end;
    const auto frames = frames_of(client.receive_rest(end));
    BOOST_TEST(end == asio::error::eof);
    BOOST_TEST((last_of(frames, NGHTTP2_DATA).value().flags & NGHTTP2_FLAG_END_STREAM) != 0U);
}

BOOST_AUTO_TEST_CASE(threads_serve_many_clients_at_once)
{
    Running running(demo_options().threads(4).seed(50));
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int c = 0; c < 4; ++c) {
        threads.emplace_back([&, c] {
            Http2Client client = running.client();
            for (int round = 0; round < 20; ++round) {
                std::map<std::int32_t, std::string> emails;
                for (int i = 0; i < 10; ++i) {
                    const std::string email = std::to_string(c) + "." + std::to_string(10 * round + i) + "@b.c";
                    emails[client.submit("POST", users, "key", R"({"email":")" + email + R"("})")] = email;
                }
                for (const auto& [stream, email] : emails) {
                    failures += client.wait(stream).json().at("user").at("email").as_string() != email;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(running.emulator.requests_served() == 800U);
}

BOOST_AUTO_TEST_SUITE_END()

struct Malformed
{
    std::string what;
    Http2Client::Fields fields;

    friend std::ostream& operator<<(std::ostream& stream, const Malformed& malformed)
    {
        return stream << malformed.what;
    }
};

Http2Client::Fields with(const std::string& name, const std::string& value)
{
    Http2Client::Fields fields = request_fields("GET", users);
    fields.emplace_back(name, value);
    return fields;
}

Http2Client::Fields without(const std::string& name)
{
    Http2Client::Fields fields = request_fields("GET", users);
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    return fields;
}

const std::vector<Malformed> malformed_heads{
    {"no method", without(":method")},
    {"no path", without(":path")},
    {"no scheme", without(":scheme")},
    {"no authority", without(":authority")},
    {"upper case", with("Name", "x")},
    {"pseudo-field at the end", with(":path", "/")},
    {"unknown pseudo-field", with(":x", "x")},
    {"field of the connection", with("connection", "close")},
    {"transfer coding", with("transfer-encoding", "chunked")},
    {"line break", with("name", "a\r\nb: c")},
    {"length that is none", with("content-length", "x")},
    {"length of what does not come", with("content-length", "5")},
    {"path that is none", {{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "users"}}},
    {"empty path", {{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", ""}}},
};

BOOST_DATA_TEST_CASE_F(Running, malformed_head_ends_its_stream_alone, data::make(malformed_heads), malformed)
{
    TlsClient client = tls_client({"h2"});
    client.send(preface() + head(1, malformed.fields) + get(3) + frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0')));
    boost::system::error_code end;
    const auto frames = frames_of(client.receive_rest(end));
    const Frame reset = last_of(frames, NGHTTP2_RST_STREAM).value();
    BOOST_TEST(reset.stream == 1U);
    BOOST_TEST(reset.number(0) == NGHTTP2_PROTOCOL_ERROR);
    BOOST_TEST(last_of(frames, NGHTTP2_DATA).value().stream == 3U);
}

BOOST_DATA_TEST_CASE_F(Running, authority_that_is_none_is_refused, data::make({"a/c", "a b", "[::1", "a:b"}), authority)
{
    TlsClient client = tls_client({"h2"});
    Http2Client::Fields fields = without(":authority");
    fields.insert(fields.begin(), {":authority", authority});
    client.send(preface() + head(1, fields) + frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0')));
    boost::system::error_code end;
    const auto frames = frames_of(client.receive_rest(end));
    const auto body = last_of(frames, NGHTTP2_DATA);
    BOOST_TEST((body ? body->payload.find("invalid_request") != std::string::npos
                     : last_of(frames, NGHTTP2_RST_STREAM).has_value()));
}

struct Broken
{
    std::string what;
    std::string bytes;
    std::uint32_t code;

    friend std::ostream& operator<<(std::ostream& stream, const Broken& broken) { return stream << broken.what; }
};

std::string repeated(std::size_t times, const std::string& bytes)
{
    std::string result;
    for (std::size_t i = 0; i < times; ++i) {
        result += bytes;
    }
    return result;
}

const std::vector<Broken> broken_connections{
    {"HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", NGHTTP2_PROTOCOL_ERROR},
    {"no SETTINGS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + get(1), NGHTTP2_PROTOCOL_ERROR},
    {"even stream", preface() + get(2), NGHTTP2_PROTOCOL_ERROR},
    {"DATA of no stream", preface() + frame(NGHTTP2_DATA, 0, 0, "x"), NGHTTP2_PROTOCOL_ERROR},
    {"frame beyond the limit", preface() + frame(NGHTTP2_DATA, 0, 1, std::string(20'000, 'x')),
     NGHTTP2_FRAME_SIZE_ERROR},
    {"PUSH_PROMISE", preface() + frame(NGHTTP2_PUSH_PROMISE, 4, 1, std::string(4, '\0')), NGHTTP2_PROTOCOL_ERROR},
    {"index out of range", preface() + frame(NGHTTP2_HEADERS, 5, 1, "\xff\x7f"), NGHTTP2_COMPRESSION_ERROR},
    {"interleaved head", preface() + frame(NGHTTP2_HEADERS, 1, 1) + get(3), NGHTTP2_PROTOCOL_ERROR},
    {"flood of PING", preface() + repeated(50'000, frame(NGHTTP2_PING, 0, 0, "12345678")), NGHTTP2_ENHANCE_YOUR_CALM},
    {"flood of SETTINGS", preface() + repeated(50'000, frame(NGHTTP2_SETTINGS, 0, 0)), NGHTTP2_ENHANCE_YOUR_CALM},
    {"flood of PRIORITY", preface() + repeated(50'000, frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\5\1", 5))),
     NGHTTP2_ENHANCE_YOUR_CALM},
    {"flood of empty DATA",
     preface() + head(1, request_fields("POST", users), false) + repeated(50'000, frame(NGHTTP2_DATA, 0, 1)),
     NGHTTP2_ENHANCE_YOUR_CALM},
    {"flood of CONTINUATION",
     preface() + frame(NGHTTP2_HEADERS, 1, 1) + repeated(50'000, frame(NGHTTP2_CONTINUATION, 0, 1)),
     NGHTTP2_ENHANCE_YOUR_CALM},
    {"head without end",
     preface() + frame(NGHTTP2_HEADERS, 1, 1) +
         repeated(100, frame(NGHTTP2_CONTINUATION, 0, 1, repeated(64, block({{"name", std::string(120, 'x')}})))),
     NGHTTP2_ENHANCE_YOUR_CALM},
};

/// What comes after so much was sent, or as much of it as the server took.
std::vector<Frame> frames_after(TlsClient&& client, const std::string& bytes)
{
    try {
        client.send(bytes);
    } catch (const boost::system::system_error&) {
        // Cut off while it went on, as it should.
    }
    boost::system::error_code end;
    return frames_of(client.receive_rest(end));
}

BOOST_DATA_TEST_CASE_F(Running, connection_that_is_broken_or_flooded_ends, data::make(broken_connections), broken)
{
    const auto frames = frames_after(tls_client({"h2"}), broken.bytes);
    BOOST_TEST(last_of(frames, NGHTTP2_GOAWAY).value().number(4) == broken.code);
    wait_until([&] { return emulator.connections_open() == 0; });
    BOOST_TEST(client().call("GET", users, "key").status == 200U);
}

BOOST_FIXTURE_TEST_CASE(flood_of_resets_ends_the_connection, Running)
{
    std::string bytes = preface();
    for (std::uint32_t stream = 1; stream < 100'000; stream += 2) {
        bytes += get(stream) + frame(NGHTTP2_RST_STREAM, 0, stream, std::string("\0\0\0\x8", 4));
    }
    frames_after(tls_client({"h2"}), bytes);
    wait_until([&] { return emulator.connections_open() == 0; });
    BOOST_TEST(emulator.requests_served() < 20'000U);
    BOOST_TEST(client().call("GET", users, "key").status == 200U);
}

/// Asks for an answer of a megabyte on each of a hundred streams, with all windows open, and reads nothing.
struct DeafClient
{
    TlsClient tls;

    explicit DeafClient(Running& running) : tls(running.tls_client({"h2"}))
    {
        const std::string target = users + "/" + running.plant_large_user(1'000'000);
        std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                            frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)) +
                            frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\x7f\xff\0\0", 4));
        for (std::uint32_t stream = 1; stream < 200; stream += 2) {
            bytes += head(stream, request_fields("GET", target));
        }
        tls.send(bytes); // at once: a client that is slow to ask would be cut off while it does
    }
};

BOOST_FIXTURE_TEST_CASE(what_is_held_for_a_client_that_reads_nothing_is_limited, Running)
{
    const DeafClient deaf(*this);
    wait_until([&] { return emulator.requests_served() >= 16; });
    Http2Client other = client();
    constexpr std::uint64_t turns = 200; // that both have: one thread serves them
    for (std::uint64_t i = 0; i < turns; ++i) {
        BOOST_TEST(other.call("GET", "/v1/apps/demo", "key").status == 200U);
    }
    BOOST_TEST(emulator.requests_served() < turns + 70, "beside what the kernel holds");
}

BOOST_FIXTURE_TEST_CASE(client_that_reads_nothing_is_cut_off, Impatient)
{
    const DeafClient deaf(*this);
    wait_until([&] { return emulator.connections_accepted() == 1 && emulator.connections_open() == 0; });
    BOOST_TEST(client().call("GET", "/v1/apps/demo", "key").status == 200U);
}

BOOST_FIXTURE_TEST_SUITE(slow_clients, Impatient)

BOOST_AUTO_TEST_CASE(idle_connection_goes_away)
{
    Http2Client client = this->client();
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    BOOST_TEST(client.is_ended());
    BOOST_TEST((client.goaways() == std::vector{GoAway{1, NGHTTP2_NO_ERROR}}));
}

BOOST_AUTO_TEST_CASE(client_that_does_not_even_begin_is_cut_off)
{
    TlsClient client = tls_client({"h2"});
    boost::system::error_code end;
    client.receive_rest(end);
    BOOST_TEST(end == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(pings_do_not_keep_an_idle_connection)
{
    Http2Client client = this->client();
    while (!client.end()) {
        client.ping();
        client.receive_until([&, before = client.pongs()] { return client.pongs() > before; });
    }
    BOOST_TEST(client.goaways().size() == 1U);
}

BOOST_AUTO_TEST_CASE(body_that_does_not_end_is_408_and_the_connection_goes_on)
{
    Http2Client client = this->client();
    const std::int32_t stream = client.submit(request_fields("POST", users), "{", true);
    BOOST_TEST(client.wait(stream).code() == "request_timeout");
    BOOST_TEST(client.reply(stream).reset.value() == NGHTTP2_NO_ERROR);
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
}

BOOST_AUTO_TEST_CASE(head_that_does_not_end_ends_the_connection)
{
    TlsClient client = tls_client({"h2"});
    client.send(preface() + frame(NGHTTP2_HEADERS, 1, 1));
    boost::system::error_code end;
    const auto frames = frames_of(client.receive_rest(end));
    BOOST_TEST(end == asio::error::eof);
    BOOST_TEST(last_of(frames, NGHTTP2_GOAWAY).has_value());
}

BOOST_AUTO_TEST_CASE(answer_whose_window_stays_shut_ends_its_stream_alone)
{
    Http2Client client = this->client(0);
    const std::int32_t stream = client.submit("GET", users, "key");
    BOOST_TEST(client.wait(stream).reset.value() == NGHTTP2_CANCEL);
    BOOST_TEST(!client.reply(stream).complete);
    BOOST_TEST(client.call("HEAD", users, "key").status == 200U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ending)

BOOST_AUTO_TEST_CASE(requests_on_their_way_are_answered_when_stopping)
{
    Running running;
    const std::uint16_t port = running.emulator.port();
    running.emulator.set_faults(Faults{}.latency(1h));
    const std::string id = running.emulator.plant_user(new_user);
    Http2Client client = running.client();
    const std::int32_t open = client.submit(request_fields("POST", users), R"({"email":"b@b.c"})", true);
    const std::int32_t waits = client.submit("GET", users, "key");
    client.call("POST", "/admin/apps/demo/users/" + id + "/events", "key", "{}"); // so the others are under way
    auto stopped = std::async(std::launch::async, [&] { running.emulator.stop(); });
    wait_until([&] { return !is_listening(port); });

    BOOST_TEST(client.wait(waits).status == 200U);
    client.receive_until([&] { return client.goaways().size() == 2; });
    BOOST_TEST((client.goaways() == std::vector{GoAway{any_stream, NGHTTP2_NO_ERROR}, GoAway{5, NGHTTP2_NO_ERROR}}));
    client.cancel(open);
    BOOST_TEST(client.is_ended());
    stopped.get();
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_CASE(idle_connections_go_away_at_once)
{
    Running running;
    Http2Client used = running.client();
    used.call("GET", users, "key");
    Http2Client unused = running.client();
    unused.ping();
    unused.receive_until([&] { return unused.pongs() == 1; });
    running.emulator.stop();
    BOOST_TEST(used.is_ended());
    BOOST_TEST((used.goaways() == std::vector{GoAway{1, NGHTTP2_NO_ERROR}}));
    BOOST_TEST(unused.is_ended());
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_CASE(request_that_never_ends_does_not_hold_the_end_up_for_ever)
{
    Running running(demo_options().request_timeout(1h));
    Http2Client client = running.client();
    client.submit(request_fields("POST", users), "{", true);
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    running.emulator.stop();
    BOOST_TEST(running.emulator.connections_open() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(faults, Running)

BOOST_AUTO_TEST_CASE(latency_delays_each_answer_beside_the_others)
{
    emulator.set_faults(Faults{}.latency(300ms));
    Http2Client client = this->client();
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 50; ++i) {
        streams.push_back(client.submit("GET", users, "key"));
    }
    for (const std::int32_t stream : streams) {
        BOOST_TEST(client.wait(stream).status == 200U);
    }
    const auto time = std::chrono::steady_clock::now() - start;
    BOOST_TEST((time >= 300ms));
    BOOST_TEST((time < 7s), "they wait at the same time");
}

BOOST_AUTO_TEST_CASE(error_is_an_answer_and_nothing_is_done)
{
    emulator.set_faults(Faults{}.error(503));
    Http2Client client = this->client();
    for (int i = 0; i < 2; ++i) {
        const Http2Reply& reply = client.call("POST", users, "key", new_user);
        BOOST_TEST(reply.status == 503U);
        BOOST_TEST(reply.code() == "fault");
        BOOST_TEST(reply.fields.count("retry-after") == 0U);
    }
    BOOST_TEST(user_count() == 0);
}

BOOST_AUTO_TEST_CASE(throttled_request_is_told_when_to_come_back)
{
    emulator.set_faults(Faults{}.throttle(0.0001, 5s));
    Http2Client client = this->client();
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    const Http2Reply& reply = client.call("POST", users, "key", new_user);
    BOOST_TEST(reply.status == 429U);
    BOOST_TEST(reply.fields.at("retry-after") == "5");
    BOOST_TEST(user_count() == 0);
}

BOOST_AUTO_TEST_CASE(connection_ends_unannounced_after_its_last_request)
{
    emulator.set_faults(Faults{}.close_after(3));
    Http2Client client = this->client();
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(client.call("GET", users, "key").status == 200U);
    }
    BOOST_TEST(client.is_ended());
    BOOST_TEST(client.goaways().empty());
}

BOOST_AUTO_TEST_CASE(reset_takes_the_connection_and_the_answer_but_not_the_effect)
{
    emulator.set_faults(Faults{}.reset());
    Http2Client client = this->client();
    const Http2Reply& reply = client.call("POST", users, "key", new_user);
    BOOST_TEST(reply.status == 0U);
    BOOST_TEST(client.end().value() == asio::error::connection_reset);
    BOOST_TEST(user_count() == 1);
}

BOOST_AUTO_TEST_CASE(cut_answer_ends_the_connection_after_its_bytes_without_a_goodbye)
{
    const auto answer_of = [&](boost::system::error_code& end) {
        TlsClient client = tls_client({"h2"});
        client.send(preface() + get(1) + frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0')));
        std::string received = client.receive_rest(end);
        for (const Frame& frame : frames_of(received)) {
            if (frame.stream == 0) {
                received.erase(0, 9 + frame.payload.size()); // SETTINGS and its like come first
            }
        }
        return received;
    };
    boost::system::error_code end;
    const std::size_t whole = answer_of(end).size();
    BOOST_TEST(end == asio::error::eof);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{9}, std::size_t{40}, whole - 30}) {
        emulator.set_faults(Faults{}.cut_after(size));
        BOOST_TEST(answer_of(end).size() == size);
        BOOST_TEST(end == asio::ssl::error::stream_truncated);
    }
    emulator.set_faults(Faults{}.cut_after(whole));
    BOOST_TEST(answer_of(end).size() == whole);
    BOOST_TEST(end == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(cut_takes_the_answer_but_not_the_effect)
{
    emulator.set_faults(Faults{}.cut_after(20));
    Http2Client client = this->client();
    BOOST_TEST(!client.call("POST", users, "key", new_user).complete);
    BOOST_TEST(user_count() == 1);
}

BOOST_AUTO_TEST_CASE(refused_stream_is_not_looked_at_and_the_connection_goes_on)
{
    emulator.set_faults(Faults{}.refuse());
    Http2Client client = this->client();
    for (const std::string& body : {new_user, padded_user("b@b.c", 1'000'000)}) {
        const Http2Reply& reply = client.call("POST", users, "key", body);
        BOOST_TEST(reply.status == 0U);
        BOOST_TEST(reply.reset.value() == NGHTTP2_REFUSED_STREAM);
    }
    BOOST_TEST(emulator.requests_served() == 0U);
    emulator.set_faults(Faults{});
    BOOST_TEST(client.call("GET", users, "key").json().at("total_users").as_int64() == 0);
    BOOST_TEST(emulator.connections_accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(many_refused_streams_are_no_flood)
{
    emulator.set_faults(Faults{}.refuse());
    Http2Client client = this->client();
    for (int i = 0; i < 20'000; ++i) {
        client.submit("GET", users, "key");
    }
    client.receive_until([&] { return client.ended().size() == 20'000; });
    BOOST_TEST(!client.end());
    BOOST_TEST(client.goaways().empty());
}

BOOST_AUTO_TEST_CASE(connection_that_goes_away_answers_what_it_has_taken)
{
    emulator.set_faults(Faults{}.goaway_after(3).latency(20ms));
    Http2Client client = this->client();
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 5; ++i) {
        streams.push_back(client.submit("POST", users, "key", R"({"email":")" + std::to_string(i) + R"(@b.c"})"));
    }
    for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(client.wait(streams[i]).status == 201U);
    }
    BOOST_TEST(client.is_ended());
    BOOST_TEST((client.goaways() == std::vector{GoAway{streams[2], NGHTTP2_NO_ERROR}}));
    for (std::size_t i = 3; i < 5; ++i) {
        BOOST_TEST(client.reply(streams[i]).status == 0U);
    }
    BOOST_TEST(user_count() == 3);
}

BOOST_AUTO_TEST_CASE(number_of_streams_is_told)
{
    emulator.set_faults(Faults{}.max_streams(2));
    Http2Client client = this->client();
    for (int i = 0; i < 10; ++i) {
        client.submit("GET", users, "key"); // nghttp2 holds back what is too many
    }
    client.receive_until([&] { return client.ended().size() == 10; });
    BOOST_TEST(client.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS).value() == 2U);
    BOOST_TEST(emulator.requests_served() >= 2U);
}

/// What becomes of the second request of a connection, and of the connection.
std::string outcome(Http2Client client, const std::string& target)
{
    client.call("GET", "/v1/apps/demo", "key");
    const std::int32_t stream = client.submit("GET", target, "key");
    const Http2Reply& reply = client.wait(stream);
    std::string text = std::to_string(reply.status);
    if (reply.reset) {
        text += ", reset " + std::to_string(*reply.reset);
    }
    client.call("GET", "/v1/apps/demo", "key"); // unless the connection ends
    if (!client.goaways().empty()) {
        text += ", goaway " + std::to_string(client.goaways().front().last);
        client.is_ended();
    }
    return text + (client.end() ? ", " + client.end()->message() : "");
}

BOOST_AUTO_TEST_CASE(each_fault_of_a_route_hits_its_requests_alone)
{
    const std::string user = users + "/" + emulator.plant_user(new_user);
    for (const auto& [fault, expected] : std::vector<std::pair<std::string, std::string>>{
             {"error=503", "503"},
             {"throttle=0.0001/s", "429"},
             {"close=1", "200, End of file"},
             {"reset", "0, Connection reset by peer"},
             {"cut=0", "0, stream truncated"},
             {"refuse", "0, reset " + std::to_string(NGHTTP2_REFUSED_STREAM)},
             {"goaway=1", "200, goaway 3, End of file"},
         }) {
        emulator.set_faults(Faults{}.add(fault + ",route=GET /users/{id}"));
        BOOST_TEST(outcome(client(), users) == "200", fault);
        outcome(client(), user); // not yet too many
        BOOST_TEST(outcome(client(), user) == expected, fault);
        BOOST_TEST(outcome(client(), users) == "200", fault);
    }
    emulator.set_faults(Faults{}.for_route("GET /users", Faults{}.latency(1h)).add("latency=50,route=GET /users/{id}"));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(outcome(client(), user) == "200");
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 50ms));
}

BOOST_AUTO_TEST_CASE(planting_is_spared)
{
    emulator.set_faults(Faults{}.error(500).reset().refuse().goaway_after(1).latency(1h));
    const std::string id = emulator.plant_user(new_user);
    Http2Client client = this->client();
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(client.call("POST", "/admin/apps/demo/users/" + id + "/events", "key", "{}").status == 201U);
    }
}

BOOST_AUTO_TEST_CASE(http_1_1_is_spared_from_faults_of_http_2)
{
    emulator.set_faults(Faults{}.refuse().goaway_after(1).max_streams(0));
    TlsClient client = tls_client({"http/1.1"});
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(client.call("GET", users, "key").status == 200U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
