#include "http/reading.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage::http;
using namespace passage::http::test;
using namespace std::chrono_literals;

namespace {

Response with(const std::string& fields)
{
    const Reading reading = read("HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 0\r\n\r\n", Ending::open);
    BOOST_TEST_REQUIRE((reading.state == State::complete), fields << reading);
    return reading.response;
}

} // namespace

BOOST_AUTO_TEST_SUITE(response_fields)

BOOST_AUTO_TEST_CASE(fields_that_the_library_acts_on_are_kept)
{
    const Response response = with("content-type: application/json; charset=utf-8\r\n"
                                   "DATE: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Retry-After: 120\r\nretry-after-MS: 1500\r\nx-request-id: 7f-A\r\n");
    BOOST_TEST(response.content_type == "application/json; charset=utf-8");
    BOOST_TEST(response.date == "Sun, 06 Nov 1994 08:49:37 GMT");
    BOOST_TEST(response.retry_after == "120");
    BOOST_TEST(response.retry_after_ms == "1500");
    BOOST_TEST(response.request_id == "7f-A");
}

BOOST_AUTO_TEST_CASE(fields_that_are_absent_are_empty)
{
    const Response response = with("");
    BOOST_TEST(response.content_type.empty());
    BOOST_TEST(response.date.empty());
    BOOST_TEST(response.retry_after.empty());
    BOOST_TEST(response.retry_after_ms.empty());
    BOOST_TEST(response.request_id.empty());
    BOOST_TEST(!response.keep_alive_timeout.has_value());
}

BOOST_AUTO_TEST_CASE(a_retry_after_given_twice_is_none)
{
    BOOST_TEST(with("Retry-After: 1\r\nRetry-After: 2\r\n").retry_after.empty());
    BOOST_TEST(with("Retry-After: 1\r\nRetry-After: 1\r\n").retry_after.empty());
    BOOST_TEST(with("Retry-After: 1\r\nRetry-After: 2\r\nRetry-After: 3\r\n").retry_after.empty());
    BOOST_TEST(with("Retry-After-Ms: 1\r\nRetry-After-Ms: 2\r\n").retry_after_ms.empty());
}

BOOST_AUTO_TEST_CASE(a_trailer_sets_no_field)
{
    const Reading reading = read("HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 1\r\n"
                                 "Content-Type: text/html\r\nX-Request-Id: no\r\nDate: no\r\nConnection: close\r\n"
                                 "Keep-Alive: max=1\r\n\r\n",
                                 Ending::open);
    BOOST_TEST_REQUIRE((reading.state == State::complete), reading);
    BOOST_TEST(reading.response.retry_after.empty());
    BOOST_TEST(reading.response.content_type.empty());
    BOOST_TEST(reading.response.request_id.empty());
    BOOST_TEST(reading.response.date.empty());
    BOOST_TEST(reading.response.keep_alive);
    BOOST_TEST(!reading.response.keep_alive_timeout.has_value());
}

BOOST_AUTO_TEST_CASE(a_request_id_is_bounded_and_printable)
{
    BOOST_TEST(with("X-Request-Id: a\xff\r\n").request_id == "a\\xff");
    BOOST_TEST(with("X-Request-Id: " + std::string(10'000, 'i') + "\r\n").request_id == std::string(128, 'i'));
}

BOOST_AUTO_TEST_CASE(the_time_that_a_connection_is_kept_is_read)
{
    struct Case
    {
        const char* fields;
        std::optional<std::chrono::seconds> timeout;
    };
    const Case cases[]{
        {"Keep-Alive: timeout=5\r\n", 5s},
        {"Keep-Alive: TIMEOUT=5, max=100\r\n", 5s},
        {"Keep-Alive: max=100 ,\t timeout=7\r\n", 7s},
        {"Keep-Alive: timeout=9\r\nKeep-Alive: timeout=4\r\n", 4s},
        {"Keep-Alive: timeout=4\r\nKeep-Alive: timeout=9\r\n", 4s},
        {"Keep-Alive: timeout=4\r\nKeep-Alive: max=9\r\n", 4s},
        {"Keep-Alive: timeout=4294967295\r\n", 4294967295s},
        {"Keep-Alive: timeout=99999999999999999999\r\n", std::nullopt},
        {"Keep-Alive: timeout=-1\r\n", std::nullopt},
        {"Keep-Alive: timeout=\r\n", std::nullopt},
        {"Keep-Alive: timeout\r\n", std::nullopt},
        {"Keep-Alive: xtimeout=5\r\n", std::nullopt},
        {"Keep-Alive: ,,,\r\n", std::nullopt},
        {"Keep-Alive:\r\n", std::nullopt},
        {"Keep-Alive: 300\r\n", std::nullopt},
    };
    for (const Case& test : cases)
        BOOST_TEST((with(test.fields).keep_alive_timeout == test.timeout), test.fields);
}

BOOST_AUTO_TEST_SUITE_END()
