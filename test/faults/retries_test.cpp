// What is repeated, how often, and when: seen from the server.

#include "driver.hpp"

#include <boost/test/unit_test.hpp>

#include <tuple>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

const std::string refusal = R"({"error":"Refused.","code":"some_code"})";

Step every_request(std::string answer)
{
    return [answer = std::move(answer)](Peer& peer) {
        for (;;) {
            const std::string& request = peer.receive_request();
            peer.send(request.find("sentinel") == request.npos ? answer : answer_with_user(subject_of(request)));
        }
    };
}

/// Connections that answer every request but the sentinel so.
std::vector<Script> always(const std::string& answer)
{
    return std::vector<Script>(4, Script{{steps::tls(), every_request(answer)}, true});
}

/// One that answers its first request so, and later ones properly.
Script once(const std::string& answer)
{
    return {{steps::tls(), steps::request(), steps::send(answer), steps::serve()}, true};
}

/// One that served a call properly and is then treated so while it is idle.
Case on_used_connection(std::string name, Operation operation, std::vector<Step> idle, Expected expected)
{
    std::vector<Step> all{steps::tls(), steps::request(), steps::answer()};
    all.insert(all.end(), idle.begin(), idle.end());
    return {.name = std::move(name),
            .scripts = {{std::move(all)}},
            .expected = expected,
            .call = [operation](Client& client) -> asio::awaitable<Result> {
                const Result first = co_await get(client, "first");
                BOOST_TEST(first.id == "first");
                co_return co_await perform(client, operation);
            }};
}

} // namespace

BOOST_AUTO_TEST_CASE(each_status_is_repeated_only_where_that_helps_and_harms_nothing)
{
    struct Row
    {
        int status;
        unsigned gets;    ///< Attempts of an idempotent call.
        unsigned creates; ///< Attempts of one that is not.
        Effect effect;
    };
    constexpr auto none = Effect::none;
    constexpr auto unknown = Effect::unknown;
    const std::vector<Row> rows{
        {302, 1, 1, none},    {307, 1, 1, none},    {400, 1, 1, none},    {401, 1, 1, none},    {403, 1, 1, none},
        {404, 1, 1, none},    {405, 1, 1, none},    {408, 3, 1, none},    {409, 1, 1, none},    {410, 1, 1, none},
        {413, 1, 1, none},    {422, 1, 1, none},    {429, 3, 3, none},    {451, 1, 1, none},    {499, 1, 1, none},
        {500, 3, 1, unknown}, {501, 1, 1, unknown}, {502, 3, 1, unknown}, {503, 3, 1, unknown}, {504, 3, 1, unknown},
        {599, 1, 1, unknown},
    };
    Driver driver;
    for (const Row& row : rows)
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            const unsigned attempts = operation == Operation::get ? row.gets : row.creates;
            const Observed seen = driver.run({.name = std::to_string(row.status),
                                              .operation = operation,
                                              .scripts = always(response(row.status, "", refusal)),
                                              .expected = {.error = Errc::api,
                                                           .status = row.status,
                                                           .effect = row.effect,
                                                           .requests = attempts,
                                                           .attempts = attempts}});
            BOOST_TEST(seen.result.error->api_code == "some_code");
            BOOST_TEST(seen.result.error->earlier_attempts.size() == attempts - 1);
            for (const FailedAttempt& attempt : seen.result.error->earlier_attempts)
                BOOST_TEST(attempt.http_status == row.status);
        }
}

BOOST_AUTO_TEST_CASE(a_refusal_that_passes_is_followed_by_success)
{
    Driver driver;
    for (const int status : {408, 429, 500, 502, 503, 504}) {
        count_case();
        const Observed seen = driver.run({.name = std::to_string(status),
                                          .operation = Operation::get,
                                          .scripts = {once(response(status, "", refusal))},
                                          .expected = {.requests = 2, .kept = true}});
        // What failed inside the server is not asked again on the same connection.
        const bool spoilt = status == 500 || status == 502 || status == 504;
        BOOST_TEST(seen.connections == (spoilt ? 2u : 1u));
    }
    count_case();
    driver.run({.name = "429 to a create",
                .operation = Operation::create,
                .scripts = {once(response(429, "", refusal))},
                .expected = {.requests = 2}});
}

