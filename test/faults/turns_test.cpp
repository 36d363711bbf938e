// Servers that send without end, or that demand answers and read nothing. They must not delay other work of the context
// for more than a moment, nor make memory grow.

#include "driver.hpp"
#include "support/system_calls.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <ctime>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

/// For how long a context may be kept from other work.
#ifdef PASSAGE_SANITIZED
constexpr std::chrono::nanoseconds longest_turn = 500ms;
#else
constexpr std::chrono::nanoseconds longest_turn = 50ms;
#endif

constexpr std::size_t larger_than_any_buffer = 7'500'000;

constexpr unsigned char alert = 21;
constexpr unsigned char handshake = 22;
constexpr unsigned char data = 23;

const TlsSettings tls_1_3{.min_version = TLS1_3_VERSION, .tickets = 0};
const TlsSettings tls_1_2{.max_version = TLS1_2_VERSION};

std::string repeated(std::string_view text, std::size_t times)
{
    std::string all;
    all.reserve(text.size() * times);
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

/// Measures for how long a context's thread computes between two chances for others to run: a machine's load does not
/// show in that.
class Watch
{
public:
    explicit Watch(asio::io_context& context) : state_{std::make_shared<State>(context)} { state_->wait(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch()
    {
        state_->look();
        state_->ended = true;
        state_->timer.cancel();
        BOOST_TEST_MESSAGE("held for " << state_->longest.count() / 1000 << " us");
        BOOST_TEST(state_->longest.count() <= longest_turn.count());
    }

private:
    struct State : std::enable_shared_from_this<State>
    {
        explicit State(asio::io_context& context) : timer{context} {}

        static std::chrono::nanoseconds computed()
        {
            timespec time{};
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
            return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
        }
        void look()
        {
            const auto now = computed();
            longest = std::max(longest, now - before);
            before = now;
        }
        void wait()
        {
            timer.expires_after(1ms);
            timer.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
                if (ec || self->ended)
                    return;
                self->look();
                self->wait();
            });
        }

        asio::steady_timer timer;
        std::chrono::nanoseconds before = computed();
        std::chrono::nanoseconds longest{};
        bool ended = false;
    };
    std::shared_ptr<State> state_;
};

/// Calls under a watch.
std::function<asio::awaitable<Result>(Client&)> watched(Driver& driver, CallOptions options = {})
{
    return [&driver, options](Client& client) -> asio::awaitable<Result> {
        const Watch watch{driver.context()};
        co_return co_await perform(client, Operation::get, options);
    };
}

/// A NewSessionTicket (RFC 8446, section 4.6.1) whose ticket has so many bytes.
std::string ticket(std::size_t size)
{
    const auto number = [](std::size_t value, int bytes) {
        std::string text;
        while (bytes-- > 0)
            text += static_cast<char>(value >> (8 * bytes));
        return text;
    };
    const std::string body =
        number(7200, 4) + number(0, 4) + number(0, 1) + number(size, 2) + std::string(size, 't') + number(0, 2);
    return number(4, 1) + number(body.size(), 3) + body;
}

/// Records of one type and content.
Step flood(unsigned char type, const std::string& content, std::size_t times)
{
    return [=](Peer& peer) {
        std::string bytes;
        for (std::size_t i = 0; i < times; ++i)
            bytes += peer.make_record(type, content);
        peer.send_raw(bytes);
    };
}

/// The same bytes as records of one byte each.
Step flood_of_single_bytes(unsigned char type, const std::string& content)
{
    return [=](Peer& peer) {
        std::string bytes;
        for (const char byte : content)
            bytes += peer.make_record(type, {&byte, 1});
        peer.send_raw(bytes);
    };
}

Step update_keys(bool answered, std::size_t times)
{
    return [=](Peer& peer) { peer.update_key(answered, times); };
}

/// A user with so many spaces, in chunks of a byte each.
std::string chunked_user(std::size_t spaces)
{
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char byte : std::string_view{R"({"user":{"id":"subject","status":"active")"})
        text += std::string{"1\r\n"} + byte + "\r\n";
    text += repeated("1\r\n \r\n", spaces);
    return text + "2\r\n}}\r\n0\r\n\r\n";
}

const std::string interim = "HTTP/1.1 103 Early Hints\r\n\r\n";

/// What comes is much for one call; with a sanitizer, on a machine that is busy, it takes longer than the defaults
/// allow.
void take_all_in_any_time(Config& config)
{
    config.limits.interim_responses = 10'000'000;
    config.timeouts.attempt = config.timeouts.total = std::chrono::minutes{5};
}

struct Flood
{
    const char* name;
    TlsSettings settings;
    Step step;
    std::optional<Errc> error;
};

