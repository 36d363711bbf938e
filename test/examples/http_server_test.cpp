#include "server_program.hpp"
#include "support/script_server.hpp"

#include <passage/emulator.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <string>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::Browser;
using passage::test::Server;
namespace http = boost::beast::http;
namespace steps = passage::test::steps;

namespace {

/// The server and a real service.
struct Served
{
    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};
    std::string user = emulator.plant_user(R"({"email":"jane.doe@example.com","status":"active"})");
    Server server{emulator.base_url(), emulator.app_id(), emulator.ca_pem()};
    Browser browser{server};
};

/// The server and a service whose answers wait until they are released.
struct Held
{
    Held()
    {
        const auto arrive = [this](test::Peer&) { arrived_.set_value(); };
        service.plan(
            {{{steps::tls(), steps::request(), arrive, steps::hold(), steps::answer(), steps::serve()}, true}});
    }

    /// Asks for a user, and waits until the service was asked.
    void begin(Browser& browser)
    {
        browser.send("GET /users/one HTTP/1.1");
        BOOST_REQUIRE((arrived_.get_future().wait_for(test::ScriptServer::patience) == std::future_status::ready));
    }

    /// Waits until the server, which was interrupted, has ended in good order.
    void finish()
    {
        BOOST_TEST(server.wait() == 0);
        BOOST_TEST(service.finish() == "");
    }

    test::ScriptServer service;
    Server server{service.url(), "app", service.ca_pem()};

private:
    std::promise<void> arrived_;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(users_are_answered_over_one_connection, Served)
{
    const auto found = browser.ask("GET /users/" + user + " HTTP/1.1");
    BOOST_TEST(found.result_int() == 200u);
    const auto body = boost::json::parse(found.body());
    BOOST_TEST((body.at("email") == "jane.doe@example.com"));
    BOOST_TEST((body.at("status") == "active"));
    BOOST_TEST(browser.ask("GET /users/nobody HTTP/1.1").result_int() == 404u);
    BOOST_TEST(browser.ask("GET /users/ HTTP/1.1").result_int() == 400u);
    BOOST_TEST(browser.ask("GET /elsewhere HTTP/1.1").result_int() == 404u);
    BOOST_TEST(browser.ask("DELETE /users/" + user + " HTTP/1.1").result_int() == 405u);
    BOOST_TEST(emulator.connections_accepted() == 1u);
}

BOOST_FIXTURE_TEST_CASE(each_failure_of_the_service_has_its_status, Served)
{
    const std::string get = "GET /users/" + user + " HTTP/1.1";
    emulator.set_faults(Faults{}.throttle(0.001, 100s));
    BOOST_TEST(browser.ask(get).result_int() == 200u);
    const auto throttled = browser.ask(get);
    BOOST_TEST(throttled.result_int() == 429u);
    BOOST_TEST(throttled[http::field::retry_after] == "100");
    emulator.set_faults(Faults{}.error(500));
    BOOST_TEST(browser.ask(get).result_int() == 502u);
    emulator.set_faults(Faults{}.latency(1h));
    BOOST_TEST(browser.ask(get).result_int() == 504u);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_request_is_refused, Served)
{
    BOOST_TEST(browser.ask("GET\t/users/one").result_int() == 400u);
    BOOST_TEST(browser.is_ended());
    Browser other{server};
    BOOST_TEST(other.ask("GET /users/one HTTP/1.1\r\nX: " + std::string(10'000, 'x')).result_int() == 400u);
}

BOOST_FIXTURE_TEST_CASE(request_with_a_body_is_refused_before_that_comes, Served)
{
    BOOST_TEST(browser.ask("GET /users/one HTTP/1.1\r\nTransfer-Encoding: chunked").result_int() == 400u);
    BOOST_TEST(browser.is_ended());
    Browser other{server};
    BOOST_TEST(other.ask("GET /users/one HTTP/1.1\r\nContent-Length: 1").result_int() == 400u);
    BOOST_TEST(Browser{server}.ask("GET /health HTTP/1.1\r\nContent-Length: 0").result_int() == 200u);
}

BOOST_FIXTURE_TEST_CASE(call_ends_when_the_one_who_asked_goes_away, Held)
{
    Browser browser{server};
    begin(browser);
    browser.go_away();
    // It was never answered, and its deadline has another word for its end.
    const std::string line = server.read_line();
    BOOST_TEST(line.starts_with("get_user: cancelled"), line);
    service.release();
    BOOST_TEST(Browser{server}.ask("GET /users/two HTTP/1.1").result_int() == 200u);
    server.interrupt();
    finish();
    BOOST_TEST(service.connections() == 2u);
}

BOOST_FIXTURE_TEST_CASE(call_goes_on_when_the_next_request_comes_meanwhile, Held)
{
    Browser browser{server};
    begin(browser);
    browser.send("GET /users/two HTTP/1.1");
    // The server has but one thread: when it has answered this, it has seen that.
    BOOST_TEST(Browser{server}.ask("GET /health HTTP/1.1").result_int() == 200u);
    service.release();
    BOOST_TEST((boost::json::parse(browser.receive().body()).at("id") == "one"));
    BOOST_TEST((boost::json::parse(browser.receive().body()).at("id") == "two"));
    server.interrupt();
    finish();
}

BOOST_FIXTURE_TEST_CASE(server_that_is_stopped_answers_what_is_under_way, Held)
{
    Browser idle{server};
    BOOST_TEST(idle.ask("GET /health HTTP/1.1").result_int() == 200u);
    Browser browser{server};
    begin(browser);
    server.interrupt();
    BOOST_TEST(idle.is_ended());
    service.release();
    const auto last = browser.receive();
    BOOST_TEST(last.result_int() == 200u);
    BOOST_TEST(!last.keep_alive());
    finish();
}
