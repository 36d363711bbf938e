// Connections that fail at every byte of their life.

#include "driver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore>
#include <string>
#include <sys/socket.h>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::size_t large = 1'000'000;
constexpr std::size_t larger_than_any_buffer = 7'500'000;

const std::string answer = answer_with_user("subject");

/// The ends that a connection can come to.
struct End
{
    const char* name;
    std::vector<Step> steps;
};

std::vector<End> ends(bool secure)
{
    std::vector<End> all{{"FIN", {steps::fin()}}, {"RST", {steps::rst()}}};
    if (secure)
        all.push_back({"close_notify and FIN", {steps::close_notify(), steps::fin()}});
    return all;
}

Script script(bool secure, std::vector<Step> steps, const std::vector<Step>& end = {})
{
    if (secure)
        steps.insert(steps.begin(), steps::tls());
    steps.insert(steps.end(), end.begin(), end.end());
    return {std::move(steps), false};
}

/// This program's socket that is connected to a port; -1 if it has none.
int socket_to(std::uint16_t port)
{
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        const int descriptor = std::stoi(entry.path().filename());
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            return descriptor;
    }
    return -1;
}

const auto both_schemes = data::make({true, false});

} // namespace

BOOST_DATA_TEST_CASE(a_response_cut_at_any_byte_is_never_a_success, both_schemes, secure)
{
    Driver driver{secure};
    for (const End& end : ends(secure)) {
        count_case();
        for (std::size_t k = 0; k <= answer.size(); ++k) {
            const bool complete = k == answer.size();
            const std::string name = std::string{end.name} + " after " + std::to_string(k);
            const Script cut = script(secure, {steps::request(), steps::send(answer.substr(0, k))}, end.steps);
            const auto got = driver.run({.name = "get, " + name,
                                         .operation = Operation::get,
                                         .scripts = {cut},
                                         .expected = {.requests = complete ? 1 : 2, .kept = !complete}});
            BOOST_TEST(got.result.id == "subject");
            driver.run({.name = "create, " + name,
                        .operation = Operation::create,
                        .scripts = {cut},
                        .expected = {.error = complete ? std::nullopt : std::optional{Errc::truncated},
                                     .effect = complete ? Effect::none : Effect::unknown,
                                     .requests = 1,
                                     .kept = false}});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_tls_record_cut_at_any_byte_is_never_a_success)
{
    Driver driver;
    const TlsSettings no_tickets{.tickets = 0};
    constexpr std::size_t overhead = 5 + 1 + 16; // header, type and tag (RFC 8446, section 5.2)
    count_case();
    for (const bool reset : {true, false}) {
        for (std::size_t k = 0; k <= answer.size() + overhead; ++k) {
            const bool complete = k == answer.size() + overhead;
            driver.run({.name = std::to_string(k) + (reset ? " RST" : " FIN"),
                        .operation = Operation::create,
                        .scripts = {{{steps::tls(no_tickets), steps::request(), steps::cut_after(k, reset),
                                      steps::send(answer)}}},
                        .expected = {.error = complete ? std::nullopt : std::optional{Errc::truncated},
                                     .effect = complete ? Effect::none : Effect::unknown,
                                     .requests = 1,
                                     .kept = false}});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_request_cut_at_any_byte_is_never_sent_twice_unless_it_is_idempotent)
{
    Driver driver{false};
    for (const Operation operation : {Operation::get, Operation::create}) {
        const Observed good = driver.run({.name = "good", .operation = operation, .scripts = {}, .expected = {}});
        const std::size_t size = good.requests.at(0).bytes.size();
        for (const End& end : ends(false)) {
            count_case();
            for (std::size_t k = 1; k < size; ++k) {
                const bool repeated = operation == Operation::get;
                driver.run({.name = std::string{end.name} + " after byte " + std::to_string(k) + " of the request",
                            .operation = operation,
                            .scripts = {script(false, {steps::receive(k)}, end.steps)},
                            .expected = {.error = repeated ? std::nullopt : std::optional{Errc::truncated},
                                         .effect = repeated ? Effect::none : Effect::unknown,
                                         .requests = repeated ? 2 : 1}});
            }
        }
    }
}

BOOST_DATA_TEST_CASE(a_connection_that_ended_before_its_first_request_gets_none, both_schemes, secure)
{
    /// Holds the client up between a connection and its first request, until the server has ended the connection.
    class Holding : public Observer
    {
    public:
        Holding(std::counting_semaphore<>& made, std::size_t connections) : made_{made}, left_{connections} {}

        void connection_made(const ConnectionMade& connection) noexcept override
        {
            if (left_ == 0)
                return;
            --left_;
            pollfd end{socket_to(connection.server_port), POLLRDHUP, 0};
            made_.release(); // a reset is sent after the last step, so no step can tell of it
            poll(&end, 1, -1);
        }

    private:
        std::counting_semaphore<>& made_;
        std::size_t left_;
    };
    Driver driver{secure};
    std::counting_semaphore<> is_made{0};
    const auto hold_up = [&](std::size_t connections) {
        return [&is_made, connections](Config& config) {
            config.observer = std::make_shared<Holding>(is_made, connections);
        };
    };
    for (End end : ends(secure)) {
        count_case();
        end.steps.insert(end.steps.begin(), [&](Peer&) { is_made.acquire(); });
        const Script ended = script(secure, {}, end.steps);
        driver.run({.name = std::string{end.name} + ", once",
                    .operation = Operation::create,
                    .scripts = {ended},
                    .expected = {.requests = 1},
                    .configure = hold_up(1)});
        driver.run({.name = std::string{end.name} + ", always",
                    .operation = Operation::create,
                    .scripts = {ended, ended, ended},
                    .expected = {.error = Errc::truncated, .effect = Effect::none, .requests = 0, .attempts = 3},
                    .configure = hold_up(3)});
    }
}

BOOST_DATA_TEST_CASE(a_connection_that_ends_at_once_is_replaced, both_schemes, secure)
{
    Driver driver{secure};
    for (const End& end : ends(false)) {
        count_case();
        Case what{.name = end.name, .operation = Operation::get, .scripts = {{end.steps}}, .expected = {}};
        BOOST_TEST(driver.run(what).result.id == "subject");
        what.operation = Operation::create;
        // Without TLS a byte of the request may have left before the end was seen.
        if (secure)
            BOOST_TEST(driver.run(what).result.id == "created");
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_always_ends_connections_is_given_three_attempts)
{
    Driver driver;
    count_case();
    const Script cut = script(true, {steps::request()}, {steps::rst()});
    driver.run({.name = "get",
                .operation = Operation::get,
                .scripts = {cut, cut, cut},
                .expected = {.error = Errc::truncated,
                             .stage = Stage::response,
                             .effect = Effect::unknown,
                             .requests = 3,
                             .attempts = 3}});
}

BOOST_AUTO_TEST_CASE(a_refused_connection_is_tried_again)
{
    count_case();
    count_run();
    ScriptServer server{true, false};
    asio::io_context context;
    const Config config = config_for(server);

    const auto call = [&](Client& client) {
        auto result = std::make_shared<std::optional<Result>>();
        asio::co_spawn(context, perform(client, Operation::create), [result](std::exception_ptr error, Result value) {
            BOOST_TEST(!error);
            result->emplace(std::move(value));
        });
        context.restart();
        return result;
    };

    Config at_once = config;
    at_once.retry.base = 0ms;
    Client hasty{context, at_once};
    const auto refused = call(hasty);
    context.run();
    BOOST_REQUIRE(refused->has_value());
    BOOST_TEST((*refused)->is(Errc::connect));
    BOOST_TEST(((*refused)->error->effect == Effect::none));
    BOOST_TEST((*refused)->error->attempts == 3u);
    BOOST_TEST(((*refused)->error->cause == asio::error::connection_refused));

    Config patient = config;
    patient.retry.base = 5s; // so that the server listens by the time of the second attempt
    Client client{context, patient};
    const auto accepted = call(client);
    while (!*accepted && context.poll_one() > 0) {
    }
    server.listen();
    context.run();
    BOOST_REQUIRE(accepted->has_value());
    BOOST_TEST((*accepted)->id == "created");
    BOOST_TEST(server.requests().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_before_the_request_is_whole_is_delivered)
{
    Driver driver;
    const auto create = [](Client& client) { return create_large(client, larger_than_any_buffer); };
    struct Early
    {
        const char* name;
        std::string answer;
        int status;
    };
    const std::vector<Early> answers{
        {"200", answer_with_user("created"), 0},
        {"400", response(400, "", R"({"error":"no","code":"invalid_request"})"), 400},
        {"413", response(413), 413},
        {"413, Connection: close", response(413, "Connection: close\r\n"), 413},
    };
    const std::vector<End> ways{
        {"then nothing", {steps::hold()}}, {"then RST", {steps::rst()}}, {"then all is read", {steps::expect_end()}}};
    for (const Early& early : answers)
        for (const End& way : ways) {
            count_case();
            const Observed seen =
                driver.run({.name = std::string{early.name} + " " + way.name,
                            .scripts = {script(true, {steps::receive(100), steps::send(early.answer)}, way.steps)},
                            .expected = {.error = early.status ? std::optional{Errc::api} : std::nullopt,
                                         .status = early.status,
                                         .requests = 1,
                                         .kept = false},
                            .call = create});
            BOOST_TEST(seen.result.id == (early.status ? "" : "created"));
        }
}

BOOST_AUTO_TEST_CASE(a_large_request_arrives_whole_through_small_reads)
{
    Driver driver;
    count_case();
    const Observed seen = driver.run(
        {.name = "large", .scripts = {}, .expected = {.requests = 1, .kept = true}, .call = [](Client& client) {
             return create_large(client, large);
         }});
    BOOST_TEST(seen.requests.at(0).whole);
    BOOST_TEST(seen.requests.at(0).bytes.size() > large);
}

BOOST_AUTO_TEST_CASE(waiting_ends_with_a_time_out_that_names_the_stage)
{
    Driver driver;
    const auto soon = CallOptions{}.timeout(120ms);
    const auto warm = [](std::vector<Step> then) {
        then.insert(then.begin(), {steps::request(), steps::answer()});
        return script(true, std::move(then));
    };
    const auto run = [&](Case what) {
        count_case();
        const Observed seen = driver.run(what);
        BOOST_REQUIRE(seen.result.error);
        BOOST_TEST((seen.result.error->elapsed < 5s));
    };
    for (const Operation operation : {Operation::get, Operation::create}) {
        run({.name = "black hole after accept",
             .operation = operation,
             .scripts = {{{steps::hold()}}},
             .expected = {.error = Errc::timeout, .stage = Stage::tls, .effect = Effect::none, .requests = 0},
             .options = soon});
        run({.name = "black hole after the request",
             .operation = operation,
             .scripts = {warm({steps::request(), steps::hold()})},
             .expected = {.error = Errc::timeout,
                          .stage = Stage::response,
                          .effect = Effect::unknown,
                          .requests = 1,
                          .attempts = 1,
                          .kept = false},
             .options = soon,
             .warm = true});
        run({.name = "black hole within the response",
             .operation = operation,
             .scripts = {warm({steps::request(), steps::send(answer.substr(0, 100)), steps::hold()})},
             .expected = {.error = Errc::timeout,
                          .stage = Stage::response,
                          .effect = Effect::unknown,
                          .requests = 1,
                          .kept = false},
             .options = soon,
             .warm = true});
    }
    run({.name = "the server stops reading",
         .scripts = {warm({steps::hold()})},
         .expected = {.error = Errc::timeout, .stage = Stage::write, .effect = Effect::unknown, .kept = false},
         .call = [&](Client& client) { return create_large(client, larger_than_any_buffer, soon); },
         .warm = true});
}

BOOST_AUTO_TEST_CASE(an_attempt_that_takes_too_long_is_repeated_if_that_is_harmless)
{
    Driver driver;
    const auto impatient = [](Config& config) { config.timeouts.attempt = 100ms; };
    const Script silent = script(true, {steps::request(), steps::hold()});
    count_case();
    driver.run({.name = "get, answered at last",
                .operation = Operation::get,
                .scripts = {silent},
                .expected = {.requests = 2, .kept = true},
                .configure = impatient});
    count_case();
    driver.run({.name = "create",
                .operation = Operation::create,
                .scripts = {silent},
                .expected = {.error = Errc::timeout,
                             .stage = Stage::response,
                             .effect = Effect::unknown,
                             .requests = 1,
                             .attempts = 1},
                .configure = impatient});
    count_case();
    driver.run({.name = "create, the first connection never secured",
                .operation = Operation::create,
                .scripts = {{{steps::hold()}}},
                .expected = {.requests = 1, .kept = true},
                .configure = [](Config& config) { config.timeouts.connect = 200ms; }});
}

BOOST_AUTO_TEST_CASE(a_connection_sends_at_once_and_is_watched_by_the_system)
{
    count_case();
    count_run();
    Driver driver;
    driver.server().plan({});
    Client client{driver.context(), driver.config()};
    BOOST_TEST(driver.run(get(client, "warm")).id == "warm");
    const int descriptor = socket_to(driver.server().port());
    const auto option = [&](int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        BOOST_TEST(getsockopt(descriptor, level, name, &value, &size) == 0);
        return value;
    };
    BOOST_TEST(option(IPPROTO_TCP, TCP_NODELAY) == 1);
    BOOST_TEST(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    BOOST_TEST(option(IPPROTO_TCP, TCP_KEEPIDLE) == 15);
    BOOST_TEST(option(IPPROTO_TCP, TCP_KEEPINTVL) == 15);
    BOOST_TEST(option(IPPROTO_TCP, TCP_KEEPCNT) == 3);
    BOOST_TEST(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000);
}

BOOST_AUTO_TEST_CASE(bytes_in_segments_of_their_own_are_put_together)
{
    Driver driver;
    driver.run_in_pieces({.name = "an answer", .scripts = {}, .expected = {.requests = 1, .kept = true}},
                         answer.size());
}