BOOST_AUTO_TEST_CASE(an_operation_succeeds_by_its_own_statuses_and_by_unknown_ones)
{
    struct Row
    {
        int status;
        bool get, create, erase;
    };
    const std::vector<Row> rows{
        {200, true, true, true},    {201, false, true, false},  {202, false, false, false}, {203, false, false, false},
        {204, false, false, true},  {205, false, false, false}, {206, false, false, false}, {207, false, false, false},
        {226, false, false, false}, {299, true, true, true},
    };
    Driver driver;
    for (const Row& row : rows)
        for (const auto& [operation, subject, succeeds] :
             {std::tuple{Operation::get, "subject", row.get}, std::tuple{Operation::create, "created", row.create},
              std::tuple{Operation::erase, "", row.erase}}) {
            count_case();
            std::string answer = answer_with_user(subject);
            if (operation == Operation::erase)
                answer = row.status == 204 ? "HTTP/1.1 204 No Content\r\n\r\n" : response(200);
            if (row.status != 204 || operation != Operation::erase)
                answer.replace(answer.find("200"), 3, std::to_string(row.status));
            const bool has_body = row.status == 204 && operation != Operation::erase;
            if (succeeds)
                driver.run({.name = std::to_string(row.status),
                            .operation = operation,
                            .scripts = {once(answer)},
                            .expected = {.requests = 1, .kept = !has_body}});
            else
                driver.run({.name = std::to_string(row.status),
                            .operation = operation,
                            .scripts = {{{steps::tls(), steps::request(), steps::send(answer), steps::expect_end()}}},
                            .expected = {.error = Errc::protocol,
                                         .status = row.status,
                                         .effect = Effect::unknown,
                                         .requests = 1,
                                         .attempts = 1,
                                         .kept = false}});
        }
}

BOOST_AUTO_TEST_CASE(a_204_that_has_a_length_or_a_body_ends_the_connection)
{
    Driver driver;
    for (const char* rest : {"Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\n", "Content-Length: 5\r\n\r\nhello",
                             "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\r\nhello"}) {
        count_case();
        driver.run({.name = rest,
                    .operation = Operation::erase,
                    .scripts = {{{steps::tls(), steps::request(),
                                  steps::send("HTTP/1.1 204 No Content\r\n" + std::string{rest}), steps::serve()},
                                 true}},
                    .expected = {.requests = 1, .kept = false}});
    }
}

BOOST_AUTO_TEST_CASE(a_misdirected_request_is_sent_once_more_on_another_connection)
{
    Driver driver;
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        const Observed seen = driver.run({.name = "421",
                                          .operation = operation,
                                          .scripts = {once(response(421, "", refusal))},
                                          .expected = {.requests = 2}});
        BOOST_TEST(seen.connections == 2u);
        count_case();
        driver.run(
            {.name = "421 twice",
             .operation = operation,
             .scripts = always(response(421, "", refusal)),
             .expected = {.error = Errc::api, .status = 421, .effect = Effect::none, .requests = 2, .attempts = 1}});
        count_case();
        driver.run(
            {.name = "421 without retries",
             .operation = operation,
             .scripts = always(response(421, "", refusal)),
             .expected = {.error = Errc::api, .status = 421, .effect = Effect::none, .requests = 1, .attempts = 1},
             .options = CallOptions{}.retries(false)});
    }
}

