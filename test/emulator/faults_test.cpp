#include "fault_plan.hpp"
#include "http2_connection.hpp"
#include "routes.hpp"
#include "tls_client.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/error.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;
using passage::Emulator;
using passage::EmulatorOptions;
using passage::Faults;
using passage::emulator::Fate;
using passage::emulator::FaultPlan;
using passage::emulator::Request;

namespace {

const std::string users = "/v1/apps/demo/users";
const std::string new_user = R"({"email":"a@b.c"})";

struct Running
{
    Emulator emulator{EmulatorOptions{}.app_id("demo").api_key("key")};

    TlsClient client() { return {emulator.port(), emulator.ca_pem()}; }

    /// Seen without faults.
    std::int64_t user_count()
    {
        emulator.set_faults(Faults{});
        return client().call("GET", users, "key").json().at("total_users").as_int64();
    }
};

/// How a connection ends after a request, and what was received of the answer.
boost::system::error_code end_after(TlsClient& client, std::string_view request, std::string& received)
{
    boost::system::error_code end;
    client.send(request);
    received = client.receive_rest(end);
    return end;
}

Request request_of(std::string_view method, std::string_view target)
{
    return {method, target, std::nullopt, std::nullopt, {}};
}
const Request any_request = request_of("GET", "/v1/apps/demo/users/u");

std::vector<Fate> fates(const Faults& faults, std::size_t count)
{
    FaultPlan plan(faults);
    std::vector<Fate> result;
    for (std::size_t number = 1; number <= count; ++number) {
        result.push_back(plan.next(FaultPlan::Clock::time_point{} + number * 1ms, number, any_request));
    }
    return result;
}

bool same(const Fate& left, const Fate& right)
{
    return left.delay == right.delay && left.refused_with == right.refused_with &&
           left.retry_after == right.retry_after && left.reset == right.reset && left.cut_after == right.cut_after &&
           left.last == right.last && left.refused == right.refused && left.goaway == right.goaway;
}

bool same(const std::vector<Fate>& left, const std::vector<Fate>& right)
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const Fate& a, const Fate& b) { return same(a, b); });
}

Faults of_all_kinds()
{
    return Faults{}.latency(10ms, 5ms).error(500, 0.1).error(404, 0.2).reset(0.3).cut_after(7, 0.4);
}

} // namespace

BOOST_AUTO_TEST_SUITE(chances)

BOOST_AUTO_TEST_CASE(nothing_goes_wrong_unless_asked_for)
{
    for (const Fate& fate : fates(Faults{}, 10)) {
        BOOST_TEST(same(fate, Fate{}));
    }
}

BOOST_AUTO_TEST_CASE(runs_repeat_and_another_seed_gives_another_run)
{
    const auto run = fates(of_all_kinds(), 200);
    BOOST_TEST(same(run, fates(of_all_kinds(), 200)));
    BOOST_TEST(same(run, fates(of_all_kinds().seed(1), 200)));
    BOOST_TEST(!same(run, fates(of_all_kinds().seed(2), 200)));
}

BOOST_AUTO_TEST_CASE(switching_begins_the_run_again)
{
    FaultPlan plan(of_all_kinds());
    const Fate first = plan.next({}, 1, any_request);
    plan.next({}, 2, any_request);
    plan.set(of_all_kinds());
    BOOST_TEST(same(plan.next({}, 1, any_request), first));
}

