#pragma once

#include <passage/error.hpp>

#include <string>
#include <vector>

/// Responses with good or bad framing (RFC 9112), for tests of anything that parses responses.
namespace passage::test::framing {

using namespace std::string_literals;

/// How a connection ends after the bytes of a case.
enum class Ending {
    open,         ///< It stays open.
    close_notify, ///< The peer announces the end.
    lost,
};

inline const std::string ok = "HTTP/1.1 200 OK\r\n";
inline const std::string json = "Content-Type: application/json\r\n";
inline const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

/// A good response, and the expected result.
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

inline const std::vector<Accepted> accepted{
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
    {"204 with a length of 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", false},

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

/// A bad response.
struct Refused
{
    const char* name;
    std::string bytes;
    Errc error = Errc::protocol;
    Ending ending = Ending::open;
};

inline Refused status_line(const char* line)
{
    return {line, line + "\r\nContent-Length: 0\r\n\r\n"s};
}

inline Refused field(const char* line)
{
    return {line, ok + line + "\r\nContent-Length: 0\r\n\r\n"};
}

inline Refused length(const char* fields)
{
    return {fields, ok + fields + "\r\n\r\n2\r\n{}\r\n0\r\n\r\n"};
}

inline Refused chunk(const char* line)
{
    return {line, chunked + line + "\r\n{}\r\n0\r\n\r\n"};
}

inline Refused trailer(const char* line)
{
    return {line, chunked + "1\r\nx\r\n0\r\n" + line + "\r\n\r\n"};
}

inline const std::vector<Refused> refused{
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
    length("Content-Length: -1"),
    length("Content-Length: +2"),
    length("Content-Length: 0x2"),
    length("Content-Length: 2_0"),
    length("Content-Length: 2abc"),
    length("Content-Length: 2 2"),
    length("Content-Length: "),
    length("Content-Length: ,"),
    length("Content-Length: 2,"),
    length("Content-Length: 2, 3"),
    length("Content-Length: 2.0"),
    length("Content-Length: \"2\""),
    length("Content-Length: 2;q=1"),
    length("Content-Length: 18446744073709551616"),
    length("Content-Length: 99999999999999999999999999"),
    length("Content-Length: 2\r\nContent-Length: 3"),
    length("Content-Length: \xc2\xb2"),

    // Both a length and chunks, and other transfer encodings.
    length("Content-Length: 2\r\nTransfer-Encoding: chunked"),
    length("Transfer-Encoding: chunked\r\nContent-Length: 2"),
    length("Transfer-Encoding: gzip\r\nContent-Length: 2"),
    length("Transfer-Encoding: identity\r\nContent-Length: 2"),
    length("Transfer-Encoding: xchunked\r\nContent-Length: 2"),
    length("Content-Length: 2\r\nTransfer-Encoding: gzip"),
    length("Transfer-Encoding: gzip, chunked"),
    length("Transfer-Encoding: chunked, gzip"),
    length("Transfer-Encoding: chunked, chunked"),
    length("Transfer-Encoding: identity"),
    length("Transfer-Encoding: gzip"),
    length("Transfer-Encoding: chunked;q=1"),
    length("Transfer-Encoding: \"chunked\""),
    length("Transfer-Encoding: chunked,"),
    length("Transfer-Encoding: , chunked"),
    length("Transfer-Encoding:"),
    length("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    length("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    length("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    length("Transfer-Encoding : chunked"),
    length("Transfer-Encoding: x chunked"),
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

} // namespace passage::test::framing