BOOST_AUTO_TEST_CASE(a_creation_is_not_repeated_for_a_refusal_of_another_request)
{
    struct
    {
        const char* name;
        Operation before; ///< Its response names no user, so it and the next one may belong to other requests.
        int status;
        bool answer_follows;
        Expected expected;
    } const cases[]{
        {"421",
         Operation::erase,
         421,
         false,
         {.error = Errc::api, .status = 421, .effect = Effect::unknown, .requests = 3, .attempts = 1}},
        {"429, and its own answer",
         Operation::erase,
         429,
         true,
         {.error = Errc::api, .status = 429, .effect = Effect::unknown, .requests = 3, .attempts = 1}},
        {"429 after what can't be decoded, and its own answer",
         Operation::get,
         429,
         true,
         {.error = Errc::api, .status = 429, .effect = Effect::unknown, .requests = 3, .attempts = 1}},
        {"429, and nothing", Operation::erase, 429, false, {.requests = 4}},
    };
    Driver driver;
    for (const auto& [name, before, status, answer_follows, expected] : cases) {
        count_case();
        std::vector<Step> steps{steps::request(), steps::send(response(200, "", "{}")), steps::request(),
                                steps::send(response(status, "", refusal))};
        if (answer_follows)
            steps.push_back(steps::send(response(201, "", R"({"user":{"id":"created"}})")));
        steps.push_back(steps::serve());
        Case what = on_used_connection(name, Operation::create, std::move(steps), expected);
        what.scripts.front().may_end_early = true;
        what.call = [second_operation = before](Client& client) -> asio::awaitable<Result> {
            BOOST_TEST((co_await get(client, "first")).id == "first");
            const Result second = co_await perform(client, second_operation);
            BOOST_TEST(second.error.has_value() == (second_operation == Operation::get));
            co_return co_await perform(client, Operation::create);
        };
        driver.run(what);
    }
    for (const int status : {421, 429}) {
        count_case();
        Case what = on_used_connection(
            std::to_string(status) + " after an answer that names its user", Operation::create,
            {steps::request(), steps::send(response(status, "", refusal)), steps::serve()}, {.requests = 3});
        what.scripts.front().may_end_early = true; // 421 ends the connection, 429 doesn't.
        driver.run(what);
    }
}

BOOST_AUTO_TEST_CASE(a_deletion_that_was_refused_and_finds_nothing_is_no_success)
{
    Driver driver;
    count_case();
    const std::string nobody = R"({"code":"user_not_found","error":"User not found."})";
    Case what = on_used_connection("429, then 404", Operation::erase,
                                   {steps::request(), steps::send(response(200)), steps::request(),
                                    steps::send(response(429, "Retry-After: 0\r\n", refusal)), steps::request(),
                                    steps::send(response(404, "", nobody)), steps::serve()},
                                   {.error = Errc::api, .status = 404, .effect = Effect::none, .requests = 4});
    what.scripts.front().may_end_early = true;
    what.call = [](Client& client) -> asio::awaitable<Result> {
        BOOST_TEST((co_await get(client, "first")).id == "first");
        BOOST_TEST(!(co_await perform(client, Operation::erase)).error.has_value());
        co_return co_await perform(client, Operation::erase);
    };
    driver.run(what);
}

BOOST_AUTO_TEST_CASE(the_wait_that_a_server_asks_for_is_kept)
{
    Driver driver;
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        const auto before = std::chrono::steady_clock::now();
        driver.run({.name = "429",
                    .operation = operation,
                    .scripts = {once(response(429, "Retry-After-Ms: 150\r\n", refusal))},
                    .expected = {.requests = 2}});
        BOOST_TEST((std::chrono::steady_clock::now() - before >= 150ms));
    }
    count_case();
    const auto before = std::chrono::steady_clock::now();
    driver.run({.name = "503",
                .operation = Operation::get,
                .scripts = {once(response(503, "Retry-After: 1\r\n", refusal))},
                .expected = {.requests = 2}});
    BOOST_TEST((std::chrono::steady_clock::now() - before >= 1s));
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_nonsense_or_over_is_none)
{
    Driver driver;
    for (const char* field : {"-1", "abc", "1e9", "Thu, 01 Jan 1970 00:00:00 GMT", "0"}) {
        count_case();
        driver.run({.name = field,
                    .operation = Operation::get,
                    .scripts = {once(response(429, "Retry-After: " + std::string{field} + "\r\n", refusal))},
                    .expected = {.requests = 2}});
    }
}

BOOST_AUTO_TEST_CASE(a_wait_beyond_the_deadline_ends_the_call_at_once)
{
    Driver driver;
    for (const Operation operation : {Operation::get, Operation::create})
        for (const char* wait : {"3600", "99999999999999999999"}) {
            count_case();
            const Observed seen =
                driver.run({.name = wait,
                            .operation = operation,
                            .scripts = {once(response(429, "Retry-After: " + std::string{wait} + "\r\n", refusal))},
                            .expected = {.error = Errc::rate_limited,
                                         .status = 429,
                                         .effect = Effect::none,
                                         .requests = 1,
                                         .attempts = 1,
                                         .kept = true}});
            BOOST_REQUIRE(seen.result.error);
            BOOST_TEST((seen.result.error->elapsed < 5s));
            BOOST_TEST((seen.result.error->retry_after >= 1h));
            BOOST_TEST(is_rate_limited(*seen.result.error));
        }
}

