// Proxies that refuse, misbehave, or are not to be trusted.

#include "driver.hpp"
#include "support/system_calls.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstring>
#include <netdb.h>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr const char* opened = "HTTP/1.1 200 Connection established\r\n\r\n";
/// The credentials of the proxy, and what is sent of them.
constexpr const char* credentials = "proxy-user:proxy-canary-93b1c7";
constexpr const char* encoded_credentials = "cHJveHktdXNlcjpwcm94eS1jYW5hcnktOTNiMWM3";

const std::string answer = answer_with_user("subject");

/// The proxy and the server are one program: it reads what a client says to the one, then what it says to the other.
struct ProxyDriver : Driver
{
    /// `tls`: with the proxy too; `secure`: with the server.
    explicit ProxyDriver(bool tls = false, bool secure = true) : Driver{secure}, has_tls{tls}
    {
        server().serve_by({tunnel({steps::serve()}), true});
    }

    /// What comes before a request to the proxy.
    std::vector<Step> before() const { return has_tls ? std::vector<Step>{steps::tls()} : std::vector<Step>{}; }

    /// A connection through the proxy.
    std::vector<Step> tunnel(std::vector<Step> then, const std::string& response = opened)
    {
        std::vector<Step> all = before();
        all.push_back(connect(response));
        if (server().is_secure())
            all.push_back(steps::tls());
        all.insert(all.end(), then.begin(), then.end());
        return all;
    }

    /// A connection through the proxy that has another handshake with the server.
    Script up_to(Step handshake)
    {
        Script script{tunnel({}), true};
        script.steps.back() = std::move(handshake);
        return script;
    }

    /// A proxy that reads CONNECT, and says something else.
    Script refusal(const std::string& response, std::vector<Step> end = {})
    {
        std::vector<Step> all = before();
        all.push_back([this](Peer& peer) { note(peer.receive_connect()); });
        all.push_back(steps::send(response));
        all.insert(all.end(), end.begin(), end.end());
        return {std::move(all), true};
    }

    void set_proxy(Config& config) const
    {
        config.proxy.url = (has_tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
        config.allow_plain_http = true;
    }

    Observed run(const Case& given)
    {
        Case what = given;
        what.configure = [this, configure = given.configure](Config& config) {
            set_proxy(config);
            if (configure)
                configure(config);
        };
        return Driver::run(what);
    }
    using Driver::run;

    std::uint16_t port() const { return const_cast<ProxyDriver*>(this)->server().port(); }

    std::vector<std::string> heads() const
    {
        const std::lock_guard lock{mutex_};
        return heads_;
    }

    const bool has_tls;

private:
    void note(std::string head)
    {
        const std::lock_guard lock{mutex_};
        heads_.push_back(std::move(head));
    }

    Step connect(const std::string& response)
    {
        return [this, response](Peer& peer) {
            note(peer.receive_connect());
            peer.send(response);
            peer.begin_tunnel();
        };
    }

    mutable std::mutex mutex_;
    std::vector<std::string> heads_;
};

std::string text_of(const Observed& seen)
{
    return seen.result.error ? to_string(*seen.result.error) : seen.result.id;
}

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

const auto both = data::make({false, true});

/// A coroutine that lets every kind of cancellation through to the call.
asio::awaitable<Result> caller(asio::awaitable<Result> call)
{
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await std::move(call);
}

} // namespace

BOOST_DATA_TEST_CASE(a_server_is_reached_through_a_tunnel, both* both, tls, secure)
{
    ProxyDriver driver{tls, secure};
    for (const Operation operation : {Operation::get, Operation::create, Operation::find, Operation::erase}) {
        count_case();
        driver.run({.name = "through the proxy", .operation = operation, .scripts = {}, .expected = {.kept = true}});
    }
    const std::string authority = "127.0.0.1:" + std::to_string(driver.port());
    for (const std::string& head : driver.heads()) {
        BOOST_TEST(head.starts_with("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\nUser-Agent: "));
        BOOST_TEST(!contains(head, "Proxy-Authorization"));
    }
}

