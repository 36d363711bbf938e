// A system that runs out of resources, interrupts calls, or transfers a byte at a time.

#include "driver.hpp"
#include "support/black_hole.hpp"
#include "support/system_calls.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <condition_variable>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

/// The result of a call during which the system failed.
struct Attempted
{
    Result result;
    std::array<std::size_t, system_calls> calls{};
    std::size_t sends_that_signal = 0;
    std::size_t of(SystemCall call) const { return calls[static_cast<std::size_t>(call)]; }
};

/// The sentinel comes after the faults.
std::function<asio::awaitable<Result>(Client&)> call_with(Operation operation,
                                                          std::function<void(SystemFaults&)> prepare, Attempted& seen)
{
    return [=, &seen](Client& client) -> asio::awaitable<Result> {
        SystemFaults faults;
        prepare(faults);
        seen.result = co_await perform(client, operation);
        for (std::size_t call = 0; call < system_calls; ++call)
            seen.calls[call] = faults.calls(static_cast<SystemCall>(call));
        seen.sends_that_signal = faults.sends_that_signal();
        co_return seen.result;
    };
}

const char* expected_id(Operation operation)
{
    return operation == Operation::create ? "created" : "subject";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_system_that_makes_no_connection_is_asked_three_times_and_no_more)
{
    struct Row
    {
        SystemCall call;
        int error;
    };
    std::vector<Row> rows;
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM})
        rows.push_back({SystemCall::socket, error});
    for (const int error :
         {ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENETDOWN, ENOBUFS, EPERM, ECONNREFUSED, ETIMEDOUT})
        rows.push_back({SystemCall::connect, error});
    for (const int error : {ENOSPC, ENOMEM})
        rows.push_back({SystemCall::epoll_add, error});
    Driver driver;
    for (const Row& row : rows)
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            Attempted seen;
            driver.run({.name = std::strerror(row.error),
                        .scripts = {},
                        .expected = {.error = Errc::connect,
                                     .stage = Stage::connect,
                                     .effect = Effect::none,
                                     .requests = 0,
                                     .attempts = 3},
                        .call = call_with(
                            operation, [&](SystemFaults& faults) { faults.fail(row.call, row.error); }, seen)});
            BOOST_TEST(seen.of(row.call) == 3u);
            BOOST_REQUIRE(seen.result.error);
            BOOST_TEST(
                (seen.result.error->cause == boost::system::error_code{row.error, boost::system::system_category()}));
            count_case();
            driver.run({.name = std::string{"once: "} + std::strerror(row.error),
                        .scripts = {},
                        .expected = {.requests = 1, .kept = true},
                        .call = call_with(
                            operation, [&](SystemFaults& faults) { faults.fail(row.call, row.error, 0, 1); }, seen)});
            BOOST_TEST(seen.result.id == expected_id(operation));
        }
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_made_but_can_not_be_watched_is_made_again)
{
    Driver driver;
    for (const int error : {ENOSPC, ENOMEM})
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            Attempted seen;
            const Observed observed = driver.run(
                {.name = std::strerror(error),
                 .scripts = {},
                 .expected = {.requests = 1, .kept = true},
                 .call = call_with(
                     operation, [&](SystemFaults& faults) { faults.fail(SystemCall::epoll_add, error, 1, 1); }, seen)});
            BOOST_TEST(seen.result.id == expected_id(operation));
            BOOST_TEST(seen.of(SystemCall::connect) == 2u);
        }
}

