#include "server_program.hpp"

#include <passage/emulator.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <utility>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::Browser;
using passage::test::Server;

namespace {

constexpr int server = 3;
constexpr int server_with_deadlines = 4;

/// What the program of a step printed, and how it ended.
std::pair<std::string, int> run_step(int step, std::vector<std::string> arguments = {})
{
    arguments.insert(arguments.begin(), boost::unit_test::framework::master_test_suite().argv[step]);
    Program program{arguments};
    std::string printed = program.read_rest();
    return {std::move(printed), program.wait()};
}

struct Service
{
    Service()
    {
        const std::string ca_file = (folder.path() / "ca.pem").string();
        std::ofstream{ca_file} << emulator.ca_pem();
        setenv("PASSAGE_APP_ID", emulator.app_id().c_str(), 1);
        setenv("PASSAGE_API_KEY", test::canary_api_key, 1);
        setenv("PASSAGE_BASE_URL", emulator.base_url().c_str(), 1);
        setenv("PASSAGE_CA_FILE", ca_file.c_str(), 1);
    }

    Server start(int step) { return {emulator.base_url(), emulator.app_id(), emulator.ca_pem(), step}; }

    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};
    std::string id = emulator.plant_user(R"({"email":"jane.doe@example.com"})");
    TemporaryFolder folder;
};

/// The request of a user, on a connection that ends with its response.
std::string last_request(const std::string& id)
{
    return "GET /users/" + id + " HTTP/1.1\r\nConnection: close";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(step_1_prints_the_app, Service)
{
    const auto [printed, status] = run_step(1);
    BOOST_TEST(status == 0, printed);
    BOOST_TEST(printed == "connected to the app " + emulator.app_id() + "\n");
}

BOOST_FIXTURE_TEST_CASE(step_1_names_a_variable_that_is_not_set, Service)
{
    unsetenv("PASSAGE_APP_ID");
    const auto [printed, status] = run_step(1);
    BOOST_TEST(status == 2);
    BOOST_TEST(printed.find("PASSAGE_APP_ID is not set") != std::string::npos, printed);
}

BOOST_FIXTURE_TEST_CASE(step_1_prints_one_line_if_there_is_no_service, Service)
{
    emulator.stop();
    const auto [printed, status] = run_step(1);
    BOOST_TEST(
        printed.starts_with("get_app: connect (connect): no connection could be made: Connection refused (attempt 3, "),
        printed);
    BOOST_TEST(std::ranges::count(printed, '\n') == 1, printed);
}

BOOST_FIXTURE_TEST_CASE(step_2_creates_a_user_and_finds_the_user_the_next_time, Service)
{
    const auto [created, status] = run_step(2, {"john.doe@example.com"});
    BOOST_TEST(status == 0, created);
    BOOST_TEST(created.ends_with(" john.doe@example.com\n"), created);
    BOOST_TEST(run_step(2, {"john.doe@example.com"}).first == created);
    BOOST_TEST(run_step(2, {"jane.doe@example.com"}).first == id + " jane.doe@example.com\n");
}

BOOST_FIXTURE_TEST_CASE(step_2_refuses_what_is_no_address, Service)
{
    const auto [printed, status] = run_step(2, {"nonsense"});
    BOOST_TEST(status == 1);
    BOOST_TEST(printed.starts_with("create_user: invalid_argument: "), printed);
    BOOST_TEST(run_step(2).second == 2);
}

BOOST_FIXTURE_TEST_CASE(step_3_serves_users, Service)
{
    const Server program = start(server);
    Browser browser{program};
    const auto user = browser.ask("GET /users/" + id + " HTTP/1.1");
    BOOST_TEST(user.result_int() == 200u);
    BOOST_TEST((boost::json::parse(user.body()).at("email") == "jane.doe@example.com"));
    BOOST_TEST(browser.ask("GET /users/nobody HTTP/1.1").result_int() == 404u);
    BOOST_TEST(browser.ask("GET /users/ HTTP/1.1").result_int() == 400u);
    BOOST_TEST(browser.ask("GET / HTTP/1.1").result_int() == 404u);
}

BOOST_FIXTURE_TEST_CASE(step_4_serves_users_and_ends_when_it_is_told_to, Service)
{
    Server program = start(server_with_deadlines);
    Browser browser{program};
    BOOST_TEST(browser.ask(last_request(id)).result_int() == 200u);
    BOOST_TEST(browser.is_ended());
    program.interrupt();
    BOOST_TEST(program.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(step_4_answers_504_if_the_service_hangs, Service)
{
    emulator.set_faults(Faults{}.latency(1h));
    Server program = start(server_with_deadlines);
    BOOST_TEST(Browser{program}.ask(last_request(id)).result_int() == 504u);
    program.interrupt();
    BOOST_TEST(program.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(step_4_retries_what_fails_now_and_then, Service)
{
    emulator.set_faults(Faults{}.error(503, 0.3));
    Server program = start(server_with_deadlines);
    int good = 0;
    for (int i = 0; i < 50; ++i)
        good += Browser{program}.ask(last_request(id)).result_int() == 200u ? 1 : 0;
    BOOST_TEST(good > 40);
    program.interrupt();
    BOOST_TEST(program.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(step_4_ends_what_was_asked_by_a_peer_that_is_gone, Service)
{
    emulator.set_faults(Faults{}.latency(1h));
    Server program = start(server_with_deadlines);
    Browser browser{program};
    browser.send("GET /users/" + id + " HTTP/1.1");
    browser.go_away();
    BOOST_TEST(program.read_line().starts_with("get_user: cancelled"));
    program.interrupt();
    BOOST_TEST(program.wait() == 0);
}