BOOST_DATA_TEST_CASE(a_response_of_the_proxy_may_come_in_any_pieces, both, tls)
{
    ProxyDriver driver{tls};
    for (const std::string& response :
         {std::string{opened}, std::string{"HTTP/1.0 200 \r\nVia: 1.0 p\r\nContent-Length: 4\r\n\r\n"},
          std::string{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"},
          std::string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}}) {
        Case what{.name = response.substr(0, 20),
                  .scripts = {{driver.tunnel({steps::serve()}, response), true}},
                  .expected = {}};
        count_case();
        driver.run(what);
        what.pieces = {.single_bytes = true, .splits = {}};
        driver.run(what);
        for (std::size_t at = 1; at < response.size(); at += 3) {
            what.pieces = {.single_bytes = false, .splits = {at}};
            driver.run(what);
        }
    }
}

BOOST_DATA_TEST_CASE(a_refusal_is_reported_with_the_proxys_status, both, tls)
{
    ProxyDriver driver{tls};
    struct Row
    {
        std::string response;
        int status;
        std::string message;
        bool retried = false;
    };
    const std::string long_field = "A: " + std::string(20'000, 'x') + "\r\n";
    std::string many_fields;
    for (int i = 0; i < 101; ++i)
        many_fields += "A: b\r\n";
    const std::vector<Row> rows{
        {response(403, {}, "no"), 403, "it refused the tunnel with status 403"},
        {response(407, "Proxy-Authenticate: Basic realm=\"x\"\r\n"), 407, "the credentials are missing or wrong"},
        {response(400), 400, "it refused the tunnel with status 400"},
        {response(404), 404, "it refused the tunnel with status 404"},
        {response(429, "Retry-After: 0\r\n"), 429, "it refused the tunnel with status 429"},
        {response(500), 500, "it refused the tunnel with status 500"},
        {response(301, "Location: https://127.0.0.1/\r\n"), 301, "it refused the tunnel with status 301"},
        {response(302), 302, "it refused the tunnel with status 302"},
        {response(502), 502, "it refused the tunnel with status 502", true},
        {response(503, "Retry-After: 60\r\n"), 503, "it refused the tunnel with status 503", true},
        {response(504), 504, "it refused the tunnel with status 504", true},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "it switches protocols"},
        {"HTTP/1.1 200 OK\r\n" + long_field + "\r\n", 0, "its response's header exceeds 16384 bytes"},
        {"HTTP/1.1 200 OK\r\n" + many_fields + "\r\n", 0, "its response's header exceeds 100 fields"},
        {"220 mail.example ESMTP\r\n", 0, "its response is malformed"},
        {"\x15\x03\x03\x00\x02\x02\x46", 0, "its response is malformed"},
        {"HTTP/1.1 200 OK\n\n", 0, "its response is malformed"},
        {"HTTP/1.1 200 OK\r\n : \r\n\r\n", 0, "its response is malformed"},
    };
    for (const Row& row : rows)
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            const Script refusal = driver.refusal(row.response);
            const Observed seen = driver.run({.name = row.message,
                                              .operation = operation,
                                              .scripts = std::vector<Script>(row.retried ? 3 : 1, refusal),
                                              .expected = {.error = Errc::connect,
                                                           .stage = Stage::connect,
                                                           .status = row.status,
                                                           .effect = Effect::none,
                                                           .requests = 0,
                                                           .attempts = row.retried ? 3 : 1}});
            const std::string proxy = "the proxy 127.0.0.1:" + std::to_string(driver.port()) + ": ";
            BOOST_TEST(contains(text_of(seen), proxy), text_of(seen));
            BOOST_TEST(contains(text_of(seen), row.message), text_of(seen));
            BOOST_TEST(seen.result.error->retryable == row.retried);
            if (row.retried)
                driver.run({.name = row.message + ", once",
                            .operation = operation,
                            .scripts = {refusal},
                            .expected = {.requests = 1}});
        }
}

