#include "server_program.hpp"

#include <passage/emulator.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::Browser;
using passage::test::Server;
namespace http = boost::beast::http;

namespace {

struct Served
{
    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};
    Server server{emulator.base_url(), emulator.app_id(), emulator.ca_pem()};
    Browser browser{server};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_user_signs_up_and_is_known_by_the_token, Served)
{
    const auto made = browser.ask("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})");
    BOOST_TEST(made.result_int() == 200u);
    const std::string id{boost::json::parse(made.body()).at("id").as_string()};
    const auto me = browser.ask("GET /me HTTP/1.1\r\nAuthorization: Bearer " + emulator.issue_token(id));
    BOOST_TEST(me.result_int() == 200u);
    BOOST_TEST((boost::json::parse(me.body()).at("email") == "jane.doe@example.com"));

    for (const char* request : {"GET /me HTTP/1.1", "GET /me HTTP/1.1\r\nAuthorization: Bearer x"}) {
        const auto refused = browser.ask(request);
        BOOST_TEST(refused.result_int() == 401u);
        BOOST_TEST(refused[http::field::www_authenticate] == "Bearer");
    }
    BOOST_TEST(browser.ask("POST /sign-up HTTP/1.1", "{}").result_int() == 400u);
    BOOST_TEST(browser.ask("POST /sign-up HTTP/1.1", R"({"email":"nobody"})").result_int() == 400u);
    BOOST_TEST(browser.ask("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})").result_int() == 400u);
    BOOST_TEST(browser.ask("GET / HTTP/1.1").result_int() == 404u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_user_who_could_not_be_created_is_no_missing_page, Served)
{
    emulator.set_faults(Faults{}.add("error=503,route=POST /users"));
    BOOST_TEST(browser.ask("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})").result_int() == 502u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_user_whose_creation_got_no_answer_is_looked_up, Served)
{
    emulator.set_faults(Faults{}.add("reset,route=POST /users"));
    const auto made = browser.ask("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})");
    BOOST_TEST(made.result_int() == 200u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(keys_that_cannot_be_fetched_are_no_reason_to_sign_in_again, Served)
{
    const std::string token = emulator.issue_token(emulator.plant_user(R"({"email":"jane.doe@example.com"})"));
    emulator.set_faults(Faults{}.add("error=500,route=GET /.well-known/jwks.json"));
    BOOST_TEST(browser.ask("GET /me HTTP/1.1\r\nAuthorization: Bearer " + token).result_int() == 503u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_peer_is_told_how_long_the_service_throttles, Served)
{
    const std::string token = emulator.issue_token(emulator.plant_user(R"({"email":"jane.doe@example.com"})"));
    const std::string get = "GET /me HTTP/1.1\r\nAuthorization: Bearer " + token;
    BOOST_TEST(browser.ask(get).result_int() == 200u);
    emulator.set_faults(Faults{}.throttle(0.001, 100s));
    BOOST_TEST(browser.ask(get).result_int() == 200u);
    const auto throttled = browser.ask(get);
    BOOST_TEST(throttled.result_int() == 429u);
    BOOST_TEST(throttled[http::field::retry_after] == "100");
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_service_that_hangs_has_300_ms, Served)
{
    emulator.set_faults(Faults{}.latency(1h));
    BOOST_TEST(browser.ask("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})").result_int() == 504u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(who_goes_away_ends_what_was_asked, Served)
{
    emulator.set_faults(Faults{}.latency(1h));
    browser.send("POST /sign-up HTTP/1.1", R"({"email":"jane.doe@example.com"})");
    browser.go_away();
    Browser other{server};
    BOOST_TEST(other.ask("GET / HTTP/1.1").result_int() == 404u);
    server.interrupt();
    BOOST_TEST(server.wait() == 0);
}