BOOST_AUTO_TEST_CASE(a_service_that_is_down_beyond_the_deadline_does_not_throttle)
{
    Driver driver;
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        const Observed seen = driver.run({.name = "503",
                                          .operation = operation,
                                          .scripts = {once(response(503, "Retry-After: 3600\r\n", refusal))},
                                          .expected = {.error = Errc::api,
                                                       .status = 503,
                                                       .effect = Effect::unknown,
                                                       .requests = 1,
                                                       .attempts = 1,
                                                       .kept = true}});
        BOOST_REQUIRE(seen.result.error);
        BOOST_TEST((seen.result.error->elapsed < 5s));
        BOOST_TEST((seen.result.error->retry_after == 1h));
        BOOST_TEST(!is_rate_limited(*seen.result.error));
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_wait_before_a_repetition_ends_it_and_keeps_the_cause)
{
    Driver driver;
    count_case();
    const Observed seen = driver.run({.name = "backoff",
                                      .operation = Operation::get,
                                      .scripts = always(response(503, "", refusal)),
                                      .expected = {.error = Errc::api, .status = 503, .effect = Effect::unknown},
                                      .options = CallOptions{}.timeout(200ms),
                                      .configure = [](Config& config) { config.retry.base = config.retry.cap = 1h; }});
    BOOST_REQUIRE(seen.result.error);
    BOOST_TEST((seen.result.error->elapsed < 5s));
}