BOOST_DATA_TEST_CASE(a_connection_lost_before_the_tunnel_is_open_is_made_again, both, tls)
{
    ProxyDriver driver{tls};
    const auto add = [](std::vector<Step> steps, Step step) {
        steps.push_back(std::move(step));
        return steps;
    };
    std::vector<std::pair<std::string, Script>> cases;
    for (const Step& end : {steps::fin(), steps::rst()}) {
        cases.push_back({"before CONNECT", {add(driver.before(), end), true}});
        for (const std::size_t k : {0u, 1u, 12u, 37u, 38u})
            cases.push_back({"after " + std::to_string(k) + " bytes",
                             driver.refusal(std::string{opened}.substr(0, k), {steps::expect_end()})});
        for (auto it = cases.rbegin(); it != cases.rbegin() + 5; ++it)
            it->second.steps.back() = end;
    }
    for (const auto& [name, script] : cases) {
        count_case();
        driver.run({.name = name, .operation = Operation::create, .scripts = {script}, .expected = {.requests = 1}});
        const Observed seen = driver.run({.name = name + ", always",
                                          .operation = Operation::create,
                                          .scripts = {script, script, script},
                                          .expected = {.error = Errc::connect,
                                                       .stage = Stage::connect,
                                                       .effect = Effect::none,
                                                       .requests = 0,
                                                       .attempts = 3}});
        BOOST_TEST(contains(text_of(seen), "the proxy 127.0.0.1"), text_of(seen));
    }
}

BOOST_DATA_TEST_CASE(a_connection_lost_after_the_tunnel_is_open_is_as_without_a_proxy, both, tls)
{
    ProxyDriver driver{tls};
    count_case();
    const Script closed = driver.refusal(opened, {steps::fin()});
    driver.run({.name = "once", .operation = Operation::create, .scripts = {closed}, .expected = {.requests = 1}});
    const Observed always = driver.run({.name = "always",
                                        .scripts = {closed, closed, closed},
                                        .expected = {.error = Errc::tls, .stage = Stage::tls, .attempts = 3}});
    BOOST_TEST(!contains(text_of(always), "proxy"), text_of(always));
    if (tls) {
        // The proxy ends its TLS properly, which is no proper end of the server's.
        for (const std::size_t k : {std::size_t{0}, answer.size() - 1}) {
            count_case();
            Script cut{driver.tunnel({steps::request(), steps::send(answer.substr(0, k))})};
            cut.steps.push_back([](Peer& peer) { peer.close_tunnel(); });
            cut.steps.push_back(steps::fin());
            driver.run({.name = "the tunnel's end after " + std::to_string(k),
                        .operation = Operation::create,
                        .scripts = {cut},
                        .expected = {.error = Errc::truncated, .effect = Effect::unknown, .requests = 1}});
        }
    }
}

BOOST_DATA_TEST_CASE(a_silent_proxy_is_given_up_in_time, both, tls)
{
    ProxyDriver driver{tls};
    std::vector<std::pair<std::string, Script>> cases{
        {"at once", {{steps::hold()}, true}},
        {"after CONNECT", driver.refusal("", {steps::hold()})},
        {"within its response", driver.refusal("HTTP/1.1 200 O", {steps::hold()})}};
    for (const auto& [name, script] : cases) {
        count_case();
        const Observed seen = driver.run(
            {.name = name,
             .scripts = {script},
             .expected = {.error = Errc::timeout, .stage = Stage::connect, .effect = Effect::none, .requests = 0},
             .options = CallOptions{}.retries(false),
             .configure = [](Config& config) { config.timeouts.connect = 100ms; }});
        BOOST_TEST(contains(text_of(seen), "the proxy 127.0.0.1"), text_of(seen));
        const Observed late = driver.run({.name = name + ", by the call's deadline",
                                          .scripts = {script},
                                          .expected = {.error = Errc::timeout, .stage = Stage::connect, .requests = 0},
                                          .options = CallOptions{}.timeout(100ms)});
        BOOST_TEST(contains(text_of(late), "the proxy 127.0.0.1"), text_of(late));
    }
    count_case();
    const Observed beyond = driver.run({.name = "after it opened the tunnel",
                                        .scripts = {driver.refusal(opened, {steps::hold()})},
                                        .expected = {.error = Errc::timeout, .stage = Stage::tls, .requests = 0},
                                        .options = CallOptions{}.timeout(100ms)});
    BOOST_TEST(!contains(text_of(beyond), "proxy"), text_of(beyond));
}

