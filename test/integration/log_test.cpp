// What a log observer writes of calls to the emulator with faults, and to a server that keeps to a script.

#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/service.hpp"

#include <passage/log_observer.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

struct Line
{
    LogSeverity severity;
    std::string text;

    bool has(std::string_view part) const { return text.find(part) != text.npos; }
};

/// Keeps the lines of any thread.
class Lines
{
public:
    LogFunction function()
    {
        return [this](LogSeverity severity, std::string_view text) {
            const std::lock_guard lock{mutex_};
            lines_.push_back({severity, std::string{text}});
        };
    }

    std::vector<Line> take()
    {
        const std::lock_guard lock{mutex_};
        return std::exchange(lines_, {});
    }

private:
    std::mutex mutex_;
    std::vector<Line> lines_;
};

/// All that there is to write.
LogOptions everything()
{
    LogOptions options;
    options.slow_after = 0ms;
    options.replay = options.attempt = options.connection = LogSeverity::debug;
    options.successful_call = options.cancelled_call = LogSeverity::info;
    options.failed_call = options.failed_connection = LogSeverity::error;
    return options;
}

struct Fixture
{
    Config config(const LogOptions& options = {})
    {
        Config config = service.config();
        config.retry.base = 1ms;
        config.observer = make_log_observer(lines.function(), options);
        return config;
    }

    expected<UserInfo> get(const Config& config)
    {
        Client client{context, config};
        return run(context, client.get_user(id));
    }

    test::Service service;
    std::string id = service.emulator.plant_user(R"({"email":"jane.doe@example.com"})");
    asio::io_context context;
    Lines lines;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_call_without_faults_is_not_written_by_default, Fixture)
{
    BOOST_TEST(get(config()).has_value());
    BOOST_TEST(lines.take().empty());
}

BOOST_FIXTURE_TEST_CASE(each_retry_is_written_with_what_failed, Fixture)
{
    service.emulator.set_faults(Faults{}.error(503));
    BOOST_TEST((get(config()).error().http_status == 503));
    auto written = lines.take();
    BOOST_REQUIRE(written.size() == 2u);
    for (const Line& line : written) {
        BOOST_TEST((line.severity == LogSeverity::warning));
        BOOST_TEST(line.text.starts_with("get_user: attempt "), line.text);
        BOOST_TEST(line.has(" failed: 503, retry in "), line.text);
        BOOST_TEST(line.has("(GET /users/{user_id}, "), line.text);
    }
    BOOST_TEST(written[1].has("attempt 2 "));

    service.emulator.set_faults(Faults{}.reset());
    BOOST_TEST((get(config()).error().code == Errc::truncated));
    written = lines.take();
    BOOST_REQUIRE(written.size() == 2u);
    BOOST_TEST(written[0].has(" failed: truncated (response): "), written[0].text);
}

BOOST_FIXTURE_TEST_CASE(a_slow_call_is_written, Fixture)
{
    LogOptions options;
    options.slow_after = 30ms;
    service.emulator.set_faults(Faults{}.latency(40ms));
    BOOST_TEST(get(config(options)).has_value());
    const auto written = lines.take();
    BOOST_REQUIRE(written.size() == 1u);
    BOOST_TEST((written[0].severity == LogSeverity::warning));
    BOOST_TEST(written[0].text.starts_with("get_user: succeeded in "), written[0].text);
    BOOST_TEST(written[0].has(", attempts 1 "), written[0].text);
}

BOOST_FIXTURE_TEST_CASE(a_call_that_no_connection_is_made_for_is_written_whole, Fixture)
{
    Config other_roots = config(everything());
    other_roots.tls.ca_pem = Emulator{}.ca_pem();
    BOOST_TEST((get(other_roots).error().code == Errc::tls));
    const auto written = lines.take();
    BOOST_REQUIRE(written.size() == 3u);
    BOOST_TEST(written[0].text.starts_with("connection to localhost port "), written[0].text);
    BOOST_TEST(written[0].has(" failed: tls (tls), dns "), written[0].text);
    BOOST_TEST(written[1].text.starts_with("get_user: attempt 1 failed: tls (tls), "), written[1].text);
    BOOST_TEST(written[2].text.starts_with("get_user: failed in "), written[2].text);
    BOOST_TEST((written[2].severity == LogSeverity::error));
}

