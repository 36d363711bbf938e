#include "http/reading.hpp"

#include <boost/test/unit_test.hpp>

#include <iostream>
#include <random>

using namespace passage;
using namespace passage::http;
using namespace passage::http::test;
using namespace std::string_literals;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string json = "Content-Type: application/json\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

/// A response that is read, and what comes out.
struct Accepted
{
    const char* name;
    std::string bytes;
    int status = 200;
    std::string body = {};
    bool keep_alive = true;
    std::size_t surplus = 0;
    Ending ending = Ending::open;
};

const std::vector<Accepted> accepted{
    {"empty, with a length", ok + "Content-Length: 0\r\n\r\n"},
    {"with a length", ok + json + "Content-Length: 2\r\n\r\n{}", 200, "{}"},
    {"length with leading zeros", ok + "Content-Length: 0002\r\n\r\n{}", 200, "{}"},
    {"length given twice, alike", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"},
    {"no space after the colon", ok + "Content-Length:2\r\n\r\n{}", 200, "{}"},
    {"much space around the value", ok + "Content-Length: \t 2 \t\r\n\r\n{}", 200, "{}"},
    {"names in any case", ok + "cOnTeNt-LeNgTh: 2\r\n\r\n{}", 200, "{}"},
    {"an empty value", ok + "X-Empty:\r\nContent-Length: 0\r\n\r\n"},
    {"bytes from 0x80 in a value", ok + "X-Name: J\xc3\xbcrg\xff\r\nContent-Length: 0\r\n\r\n"},
    {"a tab in a value", ok + "X-Name: a\tb\r\nContent-Length: 0\r\n\r\n"},
    {"no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
    {"a long reason", "HTTP/1.1 404 Not \xc3\xa0 Found\t!\r\nContent-Length: 0\r\n\r\n", 404},
    {"least status", "HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n"},
    {"greatest status", "HTTP/1.1 599 x\r\nContent-Length: 1\r\n\r\n!", 599, "!"},
    {"any binary body", ok + "Content-Length: 6\r\n\r\n\0\r\n\r\n\xff"s, 200, "\0\r\n\r\n\xff"s},
    {"HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false},
    {"HTTP/1.0 that offers to go on", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 200,
     "{}", false},

    {"204", "HTTP/1.1 204 No Content\r\n\r\n", 204},
    {"304", "HTTP/1.1 304 Not Modified\r\n\r\n", 304},
    {"204 that names a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", 204, "", false, 2},
    {"204 that names chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204, "", false,
     5},
    {"304 that names a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, "", false},
    {"204 with a length of 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204},

    {"chunked, empty", chunked + "0\r\n\r\n"},
    {"one chunk", chunked + "2\r\n{}\r\n0\r\n\r\n", 200, "{}"},
    {"many chunks", chunked + "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", 200, "abcdef"},
    {"sizes in either case", chunked + "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, "01234567890123456789"},
    {"sizes with leading zeros", chunked + "0000000000000002\r\n{}\r\n0000\r\n\r\n", 200, "{}"},
    {"line ends within a chunk", chunked + "4\r\n\r\n\r\n\r\n0\r\n\r\n", 200, "\r\n\r\n"},
    {"chunked in any case", ok + "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x"},
    {"extensions", chunked + "1;a\r\nx\r\n1;a=b;c=\"d;\\\"e\"\r\ny\r\n1 ; a = b\r\nz\r\n0;last\r\n\r\n", 200, "xyz"},
    {"trailers", chunked + "1\r\nx\r\n0\r\nChecksum: 1\r\nX-Other: \xff\r\n\r\n", 200, "x"},

    {"until the end", ok + "\r\nall of it", 200, "all of it", false, 0, Ending::close_notify},
    {"until the end, empty", ok + "\r\n", 200, "", false, 0, Ending::close_notify},
    {"until the end, said to go on", ok + "Connection: keep-alive\r\n\r\nx", 200, "x", false, 0, Ending::close_notify},
    {"until the end, HTTP/1.0", "HTTP/1.0 500 x\r\n\r\nx", 500, "x", false, 0, Ending::close_notify},

    {"after 100", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 1\r\n\r\n1", 200, "1"},
    {"after 102 with fields", "HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n" + ok + "Content-Length: 1\r\n\r\n1", 200,
     "1"},
    {"after 100, 102 and 103",
     "HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + chunked +
         "1\r\n1\r\n0\r\n\r\n",
     200, "1"},
    {"fields of an interim response don't count",
     "HTTP/1.1 103 x\r\nConnection: close\r\nRetry-After: 9\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"},

    {"surplus after a length", ok + "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n", 200, "{}", true, 19},
    {"surplus after no body", ok + "Content-Length: 0\r\n\r\nx", 200, "", true, 1},
    {"surplus after chunks", chunked + "1\r\nx\r\n0\r\n\r\n\r\n", 200, "x", true, 2},
    {"a second response", ok + "Content-Length: 0\r\n\r\n" + chunked + "0\r\n\r\n", 200, "", true, 52},

    {"Connection: close", ok + "Connection: close\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"Connection: CLOSE", ok + "Connection: CLOSE\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"Connection: keep-alive", ok + "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n"},
    {"Connection: close, keep-alive", ok + "Connection: close, keep-alive\r\nContent-Length: 0\r\n\r\n", 200, "",
     false},
    {"Connection: keep-alive, close", ok + "Connection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", 200, "",
     false},
    {"two Connection fields", ok + "Connection: keep-alive\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n", 200,
     "", false},
    {"Connection: of another field", ok + "Connection: x-close\r\nContent-Length: 0\r\n\r\n"},
    {"Keep-Alive: max=1", ok + "Keep-Alive: max=1\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"Keep-Alive: timeout=5, max=0", ok + "Keep-Alive: timeout=5, max=0\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"Keep-Alive: timeout=0", ok + "Keep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"Keep-Alive: max=2", ok + "Keep-Alive: max=2\r\nContent-Length: 0\r\n\r\n"},

    {"413 with a body", "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig", 413,
     "big", false},
    {"302", "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n", 302},
    {"Content-Encoding: identity", ok + "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 200, "x"},
};

/// Bytes that are no response.
struct Refused
{
    const char* name;
    std::string bytes;
    Errc error = Errc::protocol;
    Ending ending = Ending::open;
};

Refused status_line(const char* line)
{
    return {line, line + "\r\nContent-Length: 0\r\n\r\n"s};
}

Refused field(const char* line)
{
    return {line, ok + line + "\r\nContent-Length: 0\r\n\r\n"};
}

Refused framing(const char* fields)
{
    return {fields, ok + fields + "\r\n\r\n2\r\n{}\r\n0\r\n\r\n"};
}

Refused chunk(const char* line)
{
    return {line, chunked + line + "\r\n{}\r\n0\r\n\r\n"};
}

Refused trailer(const char* line)
{
    return {line, chunked + "1\r\nx\r\n0\r\n" + line + "\r\n\r\n"};
}

const std::vector<Refused> refused{
    // Status lines.
    status_line("HTP/1.1 200 OK"),
    status_line("http/1.1 200 OK"),
    status_line("HTTP/1.2 200 OK"),
    status_line("HTTP/2.0 200 OK"),
    status_line("HTTP/2 200 OK"),
    status_line("HTTP/0.9 200 OK"),
    status_line("HTTP/1.10 200 OK"),
    status_line("HTTP/11 200 OK"),
    status_line("HTTP/1,1 200 OK"),
    status_line("HTTP 200 OK"),
    status_line("ICY 200 OK"),
    status_line("HTTP/1.1 20 OK"),
    status_line("HTTP/1.1 2000 OK"),
    status_line("HTTP/1.1 2x0 OK"),
    status_line("HTTP/1.1  200 OK"),
    status_line("HTTP/1.1 200  OK"),
    status_line("HTTP/1.1\t200 OK"),
    status_line("HTTP/1.1 200\tOK"),
    status_line("HTTP/1.1200 OK"),
    status_line("HTTP/1.1 200OK"),
    status_line("HTTP/1.1 200"),
    status_line("HTTP/1.1 "),
    status_line("HTTP/1.1 000 OK"),
    status_line("HTTP/1.1 099 OK"),
    status_line("HTTP/1.1 600 OK"),
    status_line("HTTP/1.1 999 OK"),
    status_line("HTTP/1.1 -20 OK"),
    status_line("HTTP/1.1 +20 OK"),
    status_line("HTTP/1.1 2 0 OK"),
    status_line("HTTP/1.1 200 O\x01K"),
    status_line("HTTP/1.1 200 O\x1b[2J"),
    status_line("HTTP/1.1 200 \x7f"),
    status_line("HTTP/1.1 200 O\rK"),
    status_line("HTTP/1.1 200 O\nK"),
    status_line(" HTTP/1.1 200 OK"),
    status_line("\r\nHTTP/1.1 200 OK"),
    status_line("\nHTTP/1.1 200 OK"),
    status_line(""),
    status_line("GET / HTTP/1.1"),
    {"NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"s},
    {"a status of 100 digits", "HTTP/1.1 " + std::string(100, '2') + " OK\r\nContent-Length: 0\r\n\r\n"},
    {"no head, only a body", "<html>Bad gateway</html>"},
    {"another protocol that does not end its line", "SSH-2.0-OpenSSH_9.2"},
    {"a TLS alert", "\x15\x03\x03"},
    {"lines ended by LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
    {"a head ended by LF alone", ok + "Content-Length: 0\r\n\n"},
    {"a head ended by CR CR LF", ok + "Content-Length: 0\r\n\r\r\n"},

    // Fields.
    field("Name : v"),
    field("Name\t: v"),
    field(": v"),
    field("no colon"),
    field("na me: v"),
    field(" X-Folded: v"),
    field("\tX-Folded: v"),
    field("X-A: b\r\n folded"),
    field("X-A: b\r\n\tfolded"),
    field("n\xc3\xa9: v"),
    field("na(me: v"),
    field("na\"me: v"),
    field("na/me: v"),
    field("na\x01me: v"),
    field("X-A: a\x01"
          "b"),
    field("X-A: a\x7f"
          "b"),
    field("X-A: a\rb"),
    field("X-A: a\nb"),
    field("X-A: a\nX-B: b"),
    field("X-A: a\r"),
    {"NUL in a value", ok + "X-A: a\0b\r\nContent-Length: 0\r\n\r\n"s},
    {"NUL in a name", ok + "X-\0A: b\r\nContent-Length: 0\r\n\r\n"s},
    {"a folded Content-Length", ok + "Content-Length:\r\n 0\r\n\r\n"},
    {"a folded Transfer-Encoding", ok + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
    {"a malformed Connection", ok + "Connection: clo se\r\nContent-Length: 0\r\n\r\n"},

    // Lengths.
    framing("Content-Length: -1"),
    framing("Content-Length: +2"),
    framing("Content-Length: 0x2"),
    framing("Content-Length: 2_0"),
    framing("Content-Length: 2abc"),
    framing("Content-Length: 2 2"),
    framing("Content-Length: "),
    framing("Content-Length: ,"),
    framing("Content-Length: 2,"),
    framing("Content-Length: 2, 3"),
    framing("Content-Length: 2.0"),
    framing("Content-Length: \"2\""),
    framing("Content-Length: 2;q=1"),
    framing("Content-Length: 18446744073709551616"),
    framing("Content-Length: 99999999999999999999999999"),
    framing("Content-Length: 2\r\nContent-Length: 3"),
    framing("Content-Length: \xc2\xb2"),

    // Both a length and chunks, and other transfer encodings.
    framing("Content-Length: 2\r\nTransfer-Encoding: chunked"),
    framing("Transfer-Encoding: chunked\r\nContent-Length: 2"),
    framing("Transfer-Encoding: gzip\r\nContent-Length: 2"),
    framing("Transfer-Encoding: identity\r\nContent-Length: 2"),
    framing("Transfer-Encoding: xchunked\r\nContent-Length: 2"),
    framing("Content-Length: 2\r\nTransfer-Encoding: gzip"),
    framing("Transfer-Encoding: gzip, chunked"),
    framing("Transfer-Encoding: chunked, gzip"),
    framing("Transfer-Encoding: chunked, chunked"),
    framing("Transfer-Encoding: identity"),
    framing("Transfer-Encoding: gzip"),
    framing("Transfer-Encoding: chunked;q=1"),
    framing("Transfer-Encoding: \"chunked\""),
    framing("Transfer-Encoding: chunked,"),
    framing("Transfer-Encoding: , chunked"),
    framing("Transfer-Encoding:"),
    framing("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    framing("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    framing("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    framing("Transfer-Encoding : chunked"),
    framing("Transfer-Encoding: x chunked"),
    {"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},

    // Chunks.
    chunk(""),
    chunk("+2"),
    chunk("-2"),
    chunk("0x2"),
    chunk("2g"),
    chunk(" 2"),
    chunk("2 "),
    chunk("2\t"),
    chunk("g"),
    chunk("2."),
    chunk("2\r"),
    chunk("00000000000000002"),
    chunk("fffffffffffffffff"),
    chunk(";a"),
    chunk("2;"),
    chunk("2;=b"),
    chunk("2;a="),
    chunk("2;a=\""),
    chunk("2;a=\"b"),
    chunk("2;a=\"\n\""),
    chunk("2;a\x01"),
    chunk("2;a=b c"),
    chunk("2 a"),
    chunk("2\n"),
    chunk("2;a\nb"),
    {"40 leading zeros", chunked + std::string(40, '0') + "2\r\n{}\r\n0\r\n\r\n"},
    {"a chunk ended by LF", chunked + "2\r\n{}\n0\r\n\r\n"},
    {"a chunk longer than its size", chunked + "2\r\n{}}\r\n0\r\n\r\n"},
    {"a chunk shorter than its size", chunked + "3\r\n{}\r\n0\r\n\r\n"},
    {"a chunk without an end", chunked + "2\r\n{}0\r\n\r\n"},
    {"an open quote in the last chunk", chunked + "0;a=\"b\r\n\r\n"},
    {"a size line ended by LF", chunked + "2\n{}\r\n0\r\n\r\n"},

    // Trailers.
    trailer("Content-Length: 1"),
    trailer("Transfer-Encoding: chunked"),
    trailer("Host: h"),
    trailer("Trailer: x"),
    trailer("Content-Encoding: gzip"),
    trailer("no colon"),
    trailer(" folded"),
    trailer("X-A: b\r\n folded"),
    trailer("X A: b"),
    trailer("X-A : b"),
    trailer("X-A: a\rb"),
    trailer("X-A: a\nb"),
    trailer("X-A: \x01"),

    // Interim responses.
    {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"},
    {"101 after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n"},
    {"100 with a body", "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}" + ok + "Content-Length: 0\r\n\r\n"},

    // Codings that were not asked for.
    field("Content-Encoding: gzip"),
    field("Content-Encoding: deflate"),
    field("Content-Encoding: br"),
    field("Content-Encoding: identity, gzip"),
    field("Content-Encoding: x"),
    field("Content-Encoding:"),

    // Too soon at an end.
    {"nothing", "", Errc::truncated, Ending::lost},
    {"nothing, said so", "", Errc::truncated, Ending::close_notify},
    {"no last chunk", chunked + "2\r\n{}\r\n", Errc::truncated, Ending::close_notify},
    {"no last line end", chunked + "2\r\n{}\r\n0\r\n", Errc::truncated, Ending::close_notify},
    {"half a line end", chunked + "2\r\n{}\r\n0\r\n\r", Errc::truncated, Ending::close_notify},
    {"less than the length", ok + "Content-Length: 3\r\n\r\n{}", Errc::truncated, Ending::close_notify},
    {"until a lost connection", ok + "\r\nx", Errc::truncated, Ending::lost},
    {"until a lost connection, empty", ok + "\r\n", Errc::truncated, Ending::lost},
    {"after an interim response", "HTTP/1.1 100 Continue\r\n\r\n", Errc::truncated, Ending::close_notify},
    {"100 as the only answer", "HTTP/1.1 199 x\r\n\r\n", Errc::truncated, Ending::lost},
};

} // namespace

BOOST_AUTO_TEST_SUITE(response_framing)

BOOST_AUTO_TEST_CASE(a_valid_response_is_read_alike_in_whatever_pieces_it_comes)
{
    const std::size_t before = readings();
    for (const Accepted& test : accepted) {
        Reading expected;
        expected.state = State::complete;
        expected.surplus = test.surplus;
        std::optional<Reading> whole;
        read_in_all_pieces(test.bytes, test.ending, default_limits,
                           [&](const Reading& reading, const std::string& how) {
                               BOOST_TEST_CONTEXT(test.name << ", " << how)
                               {
                                   BOOST_TEST_REQUIRE((reading.state == State::complete), reading);
                                   BOOST_TEST(reading.response.status == test.status);
                                   BOOST_TEST(reading.response.body == test.body);
                                   BOOST_TEST(reading.response.keep_alive == test.keep_alive);
                                   BOOST_TEST(reading.surplus == test.surplus);
                                   if (!whole)
                                       whole = reading;
                                   BOOST_TEST(reading == *whole);
                               }
                           });
    }
    std::cout << "valid responses: " << accepted.size() << " cases, " << readings() - before << " runs\n";
}

BOOST_AUTO_TEST_CASE(what_is_no_response_is_refused_in_whatever_pieces_it_comes)
{
    const std::size_t before = readings();
    for (const Refused& test : refused) {
        read_in_all_pieces(test.bytes, test.ending, default_limits,
                           [&](const Reading& reading, const std::string& how) {
                               BOOST_TEST((reading.state == State::failed && reading.error == test.error),
                                          test.name << ", " << how << ": " << reading);
                           });
    }
    std::cout << "invalid responses: " << refused.size() << " cases, " << readings() - before << " runs\n";
}

BOOST_AUTO_TEST_CASE(an_end_before_the_end_is_never_a_success)
{
    const std::size_t before = readings();
    for (const Accepted& test : accepted) {
        const std::size_t size = test.bytes.size() - test.surplus;
        for (std::size_t length = 0; length < size; ++length) {
            const std::string_view cut = std::string_view{test.bytes}.substr(0, length);
            for (const Ending ending : {Ending::lost, Ending::close_notify}) {
                // Only the peer's own word ends a body of no length, and any word of its does.
                const bool may_end = test.ending == Ending::close_notify && ending == Ending::close_notify &&
                                     cut.find("\r\n\r\n") != cut.npos;
                const Reading reading = read(cut, ending);
                if (may_end)
                    BOOST_TEST((reading.state == State::complete), test.name << " cut at " << length);
                else
                    BOOST_TEST((reading.state == State::failed && reading.error == Errc::truncated),
                               test.name << " cut at " << length << ": " << reading);
            }
        }
    }
    std::cout << "ends of connections: " << readings() - before << " runs\n";
}

BOOST_AUTO_TEST_CASE(any_bytes_come_to_the_same_in_whatever_pieces)
{
    constexpr unsigned seed = 7;
    constexpr std::string_view alphabet = "\r\n :;,=\"0123456789abcdefgHTPx\t\x01\x7f\x80\xff-+.\0";
    std::mt19937_64 random{seed};
    const std::size_t before = readings();
    std::size_t complete = 0;
    std::size_t failed = 0;
    for (int i = 0; i < 4'000; ++i) {
        std::string bytes = accepted[random() % accepted.size()].bytes;
        for (auto changes = random() % 3 + 1; changes > 0; --changes) {
            const std::size_t at = random() % bytes.size();
            switch (random() % 4) {
            case 0:
                bytes[at] = alphabet[random() % alphabet.size()];
                break;
            case 1:
                bytes.insert(at, 1, alphabet[random() % alphabet.size()]);
                break;
            case 2:
                bytes.erase(at, 1 + random() % 3);
                bytes += "\r\n";
                break;
            case 3:
                bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 30));
                break;
            }
        }
        const Reading whole = read(bytes, Ending::close_notify);
        complete += whole.state == State::complete;
        failed += whole.state == State::failed;
        for (int split = 0; split < 8; ++split) {
            std::vector<std::size_t> pieces(bytes.size());
            for (std::size_t& size : pieces)
                size = 1 + random() % (split == 0 ? 1 : 12);
            const Reading reading = read(bytes, Ending::close_notify, pieces);
            BOOST_TEST(reading == whole, "change " << i << ": " << reading << " and not " << whole);
        }
    }
    // The changes must have gone both ways to show anything.
    BOOST_TEST(complete > 500u);
    BOOST_TEST(failed > 500u);
    std::cout << "changed responses: " << readings() - before << " runs, seed " << seed << ", " << complete << " read, "
              << failed << " refused\n";
}

BOOST_AUTO_TEST_CASE(a_parser_reads_one_response_after_the_other)
{
    ResponseParser parser{default_limits};
    std::size_t consumed = 0;
    for (int round = 0; round < 3; ++round) {
        for (const Accepted& test : accepted) {
            parser.reset();
            State state = test.bytes.empty() ? State::incomplete : parser.put(test.bytes, consumed);
            if (test.ending == Ending::close_notify)
                state = parser.put_end(true);
            BOOST_TEST_REQUIRE((state == State::complete), test.name);
            BOOST_TEST(parser.take().body == test.body);
        }
        for (const Refused& test : refused) {
            parser.reset();
            State state = parser.put(test.bytes, consumed);
            if (state == State::incomplete)
                state = parser.put_end(test.ending == Ending::close_notify);
            BOOST_TEST_REQUIRE((state == State::failed), test.name);
            BOOST_TEST(!parser.error().message.empty());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