BOOST_DATA_TEST_CASE(a_connect_that_is_half_sent_is_given_up_in_time, both, tls)
{
    ProxyDriver driver{tls};
    for (const std::size_t sent : {0u, 1u, 40u}) {
        count_case();
        driver.run({.name = "after " + std::to_string(sent),
                    .scripts = {{{steps::hold()}, true}},
                    .expected = {.error = Errc::timeout, .stage = Stage::connect, .requests = 0},
                    .call = [sent](Client& client) -> asio::awaitable<Result> {
                        SystemFaults faults;
                        faults.limit_transfers(1);
                        faults.fail(SystemCall::send, EAGAIN, sent);
                        co_return co_await perform(client, Operation::get, CallOptions{}.timeout(100ms));
                    }});
    }
}

BOOST_DATA_TEST_CASE(transfers_of_a_byte_and_interrupted_ones_make_no_difference, both, tls)
{
    ProxyDriver driver{tls};
    count_case();
    driver.run({.name = "a byte at a time",
                .scripts = {},
                .expected = {.kept = true},
                .call = [](Client& client) -> asio::awaitable<Result> {
                    SystemFaults faults;
                    faults.limit_transfers(1);
                    co_return co_await perform(client, Operation::create);
                }});
    for (const SystemCall call : {SystemCall::send, SystemCall::recv})
        for (const int error : {EINTR, EAGAIN}) {
            count_case();
            std::size_t calls = 1;
            for (std::size_t n = 0; n < calls; ++n)
                driver.run({.name = std::string{std::strerror(error)} + " after " + std::to_string(n),
                            .operation = Operation::create,
                            .scripts = {},
                            .expected = {.requests = 1, .kept = true},
                            .call = [&](Client& client) -> asio::awaitable<Result> {
                                SystemFaults faults;
                                faults.fail(call, error, n, 1);
                                Result result = co_await perform(client, Operation::create);
                                calls = faults.calls(call);
                                co_return result;
                            }});
            BOOST_TEST(calls > 1u);
        }
}

BOOST_DATA_TEST_CASE(what_comes_after_the_proxys_response_belongs_to_tls, both, tls)
{
    ProxyDriver driver{tls};
    count_case();
    // An alert of the server's: handshake_failure (RFC 8446, section 6).
    const std::string alert{"\x15\x03\x03\x00\x02\x02\x28", 7};
    const Observed seen = driver.run({.name = "an alert",
                                      .scripts = {driver.refusal(opened + alert)},
                                      .expected = {.error = Errc::tls, .stage = Stage::tls, .requests = 0}});
    BOOST_TEST(contains(text_of(seen), "alert handshake failure"), text_of(seen));
    count_case();
    driver.run({.name = "no TLS",
                .scripts = {driver.refusal(opened + std::string{"HTTP/1.1 200 OK\r\n\r\n"})},
                .expected = {.error = Errc::tls, .stage = Stage::tls, .requests = 0}});
}