/// What TLS passes over without giving data, much of it; less than what the system takes before anything is read.
std::vector<Flood> floods_of_no_data()
{
    return {
        {"tickets", tls_1_3, flood(handshake, repeated(ticket(1), 900), 60), Errc::tls},
        {"tickets of their own", tls_1_3, flood(handshake, ticket(1), 20'000), Errc::tls},
        {"new keys", tls_1_3, update_keys(false, 20'000), Errc::tls},
        {"new keys, to be answered", tls_1_3, update_keys(true, 20'000), Errc::tls},
        {"empty records", tls_1_3, flood(data, "", 40'000), Errc::tls},
        {"warnings", tls_1_3, flood(alert, std::string{1, 90}, 40'000), Errc::tls},
        {"requests for a handshake", tls_1_2, [](Peer& peer) { peer.renegotiate(20'000); }, Errc::tls},
    };
}

} // namespace

BOOST_AUTO_TEST_CASE(a_flood_within_a_response_holds_up_nobody)
{
    Driver driver;
    for (const Flood& what : floods_of_no_data()) {
        count_case();
        driver.run({.name = what.name,
                    .scripts = {{{steps::tls(what.settings), steps::request(), what.step, steps::hold()}, true}},
                    .expected = {.error = what.error, .requests = 1, .kept = false},
                    .call = watched(driver, CallOptions{}.timeout(5s))});
    }
}

BOOST_AUTO_TEST_CASE(a_flood_on_an_idle_connection_holds_up_nobody_and_ends_it)
{
    Driver driver;
    for (const Flood& what : floods_of_no_data()) {
        count_case();
        std::atomic<bool> came = false;
        const Step announce = [&](Peer&) { came = true; };
        driver.run({.name = what.name,
                    .scripts = {{{steps::tls(what.settings), steps::request(), steps::answer(), what.step, announce,
                                  steps::hold()},
                                 true}},
                    .expected = {.requests = 2, .kept = true},
                    .call = [&](Client& client) -> asio::awaitable<Result> {
                        BOOST_TEST((co_await get(client, "first")).id == "first");
                        asio::steady_timer timer{driver.context()};
                        const auto patient_until = std::chrono::steady_clock::now() + ScriptServer::patience;
                        while (!came && std::chrono::steady_clock::now() < patient_until) {
                            timer.expires_after(1ms);
                            co_await timer.async_wait(asio::use_awaitable);
                        }
                        BOOST_TEST(came);
                        const Watch watch{driver.context()};
                        co_return co_await perform(client, Operation::get);
                    }});
    }
}

BOOST_AUTO_TEST_CASE(a_response_in_the_smallest_of_pieces_holds_up_nobody)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
        const auto run = [&](const char* name, const Step& step) {
            count_case();
            std::vector<Step> steps{steps::request(), step, steps::hold()};
            if (secure)
                steps.insert(steps.begin(), steps::tls(tls_1_3));
            const Observed seen = driver.run({.name = name,
                                              .scripts = {{std::move(steps), true}},
                                              .expected = {.requests = 1},
                                              .configure = take_all_in_any_time,
                                              .call = watched(driver)});
            BOOST_TEST(seen.result.id == "subject");
        };
        run("chunks of a byte", steps::send(chunked_user(1'500'000)));
        run("interim responses", steps::send(repeated(interim, 300'000) + answer_with_user("subject")));
        if (!secure)
            continue;
        run("records of a byte", flood_of_single_bytes(data, chunked_user(30'000)));
        run("tickets in records of a byte", [](Peer& peer) {
            flood_of_single_bytes(handshake, repeated(ticket(60'000), 3))(peer);
            peer.send_raw(peer.make_record(data, answer_with_user("subject")));
        });
        run("a ticket before each byte", [](Peer& peer) {
            std::string bytes;
            for (const char byte : chunked_user(2'000))
                bytes.append(peer.make_record(handshake, ticket(1))).append(peer.make_record(data, {&byte, 1}));
            peer.send_raw(bytes);
        });
    }
}

BOOST_AUTO_TEST_CASE(a_flood_within_the_handshake_holds_up_nobody)
{
    // Requests for a handshake that is under way are passed over, in TLS of any version; they need no keys. Here each
    // byte is a record of its own.
    const std::string requests = repeated({"\x16\x03\x03\x00\x01\x00", 6}, 50'000);
    Driver driver;
    count_case();
    driver.run({.name = "requests for a handshake",
                .scripts = {{{[&](Peer& peer) {
                                  peer.await_input();
                                  for (int i = 0; i < 40; ++i)
                                      peer.send_raw(requests);
                              },
                              steps::hold()},
                             true}},
                .expected = {.error = Errc::timeout, .stage = Stage::tls, .effect = Effect::none, .requests = 0},
                .call = watched(driver, CallOptions{}.timeout(1s))});
}

BOOST_AUTO_TEST_CASE(a_call_within_a_flood_ends_in_time)
{
    Driver driver{false};
    count_case();
    const Observed seen =
        driver.run({.name = "without end",
                    .scripts = {{{steps::request(),
                                  [](Peer& peer) {
                                      const std::string responses = repeated(interim, 10'000);
                                      for (;;)
                                          peer.send_raw(responses);
                                  }},
                                 true}},
                    .expected = {.error = Errc::timeout, .stage = Stage::response, .requests = 1, .kept = false},
                    .configure = [](Config& config) { config.limits.interim_responses = 1'000'000'000; },
                    .call = watched(driver, CallOptions{}.timeout(300ms))});
    BOOST_REQUIRE(seen.result.error);
    BOOST_TEST((seen.result.error->elapsed < 3s));
}

BOOST_AUTO_TEST_CASE(new_keys_during_an_upload_that_is_blocked_are_answered)
{
    Driver driver;
    for (const std::size_t size : {std::size_t{1'000'000}, larger_than_any_buffer})
        for (const bool answered : {true, false}) {
            count_case();
            const Step update = [=](Peer& peer) {
                peer.server().settled();
                peer.update_key(answered, 2); // the first is answered before the second is looked at
                peer.server().settled();      // nothing is read before the client has seen it
            };
            const auto later = [&](std::size_t part) { return steps::receive(size / 10 * part); };
            const Observed seen = driver.run(
                {.name = std::to_string(size) + (answered ? ", answered" : ""),
                 .scripts = {{{steps::tls(tls_1_3), steps::receive(100), update, later(2), update, later(4), update,
                               update, later(8), update, steps::request(), update, steps::answer(), steps::serve()},
                              true}},
                 .expected = {.requests = 1, .kept = true},
                 .call = [=](Client& client) -> asio::awaitable<Result> {
                     // Blocked within the first part, for longer than the first update needs to come.
                     SystemFaults faults;
                     faults.fail(SystemCall::send, EAGAIN, 3, 5'000);
                     co_return co_await create_large(client, size);
                 }});
            BOOST_TEST(seen.requests.at(0).whole);
            BOOST_TEST(seen.requests.at(0).bytes.size() > size);
        }
}

BOOST_AUTO_TEST_CASE(new_keys_without_end_during_an_upload_end_the_call)
{
    Driver driver;
    struct Row
    {
        const char* name;
        Step step;
    };
    const std::vector<Row> rows{{"new keys", update_keys(true, 20'000)},
                                {"new keys, and a response",
                                 [](Peer& peer) {
                                     peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                                     for (int i = 0; i < 10'000; ++i) {
                                         peer.update_key();
                                         peer.send(" ");
                                     }
                                 }},
                                {"requests for a handshake", [](Peer& peer) { peer.renegotiate(20'000); }}};
    for (const Row& row : rows) {
        count_case();
        const bool old = &row == &rows.back();
        driver.run({.name = row.name,
                    .scripts = {{{steps::tls(old ? tls_1_2 : tls_1_3), steps::receive(100),
                                  [](Peer& peer) { peer.server().settled(); }, row.step, steps::hold()},
                                 true}},
                    .expected = {.error = Errc::tls, .stage = Stage::write, .effect = Effect::unknown, .kept = false},
                    .call = [](Client& client) {
                        return create_large(client, larger_than_any_buffer, CallOptions{}.timeout(5s));
                    }});
    }
}

BOOST_AUTO_TEST_CASE(a_tls_answer_that_the_system_does_not_take_is_sent_when_it_does)
{
    Driver driver;
    count_case();
    // The client sends its hello, its end of the handshake, and the request; then that it makes no new handshake.
    driver.run({.name = "a refusal",
                .scripts = {{{steps::tls(tls_1_2), steps::request(), [](Peer& peer) { peer.renegotiate(); },
                              [](Peer& peer) { peer.await_input(); }, steps::answer(), steps::hold()},
                             true}},
                .expected = {.requests = 1},
                .call = [](Client& client) -> asio::awaitable<Result> {
                    SystemFaults faults;
                    faults.fail(SystemCall::send, EAGAIN, 3, 2);
                    const Result result = co_await perform(client, Operation::get);
                    BOOST_TEST(faults.calls(SystemCall::send) > 4u);
                    co_return result;
                }});
}

BOOST_AUTO_TEST_CASE(what_the_system_never_took_is_not_sent_and_had_no_effect)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
        count_case();
        driver.run(
            {.name = "the request",
             .scripts = {},
             .expected =
                 {.error = Errc::timeout, .stage = Stage::write, .effect = Effect::none, .requests = 0, .kept = false},
             .call = [](Client& client) -> asio::awaitable<Result> {
                 SystemFaults faults;
                 faults.fail(SystemCall::send, EAGAIN);
                 co_return co_await perform(client, Operation::create, CallOptions{}.timeout(200ms));
             },
             .warm = true});
    }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_whole_keeps_no_upload_busy)
{
    Driver driver;
    count_case();
    // OpenSSL sends nothing while it has but a part of a message.
    driver.run({.name = "a part of a ticket",
                .scripts = {{{steps::tls(tls_1_3), steps::request(), steps::answer(), steps::receive(100),
                              [](Peer& peer) {
                                  peer.server().settled();
                                  peer.send_raw(peer.make_record(handshake, ticket(100).substr(0, 50)));
                              },
                              steps::expect_end()},
                             true}},
                .expected = {.error = Errc::timeout, .stage = Stage::write, .effect = Effect::unknown},
                .call = [](Client& client) -> asio::awaitable<Result> {
                    SystemFaults faults;
                    const Result result =
                        co_await create_large(client, larger_than_any_buffer, CallOptions{}.timeout(300ms));
                    BOOST_TEST(faults.calls(SystemCall::recv) < 1000u);
                    co_return result;
                },
                .warm = true});
}