BOOST_FIXTURE_TEST_CASE(no_line_has_a_secret_or_an_id, Fixture)
{
    service.emulator.set_faults(Faults{}.error(500, 0.2).reset(0.1).cut_after(30, 0.1));
    {
        Client client{context, config(everything())};
        run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
            const auto update = UpdateUserRequest{}.email("john.roe@example.com");
            for (int i = 0; i < 20; ++i) {
                (void)co_await psg.get_user(known);
                (void)co_await psg.update_user(known, update);
                (void)co_await psg.get_user_by_identifier("john.roe@example.com");
                (void)co_await psg.get_user("not-there");
                (void)co_await psg.delete_user_device(known, "my-device");
            }
        }(client, id));
    }
    const auto written = lines.take();
    BOOST_TEST(written.size() > 300u); // 100 calls, each with an attempt, a connection for all, an end
    const std::string key = test::canary_api_key;
    for (const Line& line : written)
        for (const std::string& secret : {id, key, key.substr(0, 8), std::string{"roe@"}, std::string{"not-there"},
                                          std::string{"my-device"}, std::string{"\n"}})
            BOOST_TEST(!line.has(secret), line.text);
}

BOOST_FIXTURE_TEST_CASE(a_function_that_throws_breaks_no_call, Fixture)
{
    service.emulator.set_faults(Faults{}.error(503, 0.3));
    std::atomic<int> calls = 0;
    Config throwing = config();
    throwing.retry.max_attempts = 20;
    throwing.observer = make_log_observer(
        [&](LogSeverity, std::string_view) {
            ++calls;
            throw std::runtime_error{"the disk is full"};
        },
        everything());
    Client client{context, throwing};
    for (int i = 0; i < 20; ++i)
        BOOST_TEST(run(context, client.get_user(id)).has_value());
    BOOST_TEST(calls > 40);
}

BOOST_FIXTURE_TEST_CASE(calls_of_many_threads_write_whole_lines, Fixture)
{
    LogOptions options = everything();
    options.attempt.reset();
    options.connection.reset();
    {
        asio::thread_pool pool{4};
        Client client{pool, config(options)};
        std::vector<std::future<expected<UserInfo>>> users;
        for (int i = 0; i < 300; ++i)
            users.push_back(asio::co_spawn(pool, client.get_user(id), asio::use_future));
        for (auto& user : users)
            BOOST_TEST(user.get().has_value());
    }
    const auto written = lines.take();
    BOOST_TEST(written.size() == 300u);
    for (const Line& line : written) {
        BOOST_TEST(line.text.starts_with("get_user: succeeded in "), line.text);
        BOOST_TEST(line.text.ends_with(")"), line.text);
    }
}

BOOST_AUTO_TEST_CASE(what_a_hostile_server_says_stays_in_its_line)
{
    test::ScriptServer server;
    server.plan({{{steps::tls(), steps::request(),
                   steps::send(test::response(
                       400, "Content-Type: application/json\r\nX-Request-Id: " + std::string(3000, 'x') + "\r\n",
                       R"({"code":"a\n2026-11-26 root: all is well\r\u001b[2J\u2028b","error":"no\nno"})"))}}});
    Lines lines;
    Config config = test::config_for(server);
    config.observer = make_log_observer(lines.function(), everything());
    asio::io_context context;
    {
        Client client{context, config};
        BOOST_TEST((run(context, client.get_user("subject")).error().code == Errc::api));
    }
    const auto written = lines.take();
    BOOST_REQUIRE(!written.empty());
    for (const Line& line : written) {
        BOOST_TEST(line.text.size() <= 1024u);
        BOOST_TEST(std::ranges::all_of(line.text, [](char c) { return c >= 0x20 && c < 0x7f; }), line.text);
    }
    BOOST_TEST(written.back().has(R"(: 400 a\x0a2026-11-26 root: all is well\x0d\x1b[2J\xe2\x80\xa8b, request id xxx)"),
               written.back().text);
    context.restart();
    context.run();
    BOOST_TEST(server.finish() == "");
}