BOOST_DATA_TEST_CASE(what_comes_before_the_first_request_answers_none, both, tls)
{
    ProxyDriver driver{tls, false};
    const std::string early = response(429, "Content-Type: application/json\r\n", R"({"code":"too_many_requests"})");
    for (const std::string& bytes : {early, early.substr(0, 1), std::string{"HTTP/1.1 408 Request Timeout\r\n\r\n"}}) {
        count_case();
        const Script script = driver.refusal(opened + bytes, {steps::expect_end()});
        driver.run({.name = "once", .operation = Operation::create, .scripts = {script}, .expected = {.requests = 1}});
        driver.run({.name = "always",
                    .operation = Operation::create,
                    .scripts = {script, script, script},
                    .expected = {.error = Errc::protocol,
                                 .stage = Stage::write,
                                 .effect = Effect::none,
                                 .requests = 0,
                                 .attempts = 3}});
    }
}

BOOST_DATA_TEST_CASE(the_servers_name_is_verified_through_the_tunnel, both, tls)
{
    ProxyDriver driver{tls};
    ScriptServer stranger; // has another authority
    const Identity other = make_identity({.names = "DNS:proxy.example,IP:127.0.0.9"}, &driver.server().authority());
    const Identity untrusted = make_identity({}, &stranger.authority());
    const Identity service = make_identity({.names = "DNS:service.example"}, &driver.server().authority());
    for (const Identity* identity : {&other, &untrusted}) {
        count_case();
        const TlsSettings settings{.identity = identity};
        const Observed seen =
            driver.run({.name = identity == &other ? "another's name" : "nobody's authority",
                        .scripts = {driver.up_to(steps::failing_tls(settings))},
                        .expected = {.error = Errc::tls, .stage = Stage::tls, .requests = 0, .attempts = 1}});
        BOOST_TEST(!contains(text_of(seen), "proxy"), text_of(seen));
    }
    // The name is the server's, which only the proxy can resolve.
    count_case();
    const TlsSettings settings{.identity = &service};
    const Script good{driver.tunnel({steps::serve()}), true};
    Script named = good;
    named.steps[named.steps.size() - 2] = steps::tls(settings);
    driver.server().serve_by(named);
    driver.run(
        {.name = "the server's name", .scripts = {}, .expected = {.kept = true}, .configure = [](Config& config) {
             config.base_url = "https://service.example/v1";
         }});
    BOOST_TEST(driver.heads().back().starts_with("CONNECT service.example:443 HTTP/1.1\r\n"));
    driver.server().serve_by(good);
    driver.server().forget_contexts();
}

BOOST_AUTO_TEST_CASE(a_proxy_that_speaks_no_tls_where_it_must_is_refused)
{
    ProxyDriver driver{true};
    count_case();
    const Observed seen =
        driver.run({.name = "no TLS",
                    .scripts = {{{steps::send_raw("HTTP/1.1 400 Bad Request\r\n\r\n"), steps::expect_end()}, true}},
                    .expected = {.error = Errc::tls, .stage = Stage::connect, .requests = 0, .attempts = 1}});
    BOOST_TEST(contains(text_of(seen), "the proxy 127.0.0.1"), text_of(seen));
}

BOOST_AUTO_TEST_CASE(the_proxys_certificate_is_verified)
{
    ProxyDriver driver{true};
    ScriptServer stranger;
    const Identity other = make_identity({.names = "DNS:localhost,IP:127.0.0.2"}, &driver.server().authority());
    const Identity untrusted = make_identity({}, &stranger.authority());
    for (const Identity* identity : {&other, &untrusted}) {
        count_case();
        const Observed seen =
            driver.run({.name = identity == &other ? "another's name" : "nobody's authority",
                        .scripts = {{{steps::failing_tls({.identity = identity})}}},
                        .expected = {.error = Errc::tls, .stage = Stage::connect, .requests = 0, .attempts = 1},
                        .configure = [](Config& config) { config.proxy.credentials = credentials; }});
        BOOST_TEST(contains(text_of(seen), "the proxy 127.0.0.1"), text_of(seen));
        BOOST_TEST(contains(text_of(seen), "its certificate is refused"), text_of(seen));
    }
    driver.server().forget_contexts();
}