BOOST_AUTO_TEST_CASE(child_processes_inherit_no_connection)
{
    Driver driver;
    for (const bool by_path : {false, true}) {
        count_case();
        count_run();
        driver.plan();
        Config config = driver.config();
        if (by_path)
            config.unix_socket = "/nonexistent/socket";
        Client client{driver.context(), config};
        SystemFaults counted;
        const Result result = driver.run(perform(client, Operation::get));
        BOOST_TEST(result.is(Errc::connect) == by_path);
        BOOST_TEST(counted.calls(SystemCall::socket) > 0u);
        BOOST_TEST(counted.inherited_sockets() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_program_without_a_descriptor_left_is_told_so)
{
    Driver driver;
    count_case();
    driver.run({.name = "EMFILE",
                .operation = Operation::create,
                .scripts = {},
                .expected = {.error = Errc::connect, .effect = Effect::none, .requests = 0, .attempts = 3},
                .call = [](Client& client) -> asio::awaitable<Result> {
                    rlimit limit{};
                    BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
                    const int lowest_free = fcntl(0, F_DUPFD_CLOEXEC, 0);
                    close(lowest_free);
                    const rlimit none{static_cast<rlim_t>(lowest_free), limit.rlim_max};
                    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
                    const Result result = co_await perform(client, Operation::create);
                    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                    BOOST_REQUIRE(result.error);
                    BOOST_TEST((result.error->cause == boost::system::errc::too_many_files_open));
                    co_return result;
                }});
}

BOOST_AUTO_TEST_CASE(bytes_in_segments_of_their_own_are_put_together_in_both_directions)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
        for (const Operation operation : {Operation::get, Operation::create, Operation::find}) {
            count_case();
            Attempted seen;
            const Observed observed =
                driver.run({.name = "a byte at a time",
                            .scripts = {},
                            .expected = {.kept = true},
                            .call = call_with(
                                operation, [](SystemFaults& faults) { faults.limit_transfers(1); }, seen)});
            std::size_t bytes = 0;
            for (const SeenRequest& request : observed.requests)
                bytes += request.bytes.size();
            BOOST_TEST(bytes > 100u);
            BOOST_TEST(seen.of(SystemCall::send) >= bytes);
            BOOST_TEST(seen.sends_that_signal == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_or_premature_transfer_is_made_again)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
        for (const SystemCall call : {SystemCall::send, SystemCall::recv})
            for (const int error : {EINTR, EAGAIN}) {
                count_case();
                Attempted seen;
                for (std::size_t n = 0; n == 0 || n < seen.of(call); ++n)
                    driver.run(
                        {.name = std::string{std::strerror(error)} + " after " + std::to_string(n),
                         .operation = Operation::create,
                         .scripts = {},
                         .expected = {.requests = 1, .kept = true},
                         .call = call_with(
                             Operation::create, [&](SystemFaults& faults) { faults.fail(call, error, n, 1); }, seen)});
                BOOST_TEST(seen.of(call) > 0u);
            }
    }
}

BOOST_AUTO_TEST_CASE(a_transfer_that_fails_at_any_point_is_a_lost_connection)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
        for (const Operation operation : {Operation::get, Operation::create})
            for (const SystemCall call : {SystemCall::send, SystemCall::recv})
                for (const int error : {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH}) {
                    count_case();
                    Attempted seen;
                    for (std::size_t n = 0; n == 0 || n < seen.of(call); ++n) {
                        const auto fail = [&](SystemFaults& faults) { faults.fail(call, error, n, 1); };
                        const auto attempt = call_with(operation, fail, seen);
                        const Observed observed =
                            driver.run({.name = std::string{std::strerror(error)} + " after " + std::to_string(n),
                                        .scripts = {},
                                        .expected = {},
                                        .call = [&](Client& client) -> asio::awaitable<Result> {
                                            co_await attempt(client);
                                            co_return Result{}; // what is due depends on how far it came, see below
                                        }});
                        const auto whole = std::count_if(observed.requests.begin(), observed.requests.end(),
                                                         [](const SeenRequest& request) { return request.whole; });
                        if (seen.result.error) {
                            BOOST_TEST((operation == Operation::create));
                            BOOST_TEST(seen.result.is(Errc::truncated));
                            BOOST_TEST((seen.result.error->effect == Effect::unknown));
                        } else {
                            BOOST_TEST(seen.result.id == expected_id(operation));
                        }
                        BOOST_TEST(whole <= (operation == Operation::create ? 1 : 2));
                    }
                    BOOST_TEST(seen.of(call) > 0u);
                }
    }
}

