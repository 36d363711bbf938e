#include "http/reading.hpp"

#include <boost/test/unit_test.hpp>

#include <iostream>

using namespace passage;
using namespace passage::http;
using namespace passage::http::test;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

constexpr ResponseLimits small{200, 5, 20, 3};

std::string repeat(std::size_t times, const std::string& text)
{
    std::string result;
    result.reserve(times * text.size());
    while (times-- > 0)
        result += text;
    return result;
}

/// A head of exactly so many bytes, its empty line included.
std::string head_of(std::size_t size)
{
    const std::string begin = ok + "Content-Length: 0\r\nX-Fill: ";
    return begin + std::string(size - begin.size() - 4, 'f') + "\r\n\r\n";
}

/// A last chunk with a trailer of so many bytes in all, after a chunk that makes its beginning the end of one.
std::string trailer_of(std::size_t size)
{
    const std::string begin = "\r\n0\r\nX-Fill: ";
    return chunked + "1\r\nx" + begin + std::string(size - begin.size() - 4, 'f') + "\r\n\r\n";
}

/// Of so many bytes, from its first digit to its line's end.
std::string size_line_of(std::size_t size)
{
    return chunked + "1;" + std::string(size - 4, 'e') + "\r\nx\r\n0\r\n\r\n";
}

std::string interim(std::size_t responses)
{
    return repeat(responses, "HTTP/1.1 103 Early Hints\r\n\r\n") + ok + "Content-Length: 0\r\n\r\n";
}

std::string length(std::size_t size)
{
    return ok + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'b');
}

std::string chunks(std::size_t count)
{
    return chunked + repeat(count, "1\r\nb\r\n") + "0\r\n\r\n";
}

struct Bounded
{
    const char* name;
    std::string fits;
    std::string too_large;
    Ending ending = Ending::open;
};

const std::vector<Bounded> bounded{
    {"bytes of a head", head_of(200), head_of(201)},
    {"bytes of a chunk's line", size_line_of(200), size_line_of(201)},
    {"bytes of a trailer", trailer_of(200), trailer_of(201)},
    {"fields of a head", ok + "Content-Length: 0\r\n" + repeat(4, "a:b\r\n") + "\r\n",
     ok + "Content-Length: 0\r\n" + repeat(5, "a:b\r\n") + "\r\n"},
    {"fields of a trailer", chunked + "0\r\n" + repeat(5, "a:b\r\n") + "\r\n",
     chunked + "0\r\n" + repeat(6, "a:b\r\n") + "\r\n"},
    {"body of a length", length(20), length(21)},
    {"body of one chunk", chunked + "14\r\n" + std::string(20, 'b') + "\r\n0\r\n\r\n",
     chunked + "15\r\n" + std::string(21, 'b') + "\r\n0\r\n\r\n"},
    {"body of many chunks", chunks(20), chunks(21)},
    {"body until the end", ok + "\r\n" + std::string(20, 'b'), ok + "\r\n" + std::string(21, 'b'),
     Ending::close_notify},
    {"interim responses", interim(3), interim(4)},
};

struct Flood
{
    const char* name;
    std::string bytes;
    std::size_t most_read; ///< Limit on the bytes consumed before the failure.
};