BOOST_AUTO_TEST_CASE(a_proxy_that_demands_a_certificate_is_not_asked_again)
{
    ProxyDriver driver{true};
    const Identity clients = make_identity({.is_authority = true}, nullptr);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const bool resets : {false, true}) {
            count_case();
            Script script{{steps::failing_tls({.max_version = version, .client_authority = &clients})}};
            if (!resets)
                script.steps.push_back(steps::fin());
            const Observed seen =
                driver.run({.name = version == TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3",
                            .scripts = {script},
                            .expected = {.error = Errc::tls, .stage = Stage::connect, .requests = 0, .attempts = 1}});
            BOOST_TEST(contains(text_of(seen), "the proxy 127.0.0.1"), text_of(seen));
            BOOST_TEST(contains(text_of(seen), ": it demands a client certificate"), text_of(seen));
            BOOST_TEST(!seen.result.error->retryable);
        }
    driver.server().forget_contexts();
}

/// Whether the server has TLS does not matter to the proxy.
BOOST_DATA_TEST_CASE(a_reload_replaces_the_authorities_for_the_proxy, both, secure)
{
    count_case();
    count_run();
    ProxyDriver driver{true, secure};
    driver.server().plan({{{steps::failing_tls({})}}});
    Config config = driver.config();
    driver.set_proxy(config);
    const TlsOptions good = config.tls;
    config.tls.ca_pem = ScriptServer{}.ca_pem();
    Client client{driver.context(), config};
    const Result refused = driver.run(perform(client, Operation::get));
    BOOST_TEST(refused.is(Errc::tls));
    BOOST_TEST(client.reload_tls(good).has_value());
    const Result answered = driver.run(perform(client, Operation::get));
    BOOST_TEST(answered.id == "subject");
}

BOOST_DATA_TEST_CASE(after_a_reload_no_call_uses_a_former_connection_through_the_proxy, both, secure)
{
    count_case();
    count_run();
    ProxyDriver driver{true, secure};
    driver.server().plan({});
    Config config = driver.config();
    driver.set_proxy(config);
    Client client{driver.context(), config};
    for (const std::size_t connections : {1u, 2u}) {
        for (int call = 0; call < 2; ++call)
            BOOST_TEST(driver.run(perform(client, Operation::get)).id == "subject");
        BOOST_TEST(driver.server().connections() == connections);
        BOOST_TEST(client.reload_tls(config.tls).has_value());
    }
    TlsOptions other = config.tls;
    other.ca_pem = ScriptServer{}.ca_pem();
    driver.server().plan({{{steps::failing_tls({})}}});
    BOOST_TEST(client.reload_tls(other).has_value());
    BOOST_TEST(driver.run(perform(client, Operation::get)).is(Errc::tls));
}

BOOST_AUTO_TEST_CASE(a_proxy_whose_name_is_unknown_is_named)
{
    count_case();
    count_run();
    ProxyDriver driver;
    driver.server().plan({});
    const ScriptedName proxy{"proxy.example", [](std::string&) { return EAI_NONAME; }};
    Config config = driver.config();
    config.proxy.url = "http://proxy.example:3128";
    Client client{driver.context(), config};
    const Result result = driver.run(perform(client, Operation::get));
    BOOST_TEST(result.is(Errc::dns));
    BOOST_TEST(contains(result.error->message, "the proxy proxy.example:3128: "), result.error->message);
    BOOST_TEST((result.error->stage == Stage::dns));
    BOOST_TEST(result.error->attempts == 1u);
}