BOOST_AUTO_TEST_CASE(an_idle_connection_that_the_server_ended_is_not_noticed_by_callers)
{
    Driver driver;
    const std::vector<std::pair<const char*, std::vector<Step>>> ends{
        {"FIN", {steps::fin()}},
        {"RST", {steps::rst()}},
        {"close_notify and FIN", {steps::close_notify(), steps::fin()}},
    };
    for (const Operation operation : {Operation::get, Operation::create})
        for (const auto& [name, end] : ends) {
            count_case();
            // The end is on its way when the next call begins, so what a call of each kind meets differs by run.
            for (int i = 0; i < 20; ++i) {
                Case what = on_used_connection(name, operation, end, {});
                const bool create = operation == Operation::create;
                what.call = [operation](Client& client) -> asio::awaitable<Result> {
                    BOOST_TEST((co_await get(client, "first")).id == "first");
                    Result second = co_await perform(client, operation);
                    // Sent on a connection that was about to end: the effect is unknown.
                    if (operation == Operation::create && second.is(Errc::truncated)) {
                        BOOST_TEST((second.error->effect == Effect::unknown));
                        second = {"created", {}};
                    }
                    co_return second;
                };
                const Observed seen = driver.run(what);
                BOOST_TEST(seen.result.id == (create ? "created" : "subject"));
                const auto posts =
                    std::count_if(seen.requests.begin(), seen.requests.end(),
                                  [](const SeenRequest& request) { return request.bytes.starts_with("POST"); });
                BOOST_TEST(posts <= 1);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_used_connection_that_ends_after_the_request_is_replayed_if_that_is_harmless)
{
    Driver driver;
    count_case();
    driver.run(on_used_connection("get", Operation::get, {steps::request(), steps::fin()}, {.requests = 3}));
    count_case();
    driver.run(on_used_connection("create", Operation::create, {steps::request(), steps::fin()},
                                  {.error = Errc::truncated, .effect = Effect::unknown, .requests = 2, .attempts = 1}));
}

BOOST_AUTO_TEST_CASE(a_replay_costs_no_attempt)
{
    Driver driver;
    count_case();
    Case what = on_used_connection("two attempts", Operation::get, {steps::request(), steps::rst()}, {.requests = 4});
    what.scripts.push_back(once(response(503, "", refusal)));
    what.configure = [](Config& config) { config.retry.max_attempts = 2; };
    BOOST_TEST(driver.run(what).result.id == "subject");
}

BOOST_AUTO_TEST_CASE(a_repetition_that_meets_a_dead_connection_is_replayed_too)
{
    Driver driver;
    count_case();
    const Observed seen =
        driver.run({.name = "answered, then dead",
                    .scripts = {{{steps::tls(), steps::request(), steps::send(response(503, "", refusal)),
                                  steps::request(), steps::fin()}}},
                    .expected = {.requests = 3},
                    .configure = [](Config& config) { config.retry.max_attempts = 2; }});
    BOOST_TEST(seen.result.id == "subject");
}

BOOST_AUTO_TEST_CASE(without_retries_a_request_leaves_once)
{
    Driver driver;
    const auto deactivate = [](CallOptions options) {
        return [options](Client& client) -> asio::awaitable<Result> {
            BOOST_TEST((co_await get(client, "first")).id == "first");
            Result result;
            if (auto user = co_await client.deactivate_user("subject", options); !user)
                result.error = std::move(user.error());
            co_return result;
        };
    };
    const Expected expected{.error = Errc::truncated, .effect = Effect::unknown, .requests = 2, .attempts = 1};
    count_case();
    Case what = on_used_connection("retries off", Operation::get, {steps::request(), steps::rst()}, expected);
    what.call = deactivate(CallOptions{}.retries(false));
    driver.run(what);
    count_case();
    what = on_used_connection("one attempt", Operation::get, {steps::request(), steps::rst()}, expected);
    what.call = deactivate({});
    what.configure = [](Config& config) { config.retry.max_attempts = 1; };
    driver.run(what);
}

BOOST_AUTO_TEST_CASE(a_deletion_whose_first_answer_was_lost_and_then_finds_nothing_has_succeeded)
{
    Driver driver;
    const std::string gone = response(404, "", R"({"error":"User not found.","code":"user_not_found"})");
    count_case();
    driver.run({.name = "lost, then 404",
                .operation = Operation::erase,
                .scripts = {{{steps::tls(), steps::request(), steps::rst()}}, once(gone)},
                .expected = {.requests = 2, .kept = true}});
    count_case();
    driver.run({.name = "500, then 404",
                .operation = Operation::erase,
                .scripts = {once(response(500)), once(gone)},
                .expected = {.requests = 2, .kept = true}});
    for (const std::string& other :
         {response(404, "", R"({"error":"No such app.","code":"app_not_found"})"),
          response(404, "Content-Type: text/html\r\n", "<html>user_not_found</html>"), response(404)}) {
        count_case();
        driver.run({.name = "500, then a 404 of something else",
                    .operation = Operation::erase,
                    .scripts = {once(response(500)), once(other)},
                    .expected = {.error = Errc::api, .status = 404, .effect = Effect::unknown, .requests = 2}});
    }
    count_case();
    driver.run({.name = "404 at once",
                .operation = Operation::erase,
                .scripts = {once(gone)},
                .expected = {.error = Errc::api, .status = 404, .effect = Effect::none, .requests = 1, .kept = true}});
    count_case();
    driver.run({.name = "never sent, then 404",
                .operation = Operation::erase,
                .scripts = {{{steps::rst()}}, once(gone)},
                .expected = {.error = Errc::api, .status = 404, .effect = Effect::none, .requests = 1, .kept = true}});
}

BOOST_AUTO_TEST_CASE(retries_can_be_turned_off_for_a_call)
{
    Driver driver;
    count_case();
    driver.run(
        {.name = "503",
         .operation = Operation::get,
         .scripts = always(response(503, "", refusal)),
         .expected = {.error = Errc::api, .status = 503, .effect = Effect::unknown, .requests = 1, .attempts = 1},
         .options = CallOptions{}.retries(false)});
}

BOOST_AUTO_TEST_CASE(a_failing_service_is_not_flooded_with_repetitions)
{
    Driver driver;
    count_case();
    const std::size_t calls = 100;
    const Observed seen = driver.run({.name = "budget",
                                      .scripts = always(response(503, "", refusal)),
                                      .expected = {.error = Errc::api, .status = 503, .effect = Effect::unknown},
                                      .call = [&](Client& client) -> asio::awaitable<Result> {
                                          Result result;
                                          for (std::size_t i = 0; i < calls; ++i)
                                              result = co_await perform(client, Operation::get);
                                          co_return result;
                                      }});
    BOOST_TEST(seen.requests.size() >= calls);
    BOOST_TEST(seen.requests.size() <= calls + 500 / 14 + 1);
}