BOOST_AUTO_TEST_CASE(a_call_on_a_kept_connection_makes_few_system_calls)
{
    constexpr std::size_t calls = 200;
    for (const bool secure : {true, false}) {
        count_case();
        Driver driver{secure};
        driver.server().plan({});
        Client client{driver.context(), driver.config()};
        const auto call_often = [&]() -> asio::awaitable<Result> {
            co_await perform(client, Operation::get);
            SystemFaults counted; // none is planned
            Result result;
            for (std::size_t i = 0; i < calls; ++i) {
                result = co_await perform(client, Operation::get);
                count_run();
            }
            const auto of = [&](SystemCall call) { return static_cast<double>(counted.calls(call)) / calls; };
            BOOST_TEST_CONTEXT((secure ? "TLS" : "plain"))
            {
                BOOST_TEST(of(SystemCall::connect) == 0);
                BOOST_TEST(of(SystemCall::send) == 1);
                BOOST_TEST(of(SystemCall::recv) < 2.1);
                BOOST_TEST(of(SystemCall::epoll_add) == 0);
                BOOST_TEST(of(SystemCall::epoll_modify) < 1.1);
                // One that waits, and one by which Asio looks for other work. There is always room to send, so to ask
                // for it would end the wait before the answer comes.
                BOOST_TEST(of(SystemCall::epoll_wait) < 2.5);
                BOOST_TEST(counted.watches_for_room() == 0u);
            }
            co_return result;
        };
        BOOST_TEST(driver.run(call_often()).id == "subject");
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_answers_is_given_up_in_time)
{
    count_case();
    count_run();
    const BlackHole hole{asio::ip::make_address("127.0.0.1")};
    Driver driver; // for its configuration and its context
    Config config = driver.config();
    config.base_url = "https://127.0.0.1:" + std::to_string(hole.port()) + "/v1";
    const std::size_t descriptors = open_descriptors();
    {
        Client client{driver.context(), config};
        const Result late = driver.run(perform(client, Operation::create, CallOptions{}.timeout(150ms)));
        BOOST_TEST(late.is(Errc::timeout));
        BOOST_REQUIRE(late.error);
        BOOST_TEST((late.error->stage == Stage::connect));
        BOOST_TEST((late.error->effect == Effect::none));
        BOOST_TEST((late.error->elapsed < 5s));
    }
    config.timeouts.connect = 100ms;
    {
        Client client{driver.context(), config};
        const Result late = driver.run(perform(client, Operation::create));
        BOOST_TEST(late.is(Errc::timeout));
        BOOST_REQUIRE(late.error);
        BOOST_TEST((late.error->stage == Stage::connect));
        BOOST_TEST(late.error->attempts == 3u);
    }
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(open_descriptors() == descriptors);
}

BOOST_AUTO_TEST_CASE(a_look_up_of_three_seconds_delays_neither_its_caller_nor_others_nor_the_end)
{
    count_case();
    count_run();
    struct Shared
    {
        std::mutex mutex;
        std::condition_variable changed;
        bool go = false;
        bool ended = false;
    };
    const auto shared = std::make_shared<Shared>();
    const ScriptedName slow_name{"slow.example", [shared](std::string& address) {
                                     std::unique_lock lock{shared->mutex};
                                     shared->changed.wait_for(lock, 3s, [&] { return shared->go; });
                                     shared->ended = true;
                                     shared->changed.notify_all();
                                     address = "127.0.0.1";
                                     return 0;
                                 }};
    const auto look_up_has_ended = [&] {
        const std::lock_guard lock{shared->mutex};
        return shared->ended;
    };
    const ScriptedName fast_name{"fast.example"};
    ScriptServer server{false}; // has no certificate for these names
    server.plan({});
    const auto config_by_name = [&](const std::string& name) {
        Config config = config_for(server, name);
        config.allow_plain_http = true;
        return config;
    };
    {
        asio::io_context context;
        Client slow{context, config_by_name("slow.example")};
        Client fast{context, config_by_name("fast.example")};

        std::optional<Result> late, other;
        asio::co_spawn(context, perform(slow, Operation::get, CallOptions{}.timeout(200ms)),
                       [&](std::exception_ptr, Result value) { late.emplace(std::move(value)); });
        asio::co_spawn(context, perform(fast, Operation::get), [&](std::exception_ptr, Result value) {
            BOOST_TEST(!late);
            other.emplace(std::move(value));
        });
        while (!late || !other)
            context.run_one();
        BOOST_TEST(other->id == "subject");
        BOOST_TEST(late->is(Errc::timeout));
        BOOST_REQUIRE(late->error);
        BOOST_TEST((late->error->stage == Stage::dns));
        BOOST_TEST((late->error->effect == Effect::none));
        BOOST_TEST((late->error->elapsed >= 200ms));
        BOOST_TEST(!look_up_has_ended());
    }
    // The clients and their context are gone, and the lookup goes on.
    std::unique_lock lock{shared->mutex};
    BOOST_TEST(!shared->ended);
    shared->go = true;
    shared->changed.notify_all();
    shared->changed.wait(lock, [&] { return shared->ended; });
}

BOOST_AUTO_TEST_CASE(a_name_that_can_not_be_looked_up_now_is_looked_up_again)
{
    struct Row
    {
        const char* name;
        int status;
        unsigned attempts;
        boost::system::error_code cause;
    };
    Driver driver;
    for (const Row& row : std::vector<Row>{{"no such name", EAI_NONAME, 1, asio::error::host_not_found},
                                           {"no address", EAI_NODATA, 1, asio::error::host_not_found},
                                           {"refused", EAI_FAIL, 1, asio::error::no_recovery},
                                           {"no answer", EAI_AGAIN, 3, asio::error::host_not_found_try_again},
                                           {"no descriptor", EAI_SYSTEM, 3, asio::error::no_descriptors}}) {
        count_case();
        count_run();
        std::atomic<unsigned> lookups = 0;
        const ScriptedName name{"host.example", [&](std::string&) {
                                    ++lookups;
                                    errno = EMFILE;
                                    return row.status;
                                }};
        Config config = driver.config();
        config.base_url = driver.server().url("host.example");
        Client client{driver.context(), config};
        const Result result = driver.run(perform(client, Operation::create));
        BOOST_TEST_CONTEXT(row.name)
        {
            BOOST_TEST(result.is(Errc::dns));
            BOOST_REQUIRE(result.error);
            BOOST_TEST((result.error->stage == Stage::dns));
            BOOST_TEST((result.error->effect == Effect::none));
            BOOST_TEST(result.error->attempts == row.attempts);
            BOOST_TEST(result.error->cause == row.cause);
            BOOST_TEST(lookups == row.attempts);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_look_up_without_memory_ends_as_a_lack_of_memory)
{
    struct Row
    {
        const char* name;
        std::function<int()> fail;
    };
    Driver driver;
    for (const Row& row : std::vector<Row>{{"the C library's", [] { return EAI_MEMORY; }},
                                           {"the system's",
                                            [] {
                                                errno = ENOMEM;
                                                return EAI_SYSTEM;
                                            }},
                                           {"the program's", []() -> int { throw std::bad_alloc{}; }}}) {
        count_case();
        count_run();
        const ScriptedName name{"host.example", [&](std::string&) { return row.fail(); }};
        Config config = driver.config();
        config.base_url = driver.server().url("host.example");
        Client client{driver.context(), config};
        std::optional<expected<UserInfo>> result;
        client.get_user("subject", [&](expected<UserInfo> user) { result.emplace(std::move(user)); });
        driver.context().restart();
        driver.context().run();
        BOOST_TEST_CONTEXT(row.name)
        {
            BOOST_TEST_REQUIRE((result && !*result));
            BOOST_TEST((result->error().code == Errc::no_memory), result->error());
            BOOST_TEST((result->error().effect == Effect::none));
            BOOST_CHECK_THROW(driver.run(perform(client, Operation::get)), std::bad_alloc);
        }
    }
}