BOOST_AUTO_TEST_CASE(the_credentials_are_the_proxys_and_the_api_key_the_servers)
{
    struct Log final : Observer
    {
        void connection_made(const ConnectionMade& made) noexcept override { connections.push_back(made); }
        std::vector<ConnectionMade> connections;
    };
    for (const bool tls : {false, true})
        for (const bool secure : {false, true}) {
            if (!secure)
                continue; // the key passes the proxy in plain HTTP
            ProxyDriver driver{tls, secure};
            count_case();
            const auto log = std::make_shared<Log>();
            const auto with_credentials = [&](Config& config) {
                config.proxy.credentials = credentials;
                config.observer = log;
            };
            const Observed good =
                driver.run({.name = "taken", .scripts = {}, .expected = {}, .configure = with_credentials});
            const std::string echo = std::string{"HTTP/1.1 407 "} + credentials + ' ' + encoded_credentials +
                                     "\r\nX-Request-Id: " + encoded_credentials + "\r\n\r\n" + credentials;
            const Observed refused = driver.run({.name = "refused",
                                                 .scripts = {driver.refusal(echo)},
                                                 .expected = {.error = Errc::connect, .status = 407},
                                                 .configure = with_credentials});
            for (const std::string& head : driver.heads()) {
                BOOST_TEST(contains(head, std::string{"\r\nProxy-Authorization: Basic "} + encoded_credentials));
                BOOST_TEST(!contains(head, canary_api_key));
            }
            for (const SeenRequest& request : good.requests) {
                BOOST_TEST(contains(request.bytes, canary_api_key));
                BOOST_TEST(!contains(request.bytes, "Proxy-"));
                BOOST_TEST(!contains(request.bytes, encoded_credentials));
            }
            for (const std::string_view shown : {credentials, encoded_credentials, "proxy-canary"})
                BOOST_TEST(!contains(text_of(refused), shown));
            BOOST_TEST(refused.result.error->request_id == "");

            BOOST_TEST_REQUIRE(log->connections.size() >= 2u);
            BOOST_TEST(log->connections[0].timings.proxy.count() > 0);
            BOOST_TEST(log->connections[0].timings.tls.count() > 0);
            BOOST_TEST(log->connections[1].timings.proxy.count() > 0);
            BOOST_TEST(log->connections[1].timings.tls.count() == 0);
            BOOST_TEST_REQUIRE(log->connections[1].failure.has_value());
            BOOST_TEST((log->connections[1].failure->code == Errc::connect));
            BOOST_TEST(log->connections[1].failure->http_status == 407);
        }
}

BOOST_DATA_TEST_CASE(much_is_carried_in_both_directions, both, tls)
{
    ProxyDriver driver{tls};
    count_case();
    constexpr std::size_t size = 1'000'000;
    const std::string large =
        response(200, "Content-Type: application/json\r\n",
                 R"({"user":{"id":"subject","email":"jane@example.com","x":")" + std::string(size, 'x') + R"("}})");
    const Observed sent =
        driver.run({.name = "to the server", .scripts = {}, .expected = {.kept = true}, .call = [](Client& client) {
                        return create_large(client, size);
                    }});
    BOOST_TEST(sent.requests.at(0).bytes.size() > size);
    driver.run({.name = "from the server",
                .scripts = {{driver.tunnel({steps::request(), steps::send(large), steps::serve()}), true}},
                .expected = {.kept = true}});
}

BOOST_DATA_TEST_CASE(a_response_through_a_tunnel_that_is_cut_at_any_byte_is_never_a_success, both, tls)
{
    ProxyDriver driver{tls};
    count_case();
    for (std::size_t k = 0; k <= answer.size(); k += 5)
        for (const Step& end : {steps::fin(), steps::rst()}) {
            const Script cut{driver.tunnel({steps::request(), steps::send(answer.substr(0, k)), end})};
            driver.run({.name = "cut after " + std::to_string(k),
                        .operation = Operation::create,
                        .scripts = {cut},
                        .expected = {.error = Errc::truncated, .effect = Effect::unknown, .requests = 1}});
        }
}