const std::vector<Flood> floods{
    {"a name of 64 KB", ok + std::string(64'000, 'n') + ": v\r\nContent-Length: 0\r\n\r\n", 0},
    {"a value of 64 KB", ok + "n: " + std::string(64'000, 'v') + "\r\nContent-Length: 0\r\n\r\n", 0},
    {"a reason of 64 KB", "HTTP/1.1 200 " + std::string(64'000, 'r') + "\r\nContent-Length: 0\r\n\r\n", 0},
    {"a head that never ends", ok + repeat(100'000, "a: b\r\n"), 0},
    {"5,000 tiny fields", ok + repeat(5'000, "a:\r\n") + "Content-Length: 0\r\n\r\n", 0},
    {"10 MB in one chunk's extension", chunked + "1;" + std::string(10'000'000, 'e') + "\r\nx\r\n0\r\n\r\n", 100},
    {"8 KB of extension for each byte", chunked + repeat(2'000, "1;" + std::string(8'000, 'e') + "\r\nx\r\n"), 80'000},
    {"6 MB of trailers", chunked + "0\r\n" + repeat(600, "t: " + std::string(10'000, 't') + "\r\n") + "\r\n", 100},
    {"1,000 interim responses", interim(1'000), 8 * 28 + 28},
    {"interim responses with large heads",
     repeat(9, "HTTP/1.1 103 x\r\nX: " + std::string(16'000, 'x') + "\r\n\r\n") + ok + "\r\n", 9 * 16'100},
    {"a length beyond the limit", ok + "Content-Length: 16777217\r\n\r\n", 100},
    {"the greatest length", ok + "Content-Length: 18446744073709551615\r\n\r\n", 100},
    {"a chunk beyond the limit", chunked + "1000001\r\n", 100},
    {"the greatest chunk", chunked + "FFFFFFFFFFFFFFFF\r\n", 100},
    {"two chunks beyond the limit together", chunked + "1\r\nx\r\n1000000\r\n", 100},
};

} // namespace

BOOST_AUTO_TEST_SUITE(response_limits)

BOOST_AUTO_TEST_CASE(what_fits_a_limit_is_read_and_a_byte_more_is_too_large)
{
    const std::size_t before = readings();
    for (const Bounded& test : bounded) {
        read_in_all_pieces(test.fits, test.ending, small, [&](const Reading& reading, const std::string& how) {
            BOOST_TEST((reading.state == State::complete), test.name << ", " << how << ": " << reading);
        });
        read_in_all_pieces(test.too_large, test.ending, small, [&](const Reading& reading, const std::string& how) {
            BOOST_TEST((reading.error == Errc::too_large), test.name << ", " << how << ": " << reading);
        });
    }
    std::cout << "limits: " << 2 * bounded.size() << " cases, " << readings() - before << " runs\n";
}

BOOST_AUTO_TEST_CASE(a_flood_is_ended_soon)
{
    for (const Flood& flood : floods) {
        for (const std::size_t piece : {flood.bytes.size(), std::size_t{16 * 1024}, std::size_t{1'000}}) {
            ResponseParser parser{default_limits};
            State state = State::incomplete;
            std::string buffer;
            std::size_t used = 0;
            for (std::size_t at = 0; state == State::incomplete && at < flood.bytes.size(); at += piece) {
                buffer += flood.bytes.substr(at, piece);
                std::size_t consumed = 0;
                state = parser.put(buffer, consumed);
                buffer.erase(0, consumed);
                used += consumed;
            }
            BOOST_TEST_CONTEXT(flood.name << ", " << piece << " bytes at a time")
            {
                BOOST_TEST_REQUIRE((state == State::failed));
                BOOST_TEST((parser.error().code == Errc::too_large), parser.error());
                BOOST_TEST(used <= flood.most_read);
                // Other memory in use is less than another head.
                BOOST_TEST(buffer.size() <= default_limits.header_bytes + piece);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(chunks_of_one_byte_each_are_no_flood)
{
    const Reading reading = read(chunks(100'000), Ending::open);
    BOOST_TEST(reading.response.body.size() == 100'000u);
}

BOOST_AUTO_TEST_CASE(the_message_names_the_limit)
{
    const auto message = [](const std::string& bytes) {
        ResponseParser parser{small};
        std::size_t consumed = 0;
        BOOST_TEST_REQUIRE((parser.put(bytes, consumed) == State::failed));
        return parser.error().message;
    };
    BOOST_TEST(message(head_of(201)) == "the response's header exceeds 200 bytes");
    BOOST_TEST(message(ok + repeat(6, "a:b\r\n") + "\r\n") == "the response's header exceeds 5 fields");
    BOOST_TEST(message(trailer_of(201)) == "a chunk's header or the trailer exceeds 200 bytes");
    BOOST_TEST(message(length(21)) == "the response's body exceeds 20 bytes");
    BOOST_TEST(message(interim(4)) == "more than 3 interim responses");
}

BOOST_AUTO_TEST_CASE(the_greatest_limits_are_no_limits)
{
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    constexpr ResponseLimits endless{most, most, most, most};
    for (const std::string& bytes : {interim(100), head_of(100'000), trailer_of(50'000), length(100'000)})
        BOOST_TEST((read(bytes, Ending::open, {}, endless).state == State::complete));
}

BOOST_AUTO_TEST_SUITE_END()
