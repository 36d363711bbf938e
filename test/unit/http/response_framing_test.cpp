#include "http/reading.hpp"
#include "support/framing_cases.hpp"

#include <boost/test/unit_test.hpp>

#include <iostream>
#include <random>

using namespace passage;
using namespace passage::http;
using namespace passage::http::test;
using passage::test::framing::Accepted;
using passage::test::framing::accepted;
using passage::test::framing::Refused;
using passage::test::framing::refused;

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
    // The changes prove something only if some were accepted and some refused.
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