BOOST_AUTO_TEST_CASE(tls_messages_that_are_no_data_come_through_the_tunnel)
{
    ProxyDriver driver{true};
    for (const bool answered : {false, true}) {
        count_case();
        driver.run({.name = "new keys of the server's",
                    .scripts = {{driver.tunnel({steps::request(), [=](Peer& peer) { peer.update_key(answered); },
                                                steps::answer(), steps::serve()}),
                                 true}},
                    .expected = {.kept = true}});
    }
}

BOOST_DATA_TEST_CASE(a_call_through_a_proxy_can_be_interrupted_after_every_step, both* data::make({0, 1, 2}), tls, how)
{
    enum { cancelled, client_destroyed, context_destroyed };
    ProxyDriver driver{tls};
    const std::size_t descriptors = open_descriptors();
    count_case();
    bool ended = false;
    std::size_t effective = 0;
    std::size_t n = 1; // before its first step, co_spawn itself may end the coroutine
    for (; !ended; ++n) {
        BOOST_TEST_CONTEXT("step " << n)
        {
            BOOST_REQUIRE(n < 10'000u);
            count_run();
            driver.server().plan({});
            {
                asio::io_context context{1};
                Config config = driver.config();
                driver.set_proxy(config);
                std::optional<Client> client{std::in_place, context, config};
                asio::cancellation_signal signal;
                int completions = 0;
                Result result;
                asio::co_spawn(context, caller(perform(*client, Operation::create)),
                               asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, Result value) {
                                   BOOST_TEST(!error);
                                   ++completions;
                                   result = std::move(value);
                               }));
                for (std::size_t i = 0; i < n && completions == 0; ++i)
                    context.run_one();
                ended = completions > 0;
                if (how == cancelled)
                    signal.emit(asio::cancellation_type::terminal);
                if (how == client_destroyed)
                    client.reset();
                if (how != context_destroyed) {
                    while (completions == 0 && context.run_one() > 0) {
                    }
                    BOOST_TEST(completions == 1);
                    BOOST_TEST(!(result.error && ended));
                    if (result.error)
                        BOOST_TEST(result.is(how == cancelled ? Errc::cancelled : Errc::shut_down));
                    effective += result.error ? 1 : 0;
                    client.reset();
                    context.run();
                }
            }
            BOOST_TEST(driver.server().finish() == "");
            BOOST_TEST(open_descriptors() == descriptors);
        }
    }
    BOOST_TEST(n > 5u);
    // Some must end it before its request is sent; after that, the answer may always come first.
    BOOST_TEST((how == context_destroyed || effective > 0u));
}

BOOST_AUTO_TEST_CASE(many_calls_at_once_to_a_proxy_that_is_gone_end_soon)
{
    count_case();
    count_run();
    ScriptServer gone{true, false}; // refuses connections
    asio::io_context context{1};
    Config config = config_for(gone);
    config.proxy.url = "http://127.0.0.1:" + std::to_string(gone.port());
    config.retry.base = 0ms;
    Client client{context, config};
    constexpr int calls = 5'000;
    int failed = 0;
    for (int i = 0; i < calls; ++i)
        asio::co_spawn(context, perform(client, Operation::create), [&](std::exception_ptr, const Result& result) {
            if (result.is(Errc::connect) && result.error->effect == Effect::none)
                ++failed;
        });
    const auto begin = std::chrono::steady_clock::now();
    context.run();
    BOOST_TEST(failed == calls);
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 20s));
}

BOOST_AUTO_TEST_CASE(sessions_with_the_server_are_resumed_through_the_tunnel)
{
    ProxyDriver driver{true};
    count_case();
    count_run();
    driver.server().plan({{driver.tunnel({steps::request(), steps::answer("Connection: close\r\n")}), true}});
    Config config = driver.config();
    driver.set_proxy(config);
    std::optional<Client> client{std::in_place, driver.context(), config};
    BOOST_TEST(driver.run(get(*client, "first")).id == "first");
    BOOST_TEST(driver.run(get(*client, "second")).id == "second");
    BOOST_TEST(driver.server().resumed() == 2u); // the proxy's and the server's
    client.reset();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
}
