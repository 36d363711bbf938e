// Responses that are framed oddly, wrongly or not at all, over TLS.

#include "driver.hpp"
#include "support/error_of.hpp"
#include "support/framing_cases.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <semaphore>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

const std::string body = R"({"user":{"id":"subject","email":"jane@example.com"}})";

const std::string json = "Content-Type: application/json\r\n";

std::string ok(const std::string& fields, const std::string& rest)
{
    return "HTTP/1.1 200 OK\r\n" + json + fields + "\r\n" + rest;
}

std::string sized(const std::string& fields = {})
{
    return ok(fields + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

std::string chunk(const std::string& text)
{
    char size[16];
    std::snprintf(size, sizeof size, "%zx", text.size());
    return std::string{size} + "\r\n" + text + "\r\n";
}

/// A connection that answers the first request so and then, if it is kept, serves.
Script answering(const std::string& bytes, framing::Ending ending = framing::Ending::open)
{
    Script script{{steps::tls(), steps::request(), steps::send(bytes)}, true};
    if (ending == framing::Ending::close_notify)
        script.steps.push_back(steps::close_notify());
    script.steps.push_back(ending == framing::Ending::open ? steps::serve() : steps::fin());
    return script;
}

/// Whole, byte by byte, and split at random.
void run_in_some_pieces(Driver& driver, Case what)
{
    static std::minstd_rand random{7};
    const std::string name = what.name;
    driver.run(what);
    what.name = name + ", byte by byte";
    what.pieces.single_bytes = true;
    driver.run(what);
    what.pieces.single_bytes = false;
    for (int i = 0; i < 3; ++i) {
        const std::size_t first = 1 + random() % 60;
        what.pieces.splits = {first, first + 1 + random() % 20};
        what.name = name + ", split at " + std::to_string(first) + " and " + std::to_string(what.pieces.splits[1]);
        driver.run(what);
    }
}

struct Row
{
    const char* name;
    std::string bytes;
    std::optional<Errc> error = std::nullopt;
    bool kept = true;
    bool then_end = false; ///< The server ends the connection after the bytes.
};

} // namespace

BOOST_AUTO_TEST_CASE(a_response_comes_to_the_same_in_whatever_pieces_it_arrives)
{
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const auto protocol = Errc::protocol;
    const std::vector<Row> rows{
        {"sized", sized()},
        {"chunked", ok(chunked, chunk(body.substr(0, 10)) + chunk(body.substr(10)) + "0\r\n\r\n")},
        {"chunk extension and trailer",
         ok(chunked, "a;x=y\r\n" + body.substr(0, 10) + "\r\n" + chunk(body.substr(10)) + "0\r\nX-Sum: 1\r\n\r\n")},
        {"after a 100", "HTTP/1.1 100 Continue\r\n\r\n" + sized()},
        {"after a 103 and a 102",
         "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + sized()},
        {"Connection: close", sized("Connection: close\r\n"), std::nullopt, false},
        {"Connection: close, keep-alive", sized("Connection: close, keep-alive\r\n"), std::nullopt, false},
        {"Keep-Alive: timeout=1", sized("Keep-Alive: timeout=1\r\n"), std::nullopt, false},
        {"HTTP/1.0",
         "HTTP/1.0 200 OK\r\n" + json + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
         std::nullopt, false},
        {"neither length nor chunks", ok("", body), std::nullopt, false, true},
        {"another response behind", sized() + answer_with_user("poison"), std::nullopt, false},
        {"a byte behind", sized() + "x", std::nullopt, false},
        {"an empty line behind", sized() + "\r\n", std::nullopt, false},
        {"the start of another response behind", sized() + "HTTP/1.1 200 OK\r\nContent-Le", std::nullopt, false},
        {"length and chunks", ok(chunked + "Content-Length: 5\r\n", chunk(body) + "0\r\n\r\n"), protocol, false},
        {"two lengths", ok("Content-Length: 25\r\nContent-Length: 24\r\n", body), protocol, false},
        {"gzip coding", ok("Transfer-Encoding: gzip, chunked\r\n", chunk(body) + "0\r\n\r\n"), protocol, false},
        {"gzip content", sized("Content-Encoding: gzip\r\n"), protocol, false},
        {"a bad chunk size", ok(chunked, "+19\r\n" + body + "\r\n0\r\n\r\n"), protocol, false},
        {"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", protocol, false},
        {"101", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", protocol, false},
        {"status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", protocol, false},
        {"folded line", ok("X-A: b\r\n c\r\nContent-Length: 25\r\n", body), protocol, false},
        {"no JSON", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>", Errc::decode, true},
        {"not the JSON that is due", ok("Content-Length: 2\r\n", "[]"), Errc::decode, true},
    };
    Driver driver;
    for (const Row& row : rows)
        driver.run_in_pieces(
            {.name = row.name,
             .operation = Operation::create,
             .scripts = {answering(row.bytes, row.then_end ? framing::Ending::close_notify : framing::Ending::open)},
             .expected = {.error = row.error,
                          .status = row.error == Errc::decode ? 200 : 0,
                          .effect = !row.error                  ? Effect::none
                                    : row.error == Errc::decode ? Effect::done
                                                                : Effect::unknown,
                          .requests = 1,
                          .kept = row.kept}},
            row.bytes.size());
}

BOOST_AUTO_TEST_CASE(well_framed_responses_are_answers_over_tls)
{
    Driver driver;
    for (const framing::Accepted& row : framing::accepted) {
        count_case();
        run_in_some_pieces(driver, {.name = row.name,
                                    .operation = Operation::create,
                                    .scripts = {answering(row.bytes, row.ending)},
                                    .expected = {.error = row.status == 204  ? Errc::protocol // no answer to a creation
                                                          : row.status < 300 ? Errc::decode   // for no user is in them
                                                                             : Errc::api,
                                                 .status = row.status,
                                                 .requests = 1,
                                                 .kept = row.keep_alive && row.surplus == 0 && row.status != 204},
                                    .options = CallOptions{}.retries(false)});
    }
}

BOOST_AUTO_TEST_CASE(badly_framed_responses_are_refused_over_tls)
{
    Driver driver;
    for (const framing::Refused& row : framing::refused) {
        count_case();
        run_in_some_pieces(driver,
                           {.name = row.name,
                            .operation = Operation::create,
                            .scripts = {answering(row.bytes, row.ending)},
                            .expected = {.error = row.error, .effect = Effect::unknown, .requests = 1, .kept = false}});
    }
}

BOOST_AUTO_TEST_CASE(a_connection_is_used_no_longer_than_it_may_be)
{
    Driver driver;
    struct Limited
    {
        const char* name;
        std::string fields;
        std::function<void(Config&)> configure;
        std::size_t connections;
    };
    const std::vector<Limited> rows{
        {"nothing said", "", {}, 1},
        {"one more request", "Keep-Alive: timeout=5, max=1\r\n", {}, 3},
        {"a second", "Keep-Alive: timeout=1\r\n", {}, 3},
        {"two seconds", "Keep-Alive: timeout=2\r\n", {}, 1},
        {"many more requests", "Keep-Alive: max=100\r\n", {}, 1},
        {"no lifetime", "", [](Config& config) { config.pool.max_lifetime = 0ms; }, 3},
        {"no time to be idle", "", [](Config& config) { config.pool.idle_timeout = 0ms; }, 3},
    };
    for (const Limited& row : rows) {
        count_case();
        const auto serve = [&](Peer& peer) {
            for (;;)
                peer.send(answer_with_user(subject_of(peer.receive_request()), row.fields));
        };
        const Script script{{steps::tls(), serve}, true};
        const Observed seen = driver.run({.name = row.name,
                                          .scripts = {script, script, script, script},
                                          .expected = {.requests = 3},
                                          .configure = row.configure,
                                          .call = [](Client& client) -> asio::awaitable<Result> {
                                              for (const char* id : {"first", "second"})
                                                  BOOST_TEST((co_await get(client, id)).id == id);
                                              co_return co_await perform(client, Operation::get);
                                          }});
        BOOST_TEST(seen.connections == row.connections);
    }
}

BOOST_AUTO_TEST_CASE(surplus_bytes_that_come_late_are_nobodys_answer)
{
    Driver driver;
    count_case();
    std::binary_semaphore sent{0};
    driver.run({.name = "while idle",
                .scripts = {{{steps::tls(), steps::request(), steps::answer(), steps::send(answer_with_user("poison")),
                              [&](Peer&) { sent.release(); }, steps::expect_end()}}},
                .expected = {.requests = 2},
                .call = [&](Client& client) -> asio::awaitable<Result> {
                    BOOST_TEST((co_await get(client, "first")).id == "first");
                    sent.acquire(); // holds up the client's thread, which has nothing to do
                    const Result second = co_await get(client, "second");
                    BOOST_TEST(second.id == "second");
                    co_return second;
                }});
}

BOOST_AUTO_TEST_CASE(a_response_that_ends_early_is_no_response)
{
    Driver driver;
    const std::string chunked = ok("Transfer-Encoding: chunked\r\n", chunk(body) + "0\r\n\r\n");
    count_case();
    for (std::size_t k = 0; k < chunked.size(); ++k)
        driver.run({.name = "chunked, cut after " + std::to_string(k),
                    .operation = Operation::create,
                    .scripts = {answering(chunked.substr(0, k), framing::Ending::close_notify)},
                    .expected = {.error = Errc::truncated, .effect = Effect::unknown, .requests = 1, .kept = false}});
}

BOOST_AUTO_TEST_CASE(limits_end_what_a_server_sends_without_end)
{
    Driver driver;
    std::string interim;
    for (int i = 0; i < 20; ++i)
        interim += "HTTP/1.1 100 Continue\r\n\r\n";
    std::string fields;
    for (int i = 0; i < 200; ++i)
        fields += "X-A: b\r\n";
    const std::vector<Row> rows{
        {"many interim responses", interim + sized(), Errc::too_large, false},
        {"many fields", sized(fields), Errc::too_large, false},
        {"a long field", sized("X-A: " + std::string(64 * 1024, 'x') + "\r\n"), Errc::too_large, false},
        {"a long body", ok("Content-Length: 999999999\r\n", std::string(1000, 'x')), Errc::too_large, false},
        {"a long chunk", ok("Transfer-Encoding: chunked\r\n", "fffffff\r\n"), Errc::too_large, false},
        {"a long chunk extension", ok("Transfer-Encoding: chunked\r\n", "1;" + std::string(1'000'000, 'x')),
         Errc::too_large, false},
    };
    for (const Row& row : rows) {
        count_case();
        driver.run({.name = row.name,
                    .operation = Operation::create,
                    .scripts = {answering(row.bytes)},
                    .expected = {.error = row.error, .effect = Effect::unknown, .requests = 1, .kept = false}});
    }
}

BOOST_AUTO_TEST_CASE(a_body_that_takes_too_much_memory_to_read_is_refused_with_what_was_done)
{
    std::string events = "{}";
    for (int i = 1; i < 10'000; ++i)
        events += ",{}";
    const std::string answer = response(200, "", R"({"user":{"id":"subject","recent_events":[)" + events + "]}}");
    Driver driver;
    count_case();
    const Observed seen =
        driver.run({.name = "8 times the body",
                    .operation = Operation::create,
                    .scripts = {answering(answer)},
                    .expected = {.error = Errc::too_large, .status = 200, .effect = Effect::done, .requests = 1}});
    BOOST_TEST(seen.result.error->message.ends_with(" exceeds 1048576 bytes"), *seen.result.error);
    count_case();
    const Observed limited = driver.run({.name = "the limit",
                                         .operation = Operation::create,
                                         .scripts = {answering(answer)},
                                         .expected = {.error = Errc::too_large, .status = 200, .effect = Effect::done},
                                         .configure = [](Config& config) { config.limits.decoded_bytes = 500'000; }});
    BOOST_TEST(limited.result.error->message.ends_with(" exceeds 500000 bytes"), *limited.result.error);
}

BOOST_AUTO_TEST_CASE(numbers_of_a_page_are_taken_as_they_are_however_large)
{
    struct Row
    {
        std::int64_t first, limit, total;
        std::size_t requests;
    };
    constexpr std::int64_t most = INT64_MAX;
    for (const Row& row : std::vector<Row>{{1, most, 1, 1},
                                           {2, most / 2 + 1, 3, 1},
                                           {3, most, most, 1},
                                           {most, 1, most, 1},
                                           {most, 0, most, 1},
                                           {most, INT64_MIN, most, 1},
                                           {2, INT64_MIN, INT64_MAX, 2},
                                           {2, -1, INT64_MIN, 1},
                                           {1, 1, 2, 2}}) {
        count_case();
        Driver driver;
        const auto page = [&](std::int64_t number, std::string_view users) {
            return response(200, "",
                            R"({"created_before":)" + std::to_string(most) + R"(,"page":)" + std::to_string(number) +
                                R"(,"limit":)" + std::to_string(row.limit) + R"(,"total_users":)" +
                                std::to_string(row.total) + R"(,"users":[)" + std::string{users} + "]}");
        };
        std::vector<Step> steps{steps::tls(), steps::request(), steps::send(page(row.first, R"({"id":"u1"})"))};
        if (row.requests == 2) {
            steps.push_back(steps::request());
            steps.push_back(steps::send(page(row.first + 1, "")));
        }
        steps.push_back(steps::serve());
        const auto list = [&](Client& client) -> asio::awaitable<Result> {
            UserRange users = client.users(ListUsersRequest{}.page(row.first));
            const auto user = co_await users.next();
            BOOST_TEST_REQUIRE((user && *user));
            BOOST_TEST((*user)->id == "u1");
            const auto end = co_await users.next();
            BOOST_TEST_REQUIRE(end.has_value(), error_of(end));
            BOOST_TEST(!end->has_value());
            co_return Result{};
        };
        driver.run({.name = std::to_string(row.first) + ", " + std::to_string(row.limit),
                    .scripts = {{std::move(steps), true}},
                    .expected = {.requests = row.requests},
                    .call = list});
    }
}

BOOST_AUTO_TEST_CASE(redirects_are_not_followed_and_the_key_goes_nowhere)
{
    Driver driver;
    ScriptServer elsewhere;
    elsewhere.plan({});
    for (const int status : {301, 302, 303, 307, 308, 401, 407})
        for (const std::string& target :
             {elsewhere.url(), driver.server().url() + "/other", std::string{"http://127.0.0.1:1/"},
              std::string{"file:///etc/passwd"}, "https://user:word@127.0.0.1:" + std::to_string(elsewhere.port())}) {
            count_case();
            driver.run({.name = std::to_string(status) + " to " + target,
                        .operation = Operation::get,
                        .scripts = {answering(response(status, "Location: " + target + "\r\n"))},
                        .expected = {.error = Errc::api,
                                     .status = status,
                                     .effect = Effect::none,
                                     .requests = 1,
                                     .attempts = 1,
                                     .kept = true}});
        }
    BOOST_TEST(elsewhere.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(pages_that_lead_nowhere_end_a_list)
{
    struct Pages
    {
        const char* name;
        std::function<std::string(int asked)> page; ///< Its number, limit, total and users.
        std::optional<Errc> error;
        std::size_t requests;
    };
    const auto page = [](int number, int limit, int total, const std::string& users) {
        return R"({"page":)" + std::to_string(number) + R"(,"limit":)" + std::to_string(limit) + R"(,"total_users":)" +
               std::to_string(total) + R"(,"created_before":0,"users":[)" + users + "]}";
    };
    const std::string one = R"({"id":"u"})";
    const auto nth = [](int n) { return R"({"id":"u)" + std::to_string(n) + R"("})"; };
    const std::vector<Pages> rows{
        {"three pages", [&](int asked) { return page(asked, 1, 3, nth(asked)); }, std::nullopt, 6},
        {"always the first page", [&](int) { return page(1, 1, 1000, one); }, Errc::protocol, 2},
        {"always the same users", [&](int asked) { return page(asked, 1, 1000, one); }, Errc::protocol, 4},
        {"a page before", [&](int asked) { return page(asked - 1, 1, 1000, nth(asked)); }, Errc::protocol, 1},
        {"pages of no users", [&](int asked) { return page(asked, 1, 1000, ""); }, std::nullopt, 1},
        {"pages of no size", [&](int asked) { return page(asked, 0, 0, nth(asked)); }, std::nullopt, 1},
        {"a total that grows", [&](int asked) { return page(asked, 1, asked + 2, nth(asked)); }, std::nullopt, 6},
    };
    Driver driver;
    for (const Pages& row : rows) {
        count_case();
        const auto serve = [&](Peer& peer) {
            for (;;) {
                const std::string& request = peer.receive_request();
                const auto at = request.find("page=");
                peer.send(at == request.npos ? answer_with_user(subject_of(request))
                                             : response(200, json, row.page(std::stoi(request.substr(at + 5)))));
            }
        };
        driver.run({.name = row.name,
                    .scripts = {{{steps::tls(), serve}, true}},
                    .expected = {.error = row.error, .requests = row.requests, .kept = true},
                    .call = [](Client& client) -> asio::awaitable<Result> {
                        Result result;
                        UserRange users = client.users(ListUsersRequest{}.limit(1));
                        for (;;) {
                            expected<std::optional<UserSummary>> user = co_await users.next();
                            if (!user)
                                result.error = user.error();
                            if (!user || !*user)
                                co_return result;
                        }
                    }});
    }
}

BOOST_AUTO_TEST_CASE(a_key_that_the_server_echoes_is_not_shown)
{
    Driver driver;
    const std::string key = canary_api_key;
    for (const std::string& bytes : {response(400, "", R"({"error":"bad key )" + key + R"(","code":"x"})"),
                                     response(500, "", key), response(400, "X-Request-Id: " + key + "\r\n"),
                                     response(403, "", R"({"error":"","code":")" + key + R"("})")}) {
        count_case();
        const int status = std::stoi(bytes.substr(9, 3));
        const Observed seen = driver.run({.name = "echo",
                                          .operation = Operation::create,
                                          .scripts = {answering(bytes)},
                                          .expected = {.error = Errc::api, .status = status, .requests = 1}});
        const Error& error = seen.result.error.value();
        for (const std::string& text : {to_string(error), error.message, error.api_code, error.request_id})
            BOOST_TEST(text.find("5e1f0c9d2b7a4836") == text.npos);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_drips_is_ended_by_the_total_deadline)
{
    Driver driver;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    for (const auto& [name, start, drop] : std::vector<std::tuple<const char*, std::string, std::string>>{
             {"fields", head, "X: y\r\n"},
             {"the reason", "HTTP/1.1 200 O", "K"},
             {"chunks", head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
             {"the body", head + "Content-Length: 1000000\r\n\r\n", "x"}}) {
        count_case();
        const auto drip = [bytes = drop](Peer& peer) {
            peer.send(bytes.substr(0, 1));
            for (std::size_t i = 1; !peer.server().is_released(); ++i) {
                peer.server().settled(); // the client takes each byte before the next one comes
                peer.send(bytes.substr(i % bytes.size(), 1));
            }
        };
        const Observed seen = driver.run(
            {.name = name,
             .operation = Operation::create,
             .scripts = {{{steps::tls(), steps::request(), steps::answer(), steps::request(), steps::send(start), drip},
                          true}},
             .expected = {.error = Errc::timeout, .stage = Stage::response, .effect = Effect::unknown, .requests = 1},
             .options = CallOptions{}.timeout(60ms),
             .configure =
                 [](Config& config) { config.limits.header_bytes = config.limits.header_fields = 100'000'000; },
             .warm = true});
        BOOST_REQUIRE(seen.result.error);
        BOOST_TEST((seen.result.error->elapsed < 5s));
    }
}