BOOST_AUTO_TEST_CASE(rates_are_shares_of_the_requests)
{
    std::size_t resets = 0, cuts = 0, of_404 = 0, of_500 = 0;
    for (const Fate& fate : fates(of_all_kinds(), 10'000)) {
        BOOST_TEST((fate.delay >= 10ms && fate.delay <= 15ms));
        resets += fate.reset ? 1 : 0;
        cuts += fate.cut_after ? 1 : 0;
        of_404 += fate.refused_with == 404 ? 1 : 0;
        of_500 += fate.refused_with == 500 ? 1 : 0;
    }
    BOOST_TEST((of_500 > 850 && of_500 < 1'150));
    BOOST_TEST((of_404 > 1'600 && of_404 < 2'000), "a fifth of what was no 500");
    BOOST_TEST((resets > 2'750 && resets < 3'250));
    BOOST_TEST((cuts > 3'750 && cuts < 4'250));
}

BOOST_AUTO_TEST_CASE(rate_0_is_never_and_1_is_always)
{
    for (const Fate& fate : fates(Faults{}.error(500, 0).reset(0).cut_after(1, 1), 1'000)) {
        BOOST_TEST(fate.refused_with == 0U);
        BOOST_TEST(!fate.reset);
        BOOST_TEST(fate.cut_after.has_value());
    }
}

BOOST_AUTO_TEST_CASE(throttle_lets_a_seconds_worth_through_at_once_and_then_its_rate)
{
    FaultPlan plan(Faults{}.throttle(10, 3s));
    FaultPlan::Clock::time_point now{};
    const auto let_through = [&](int requests) {
        int count = 0;
        for (int i = 0; i < requests; ++i) {
            const Fate fate = plan.next(now, 1, any_request);
            count += fate.refused_with == 0 ? 1 : 0;
            BOOST_TEST(fate.refused_with == (fate.retry_after ? 429U : 0U));
            BOOST_TEST((!fate.retry_after || fate.retry_after == 3s));
        }
        return count;
    };
    BOOST_TEST(let_through(50) == 10);
    now += 500ms;
    BOOST_TEST(let_through(50) == 5);
    now += 1h;
    BOOST_TEST(let_through(50) == 10);
}

BOOST_AUTO_TEST_CASE(faults_of_a_route_hit_its_requests_alone)
{
    FaultPlan plan(Faults{}.for_route("GET /users/{id}", Faults{}.error(503)));
    const auto status = [&](std::string_view method, std::string_view target) {
        return plan.next({}, 1, request_of(method, target)).refused_with;
    };
    for (const char* target :
         {"/v1/apps/demo/users/u", "/v1/apps/demo/users/u/", "/v1/apps/other/users/%2F", "/v1/apps/demo/users/u?a=b"}) {
        BOOST_TEST(status("GET", target) == 503U, target);
    }
    BOOST_TEST(status("HEAD", "/v1/apps/demo/users/u") == 503U);
    for (const char* target :
         {"/v1/apps/demo", "/v1/apps/demo/users", "/v1/apps/demo/users/", "/v1/apps/demo/users?a=/u",
          "/v1/apps/demo/users/u/devices", "/admin/apps/demo/users/u", "/v2/apps/demo/users/u"}) {
        BOOST_TEST(status("GET", target) == 0U, target);
    }
    BOOST_TEST(status("DELETE", "/v1/apps/demo/users/u") == 0U);
}

BOOST_AUTO_TEST_CASE(faults_of_a_route_change_no_chances_of_others)
{
    const Faults of_route = Faults{}.error(500, 0.5).latency(1ms, 20ms);
    FaultPlan plan(of_all_kinds().for_route("GET /users", of_route).for_route("POST /users", of_route));
    const auto run = fates(of_all_kinds(), 200);
    std::vector<unsigned> listed, created;
    for (std::size_t number = 1; number <= 200; ++number) {
        const auto now = FaultPlan::Clock::time_point{} + number * 1ms;
        const bool lists = number % 2 == 0;
        const std::string_view target = number % 3 == 0 ? "/v1/apps/demo/users" : "/v1/apps/demo/users/u";
        const Fate fate = plan.next(now, number, request_of(lists ? "GET" : "POST", target));
        if (number % 3 != 0) {
            BOOST_TEST(same(fate, run[number - 1]));
            continue;
        }
        (lists ? listed : created).push_back(fate.refused_with);
        BOOST_TEST((fate.delay >= run[number - 1].delay + 1ms && fate.delay <= run[number - 1].delay + 21ms));
        BOOST_TEST((fate.reset == run[number - 1].reset && fate.cut_after == run[number - 1].cut_after));
    }
    BOOST_TEST(std::count(listed.begin(), listed.end(), 500U) > 5);
    BOOST_TEST((listed != created), "each route has chances of its own");
}

BOOST_AUTO_TEST_CASE(faults_add_up)
{
    const Fate fate = FaultPlan(Faults{}
                                    .latency(1ms)
                                    .error(500)
                                    .cut_after(9)
                                    .for_route("GET /users/{id}", Faults{}.latency(2ms).error(501).cut_after(7))
                                    .for_route("GET /users/{user}", Faults{}.latency(4ms).reset().close_after(1)))
                          .next({}, 1, any_request);
    BOOST_TEST((fate.delay == 7ms));
    BOOST_TEST(fate.refused_with == 500U);
    BOOST_TEST((fate.cut_after == 7U));
    BOOST_TEST((fate.reset && fate.last));
}

BOOST_AUTO_TEST_CASE(throttle_of_a_route_counts_its_requests_alone)
{
    FaultPlan plan(Faults{}.for_route("POST /users", Faults{}.throttle(2)));
    const auto status = [&](std::string_view method) {
        return plan.next({}, 1, request_of(method, "/v1/apps/demo/users")).refused_with;
    };
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(status("GET") == 0U);
        BOOST_TEST(status("POST") == (i < 2 ? 0U : 429U));
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(each_text_says_the_same_as_its_setter)
{
    std::vector<std::pair<std::string, Faults>> pairs{
        {"latency=40", Faults{}.latency(40ms)},
        {"latency=40,jitter=20", Faults{}.latency(40ms, 20ms)},
        {"error=503", Faults{}.error(503)},
        {"error=503@0.25", Faults{}.error(503, 0.25)},
        {"close=3", Faults{}.close_after(3)},
        {"reset", Faults{}.reset()},
        {"reset@0.5", Faults{}.reset(0.5)},
        {"cut=12", Faults{}.cut_after(12)},
        {"cut=0@0.5", Faults{}.cut_after(0, 0.5)},
        {"throttle=2/s", Faults{}.throttle(2)},
        {"throttle=0.5/s,retry-after=9", Faults{}.throttle(0.5, 9s)},
    };
    if (passage::emulator::has_http2()) {
        pairs.emplace_back("refuse", Faults{}.refuse());
        pairs.emplace_back("refuse@0.5", Faults{}.refuse(0.5));
        pairs.emplace_back("goaway=3", Faults{}.goaway_after(3));
    }
    for (const auto& [text, faults] : pairs) {
        const auto run = fates(Faults{}.add(text), 100);
        BOOST_TEST(same(run, fates(faults, 100)), text);
        BOOST_TEST(!same(run, fates(Faults{}, 100)), text);
    }
    BOOST_TEST(same(fates(Faults{}.add("reset@0.5").add("seed=4"), 100), fates(Faults{}.reset(0.5).seed(4), 100)));
}

BOOST_AUTO_TEST_CASE(text_of_a_route_says_the_same_as_its_setter)
{
    std::vector<std::pair<std::string, Faults>> pairs{
        {"latency=40,jitter=20", Faults{}.latency(40ms, 20ms)},
        {"error=503@0.25", Faults{}.error(503, 0.25)},
        {"close=3", Faults{}.close_after(3)},
        {"reset@0.5", Faults{}.reset(0.5)},
        {"cut=12", Faults{}.cut_after(12)},
        {"throttle=2/s,retry-after=9", Faults{}.throttle(2, 9s)},
    };
    if (passage::emulator::has_http2()) {
        pairs.emplace_back("refuse@0.5", Faults{}.refuse(0.5));
        pairs.emplace_back("goaway=3", Faults{}.goaway_after(3));
    }
    for (const auto& [text, faults] : pairs) {
        const auto run = fates(Faults{}.add(text + ",route=GET /users/{id}"), 100);
        BOOST_TEST(same(run, fates(Faults{}.for_route("GET /apps/{app_id}/users/{user_id}", faults), 100)), text);
        BOOST_TEST(!same(run, fates(Faults{}, 100)), text);
        BOOST_TEST(same(fates(Faults{}.add(text + ",route=POST /users"), 100), fates(Faults{}, 100)), text);
    }
    BOOST_TEST(same(fates(Faults{}.add("seed=4").add("reset@0.5,route=GET /users/{}"), 100),
                    fates(Faults{}.for_route("GET /users/{}", Faults{}.reset(0.5)).seed(4), 100)));
}

BOOST_AUTO_TEST_CASE(each_endpoint_of_the_api_is_a_route)
{
    for (const auto& endpoint : passage::emulator::endpoints()) {
        const std::string route = std::string{endpoint.method} + " " + std::string{endpoint.pattern.substr(3)};
        if (endpoint.pattern.starts_with("/v1/")) {
            FaultPlan plan(Faults{}.for_route(route, Faults{}.error(503)));
            BOOST_TEST(plan.next({}, 1, request_of(endpoint.method, endpoint.pattern)).refused_with == 503U, route);
        } else {
            BOOST_CHECK_THROW(Faults{}.for_route(route, Faults{}.error(503)), std::invalid_argument);
        }
    }
}

BOOST_DATA_TEST_CASE(unknown_route_is_refused_and_the_known_ones_are_named,
                     data::make({"", "GET", "/users", "GET /user", "GET users", "get /users", "GET  /users",
                                 "GET /users/", "GET /users/u", "GET /users/{id", "GET /users/id}", "GET /users/{id}x",
                                 "PUT /users/{id}", "GET /", "GET /v1/apps/{app_id}/users", "GET /apps/demo/users",
                                 "POST /admin/apps/{}/keys", "HEAD /users"}),
                     route)
{
    const auto names_routes = [](const std::invalid_argument& error) {
        const std::string_view text = error.what();
        return text.find("is not a route; the routes are: GET /apps/{}, GET /users, POST /users, GET /users/{}, ") !=
                   std::string_view::npos &&
               text.find("admin/apps/{}/users") == std::string_view::npos;
    };
    BOOST_CHECK_EXCEPTION(Faults{}.for_route(route, Faults{}.error(503)), std::invalid_argument, names_routes);
    BOOST_CHECK_EXCEPTION(Faults{}.add(std::string{"error=503,route="} + route), std::invalid_argument, names_routes);
}

BOOST_AUTO_TEST_CASE(what_concerns_more_than_a_route_is_refused_for_one)
{
    const Faults of_route = Faults{}.for_route("GET /users", Faults{}.reset());
    BOOST_CHECK_THROW(Faults{}.for_route("GET /users", of_route), std::invalid_argument);
    BOOST_CHECK_THROW(Faults{}.for_route("GET /users", Faults{}.seed(1)), std::invalid_argument);
    BOOST_CHECK_THROW(Faults{}.add("streams=1,route=GET /users"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(faults_of_http_2_are_refused_where_it_is_not_built_in)
{
    for (const char* text : {"refuse", "goaway=1", "streams=1"}) {
        if (passage::emulator::has_http2()) {
            BOOST_CHECK_NO_THROW(Faults{}.add(text));
        } else {
            BOOST_CHECK_THROW(Faults{}.add(text), std::invalid_argument);
        }
    }
}

BOOST_DATA_TEST_CASE(text_that_is_no_fault_is_refused,
                     data::make({"",
                                 "frob",
                                 "latency",
                                 "latency=",
                                 "latency=-1",
                                 "latency=5ms",
                                 "latency=86400001",
                                 "latency=5@0.5",
                                 "latency=5,jitter",
                                 "latency=5,jitter=1,jitter=2",
                                 "latency=5,",
                                 "error=399",
                                 "error=600",
                                 "error=500@1.1",
                                 "error=500@-0.1",
                                 "error=500@nan",
                                 "error=500@",
                                 "error=500,retry-after=1",
                                 "close=0",
                                 "reset=1",
                                 "reset@x",
                                 "cut=-1",
                                 "throttle=5",
                                 "throttle=0/s",
                                 "throttle=inf/s",
                                 "throttle=5/s,retry-after=-1",
                                 "refuse=1",
                                 "refuse@2",
                                 "goaway",
                                 "goaway=0",
                                 "streams",
                                 "streams=1001",
                                 "seed=x",
                                 "seed=1,route=GET /users",
                                 "error=500,route",
                                 "error=500,route=GET /users,route=GET /users",
                                 "error=500,route=GET /users@0.5",
                                 "error=500,routes=GET /users"}),
                     text)
{
    BOOST_CHECK_THROW(Faults{}.add(text), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(wire, Running)

BOOST_AUTO_TEST_CASE(latency_delays_each_answer)
{
    emulator.set_faults(Faults{}.latency(50ms));
    TlsClient client = this->client();
    for (int i = 0; i < 2; ++i) {
        const auto start = std::chrono::steady_clock::now();
        BOOST_TEST(client.call("GET", users, "key").status == 200U);
        BOOST_TEST((std::chrono::steady_clock::now() - start >= 50ms));
    }
}

BOOST_AUTO_TEST_CASE(end_of_the_emulator_does_not_wait_for_latency)
{
    emulator.set_faults(Faults{}.latency(1h));
    TlsClient client = this->client();
    client.send("POST " + users +
                " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAuthorization: Bearer key\r\n"
                "Expect: 100-continue\r\nContent-Length: " +
                std::to_string(new_user.size()) + "\r\n\r\n");
    BOOST_TEST(client.receive().status == 100U); // so it is under way
    client.send(new_user);
    emulator.stop();
    BOOST_TEST(client.receive().status == 201U);
}

BOOST_AUTO_TEST_CASE(error_is_an_answer_in_due_form_and_nothing_is_done)
{
    emulator.set_faults(Faults{}.error(503));
    TlsClient client = this->client();
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.call("POST", users, "key", new_user);
        BOOST_TEST(reply.status == 503U);
        BOOST_TEST(reply.keep_alive);
        BOOST_TEST(reply.code() == "fault");
        BOOST_TEST(reply.fields.count("Retry-After") == 0U);
    }
    BOOST_TEST(emulator.requests_served() == 2U);
    BOOST_TEST(user_count() == 0);
}

BOOST_AUTO_TEST_CASE(errors_hit_the_same_requests_in_each_run)
{
    TlsClient client = this->client();
    const auto statuses = [&] {
        emulator.set_faults(Faults{}.error(500, 0.3).error(429, 0.3).seed(7));
        std::vector<unsigned> seen;
        for (int i = 0; i < 30; ++i) {
            seen.push_back(client.call("GET", users, "key").status);
        }
        return seen;
    };
    const auto first = statuses();
    BOOST_TEST(first == statuses(), boost::test_tools::per_element());
    for (const unsigned status : {200U, 429U, 500U}) {
        BOOST_TEST(std::count(first.begin(), first.end(), status) > 0);
    }
}

BOOST_AUTO_TEST_CASE(connection_ends_unannounced_after_its_last_request)
{
    emulator.set_faults(Faults{}.close_after(3));
    for (int connection = 0; connection < 2; ++connection) {
        TlsClient client = this->client();
        for (int i = 0; i < 3; ++i) {
            const Reply reply = client.call("GET", users, "key");
            BOOST_TEST(reply.status == 200U);
            BOOST_TEST(reply.keep_alive);
        }
        BOOST_TEST(client.is_ended());
    }
}

BOOST_AUTO_TEST_CASE(reset_takes_the_answer_but_not_the_effect)
{
    emulator.set_faults(Faults{}.reset());
    TlsClient client = this->client();
    std::string received;
    const auto end = end_after(client, TlsClient::request("POST", users, "key", new_user), received);
    BOOST_TEST(end == asio::error::connection_reset);
    BOOST_TEST(received.empty());
    BOOST_TEST(user_count() == 1);
}

BOOST_AUTO_TEST_CASE(cut_answer_ends_after_its_bytes_without_a_goodbye)
{
    std::string whole;
    {
        TlsClient client = this->client();
        client.send("GET " + users +
                    " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAuthorization: Bearer key\r\n"
                    "Connection: close\r\n\r\n");
        boost::system::error_code end;
        whole = client.receive_rest(end);
        BOOST_TEST(end == asio::error::eof);
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{40}, whole.size() - 30}) {
        emulator.set_faults(Faults{}.cut_after(size));
        TlsClient client = this->client();
        std::string received;
        const auto end = end_after(client, TlsClient::request("GET", users, "key"), received);
        BOOST_TEST(end == asio::ssl::error::stream_truncated);
        BOOST_TEST(received.size() == size);
        BOOST_TEST(received.substr(0, 15) == whole.substr(0, std::min<std::size_t>(size, 15)));
    }
}

BOOST_AUTO_TEST_CASE(cut_takes_the_answer_but_not_the_effect)
{
    emulator.set_faults(Faults{}.cut_after(20));
    TlsClient client = this->client();
    std::string received;
    end_after(client, TlsClient::request("POST", users, "key", new_user), received);
    BOOST_TEST(received == "HTTP/1.1 201 Created");
    BOOST_TEST(user_count() == 1);
}

BOOST_AUTO_TEST_CASE(answer_that_is_shorter_than_the_cut_is_whole)
{
    emulator.set_faults(Faults{}.cut_after(100'000));
    TlsClient client = this->client();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(client.call("GET", users, "key").status == 200U);
    }
}

BOOST_AUTO_TEST_CASE(throttled_request_is_told_when_to_come_back_and_nothing_is_done)
{
    emulator.set_faults(Faults{}.throttle(0.0001, 5s));
    TlsClient client = this->client();
    BOOST_TEST(client.call("GET", users, "key").status == 200U);
    const Reply reply = client.call("POST", users, "key", new_user);
    BOOST_TEST(reply.status == 429U);
    BOOST_TEST(reply.fields["Retry-After"] == "5");
    BOOST_TEST(reply.code() == "too_many_requests");
    BOOST_TEST(reply.keep_alive);
    BOOST_TEST(user_count() == 0);
}

/// What is answered to a request and to one for the app that follows it, and how the connection ends.
std::string outcome(TlsClient client, const std::string& target)
{
    std::string answers;
    boost::system::error_code end;
    client.send(TlsClient::request("GET", target, "key") +
                "GET /v1/apps/demo HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nConnection: close\r\n\r\n");
    const std::string received = client.receive_rest(end);
    for (auto head = received.find("HTTP/1.1 "); head != std::string::npos;
         head = received.find("HTTP/1.1 ", head + 1)) {
        answers += received.substr(head + 9, 3) + ", ";
    }
    return answers + end.message();
}

BOOST_AUTO_TEST_CASE(each_fault_of_a_route_hits_its_requests_alone)
{
    const std::string usual = "200, 200, End of file";
    const std::string user = users + "/" + emulator.plant_user(new_user);
    for (const auto& [fault, expected] : std::vector<std::pair<std::string, std::string>>{
             {"error=503", "503, 200, End of file"},
             {"close=1", "200, End of file"},
             {"reset", "Connection reset by peer"},
             {"cut=20", "200, stream truncated"},
             {"throttle=0.0001/s", "429, 200, End of file"},
         }) {
        emulator.set_faults(Faults{}.add(fault + ",route=GET /users/{id}"));
        BOOST_TEST(outcome(client(), users) == usual, fault);
        outcome(client(), user); // not yet too many
        BOOST_TEST(outcome(client(), user) == expected, fault);
        BOOST_TEST(outcome(client(), users) == usual, fault);
    }
}

BOOST_AUTO_TEST_CASE(latency_of_a_route_delays_its_requests_alone)
{
    const std::string user = users + "/" + emulator.plant_user(new_user);
    emulator.set_faults(Faults{}.for_route("GET /users", Faults{}.latency(1h)).add("latency=50,route=GET /users/{id}"));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(client().call("GET", user, "key").status == 200U);
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 50ms));
}

BOOST_AUTO_TEST_CASE(connection_ends_at_a_request_of_the_route_that_is_late_enough)
{
    const std::string user = users + "/" + emulator.plant_user(new_user);
    emulator.set_faults(Faults{}.add("close=3,route=GET /users/{id}"));
    TlsClient client = this->client();
    for (const std::string& target : {user, users, users, user}) {
        BOOST_TEST(client.call("GET", target, "key").status == 200U);
    }
    BOOST_TEST(client.is_ended());
}

BOOST_AUTO_TEST_CASE(planting_is_spared)
{
    emulator.set_faults(Faults{}.error(500).reset().throttle(0.0001).latency(1h));
    const std::string id = emulator.plant_user(new_user);
    TlsClient client = this->client();
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(client.call("POST", "/admin/apps/demo/users/" + id + "/events", "key", "{}").status == 201U);
    }
}

BOOST_AUTO_TEST_CASE(faults_are_there_from_the_start_if_wished)
{
    Emulator faulty(EmulatorOptions{}.app_id("demo").api_key("key").faults(Faults{}.error(418)));
    BOOST_TEST(TlsClient(faulty.port(), faulty.ca_pem()).call("GET", users, "key").status == 418U);
}

BOOST_AUTO_TEST_CASE(faults_are_switched_while_requests_are_served)
{
    Emulator busy(EmulatorOptions{}.app_id("demo").api_key("key").threads(2));
    std::atomic<bool> enough{false};
    std::atomic<int> of_200{0}, of_503{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            TlsClient client(busy.port(), busy.ca_pem());
            while (!enough) {
                const unsigned status = client.call("GET", users, "key").status;
                ++(status == 503 ? of_503 : of_200);
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        const int before_503 = of_503, before_200 = of_200;
        busy.set_faults(Faults{}.error(503));
        while (of_503 < before_503 + 3) {
            std::this_thread::yield();
        }
        busy.set_faults(Faults{});
        while (of_200 < before_200 + 3) {
            std::this_thread::yield();
        }
    }
    enough = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(busy.requests_served() == static_cast<std::uint64_t>(of_200 + of_503));
}

BOOST_AUTO_TEST_SUITE_END()
