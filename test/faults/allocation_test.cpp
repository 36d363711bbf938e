// Calls during which the Nth allocation fails, for every N: of the library, of Asio and of nghttp2, on the client's
// thread and on that of a lookup.

#include "driver.hpp"
#include "scarce_memory.hpp"
#include "support/system_calls.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <utility>

using namespace passage;
using namespace passage::test;
using namespace passage::test::scarce_memory;

/// Asio's memory.
extern "C" [[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    void* memory = nullptr;
    if (fails_now() || posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0)
        return nullptr;
    return memory;
}

namespace {

using Calls = std::vector<asio::awaitable<Result>>;

template <class T>
asio::awaitable<Result> as_result(asio::awaitable<expected<T>> call)
{
    Result result;
    expected<T> outcome = co_await std::move(call);
    if (!outcome)
        result.error = std::move(outcome.error());
    co_return result;
}

template <class T>
asio::awaitable<Result> as_result(asio::awaitable<std::vector<expected<T>>> batch)
{
    Result result;
    for (expected<T>& outcome : co_await std::move(batch))
        if (!outcome)
            result.error = std::move(outcome.error());
    co_return result;
}

/// The calls during which memory runs out, and their circumstances.
struct Scenario
{
    const char* name;
    Calls (*calls)(Client&);
    std::size_t connections = 1;
    bool warm = false;    ///< A connection is there already.
    bool cut = false;     ///< The server has ended that connection.
    bool by_name = false; ///< The server's address has to be looked up.
    /// Called when the calls have begun to wait, with memory short from then on only. The signal is the first call's.
    void (*interrupt)(std::optional<Client>&, asio::cancellation_signal&) = nullptr;
    bool all = false; ///< Not one allocation fails during the interruption, but all.
    bool retries = true;
    bool short_sends = false; ///< The system accepts a few bytes at a time.
    bool of_dialling = false; ///< It is about how a connection is made, whatever is spoken on it.
    std::string proxy = {};   ///< The scheme of a proxy's URL; "": there is none.
    bool observed = false;    ///< Of one call at a time.
};

Calls one(Client& client)
{
    Calls calls;
    calls.push_back(perform(client, Operation::get));
    return calls;
}

Calls creation(Client& client)
{
    Calls calls;
    calls.push_back(perform(client, Operation::create));
    return calls;
}

/// Whose body does not fit into what HTTP/2 lets a client send at first.
Calls large_creation(Client& client)
{
    Calls calls;
    calls.push_back(create_large(client, 100'000));
    return calls;
}

Calls two_requests(Client& client)
{
    Calls calls;
    calls.push_back(perform(client, Operation::find));
    return calls;
}

Calls several(Client& client)
{
    Calls calls;
    for (int i = 0; i < 3; ++i)
        calls.push_back(perform(client, Operation::get));
    return calls;
}

Calls batch(Client& client)
{
    Calls calls;
    calls.push_back(as_result(get_users(client, {"a", "b", "c", "d"}, BatchOptions{}.window(2))));
    return calls;
}

/// The user's id is long, so that copying a result takes memory.
Calls batch_of_equal_ids(Client& client)
{
    const std::string id(40, 'a');
    Calls calls;
    calls.push_back(as_result(get_users(client, {id, "b", id})));
    return calls;
}

void close(std::optional<Client>& client, asio::cancellation_signal&)
{
    client->close();
}

void destroy(std::optional<Client>& client, asio::cancellation_signal&)
{
    client.reset();
}

/// Counts what it is told of. Allocates nothing.
struct Counts final : Observer, CallObserver, std::enable_shared_from_this<Counts>
{
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        attempts = 0;
        return shared_from_this();
    }
    std::optional<TraceParent> attempt_started(const AttemptStarted&) noexcept override
    {
        ++attempts;
        return std::nullopt;
    }
    void attempt_ended(const AttemptEnded&) noexcept override { --attempts; }
    void ended(const CallEnded&) noexcept override { endless_attempts += attempts; }

    int attempts = 0;         ///< Of the current call: started and not ended.
    int endless_attempts = 0; ///< Of calls that ended.
};

const char* const looked_up = "host.example";

void cancel(std::optional<Client>&, asio::cancellation_signal& signal)
{
    try {
        signal.emit(asio::cancellation_type::terminal);
    } catch (const std::bad_alloc&) {
        // the call goes on
    }
}

const std::vector<Scenario> scenarios{
    {.name = "get", .calls = &one},
    {.name = "get, warm", .calls = &one, .warm = true},
    {.name = "get on a connection that was cut", .calls = &one, .warm = true, .cut = true, .of_dialling = true},
    {.name = "create", .calls = &creation, .of_dialling = true},
    {.name = "create, warm", .calls = &creation, .warm = true},
    {.name = "create, large, warm", .calls = &large_creation, .warm = true},
    {.name = "find", .calls = &two_requests, .of_dialling = true},
    {.name = "find, warm", .calls = &two_requests, .warm = true},
    {.name = "get by name", .calls = &one, .by_name = true, .of_dialling = true},
    {.name = "calls that share a lookup", .calls = &several, .connections = 3, .by_name = true, .of_dialling = true},
    {.name = "get without retries", .calls = &one, .retries = false},
    {.name = "get by name without retries", .calls = &one, .by_name = true, .retries = false, .of_dialling = true},
    {.name = "create, with short sends", .calls = &creation, .retries = false, .short_sends = true},
    {.name = "get through a proxy", .calls = &one, .of_dialling = true, .proxy = "http"},
    {.name = "get through a proxy, without retries",
     .calls = &one,
     .retries = false,
     .of_dialling = true,
     .proxy = "http"},
    {.name = "get through a proxy with TLS", .calls = &one, .of_dialling = true, .proxy = "https"},
    {.name = "close while connecting to a proxy",
     .calls = &several,
     .interrupt = &close,
     .of_dialling = true,
     .proxy = "https"},
    {.name = "get, observed", .calls = &one, .observed = true},
    {.name = "find, warm, observed", .calls = &two_requests, .warm = true, .observed = true},
    {.name = "several calls", .calls = &several},
    {.name = "several calls, warm", .calls = &several, .warm = true},
    {.name = "batch", .calls = &batch},
    {.name = "batch of equal ids", .calls = &batch_of_equal_ids, .warm = true},
    {.name = "batch, two connections", .calls = &batch, .connections = 2, .of_dialling = true},
    {.name = "cancel", .calls = &several, .warm = true, .interrupt = &cancel},
    {.name = "close", .calls = &several, .warm = true, .interrupt = &close},
    {.name = "close while connecting", .calls = &several, .by_name = true, .interrupt = &close, .of_dialling = true},
    {.name = "destroy", .calls = &several, .warm = true, .interrupt = &destroy},
    {.name = "cancel without any memory", .calls = &several, .warm = true, .interrupt = &cancel, .all = true},
    {.name = "close without any memory", .calls = &several, .warm = true, .interrupt = &close, .all = true},
    {.name = "destroy without any memory", .calls = &several, .warm = true, .interrupt = &destroy, .all = true},
    {.name = "destroy while connecting, without any memory",
     .calls = &several,
     .by_name = true,
     .interrupt = &destroy,
     .all = true,
     .of_dialling = true},
};

/// A scenario over a version of HTTP.
struct Row
{
    Scenario scenario;
    HttpVersion version;
};

std::ostream& operator<<(std::ostream& out, const Row& row)
{
    return out << row.scenario.name << ", " << name_of(row.version);
}

std::vector<Row> rows()
{
    std::vector<Row> all;
    for (const HttpVersion version : versions)
        for (const Scenario& scenario : scenarios)
            if (version == HttpVersion::http1 || !scenario.of_dialling)
                all.push_back({scenario, version});
    return all;
}

struct Outcomes
{
    std::size_t begun = 0;
    std::vector<Result> results;
    std::size_t thrown = 0;            ///< Out of a call.
    std::size_t thrown_by_context = 0; ///< A call may have been lost.

    std::size_t ended() const noexcept { return results.size() + thrown; }
};

/// Begins calls. What can't even begin has thrown.
void begin(asio::io_context& context, Client& client, const Scenario& scenario, asio::cancellation_slot of_first,
           Outcomes& outcomes)
{
    Calls calls;
    try {
        calls = scenario.calls(client);
    } catch (const std::bad_alloc&) {
        ++outcomes.begun;
        ++outcomes.thrown;
    }
    for (auto& call : calls) {
        ++outcomes.begun;
        try {
            asio::co_spawn(
                context, std::move(call),
                asio::bind_cancellation_slot(std::exchange(of_first, {}), [&](std::exception_ptr error, Result result) {
                    if (error)
                        ++outcomes.thrown;
                    else
                        outcomes.results.push_back(std::move(result));
                }));
        } catch (const std::bad_alloc&) {
            ++outcomes.thrown;
        }
    }
}

/// Runs the context until all calls have ended, or there is nothing left to do.
void run(asio::io_context& context, Outcomes& outcomes)
{
    context.restart();
    for (bool goes_on = true; goes_on;) {
        try {
            goes_on = outcomes.ended() < outcomes.begun && context.run_one() > 0;
        } catch (const std::bad_alloc&) {
            ++outcomes.thrown_by_context;
        }
    }
}

bool run_with_failure(Driver& driver, const Scenario& scenario, long n)
{
    asio::io_context& context = driver.context();
    count_run();
    const std::size_t descriptors = open_descriptors();
    std::promise<void> is_cut;
    if (scenario.cut)
        driver.plan({{{steps::tls(), steps::request(), steps::send(answer_with_user("warm")), [&](Peer& peer) {
                           peer.fin();
                           is_cut.set_value();
                       }}}});
    else
        driver.plan();
    Config config = driver.config();
    if (scenario.by_name)
        config.base_url = driver.server().url(looked_up);
    config.allow_plain_http = scenario.by_name;
    if (!scenario.retries)
        config.retry.max_attempts = 1;
    if (!scenario.proxy.empty())
        config.proxy.url = scenario.proxy + "://127.0.0.1:" + std::to_string(driver.server().port());
    const auto counts = std::make_shared<Counts>();
    if (scenario.observed)
        config.observer = counts;
    config.pool.max_connections = scenario.connections;
    config.timeouts.total = config.timeouts.attempt = config.timeouts.connect = std::chrono::seconds{5};
    SystemFaults faults;
    if (scenario.short_sends)
        faults.limit_transfers(64);
    std::optional<Client> client{std::in_place, context, config};
    if (scenario.warm)
        BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");
    if (scenario.cut)
        BOOST_REQUIRE((is_cut.get_future().wait_for(ScriptServer::patience) == std::future_status::ready));

    // Copies of results, and the test's own work, have all the memory that they need.
    asio::cancellation_signal signal;
    Outcomes outcomes;
    outcomes.results.reserve(8);
    const auto fail = [&](bool all) {
        all_fail = all;
        allocations_left = n;
    };
    if (!scenario.interrupt)
        fail(false);
    begin(context, *client, scenario, scenario.interrupt == &cancel ? signal.slot() : asio::cancellation_slot{},
          outcomes);
    if (scenario.interrupt) {
        context.restart();
        context.poll_one();
        context.poll_one();
        context.poll_one();
        fail(scenario.all);
        scenario.interrupt(client, signal);
        if (scenario.all)
            allocations_left = -1;
    }
    run(context, outcomes);
    const bool failed = !scenario.all && allocations_left < 0;
    allocations_left = -1;
    BOOST_TEST(counts->endless_attempts == 0);

    // One call may end with what was thrown; the others have results, and none had to wait for its deadline.
    BOOST_TEST(outcomes.ended() + outcomes.thrown_by_context >= outcomes.begun);
    if (scenario.retries)
        BOOST_TEST(outcomes.thrown + outcomes.thrown_by_context <= 1u);
    const Errc interrupted = scenario.interrupt == &cancel ? Errc::cancelled : Errc::shut_down;
    for (const Result& result : outcomes.results) {
        if (result.error && !(failed && result.is(Errc::no_memory)))
            BOOST_TEST((scenario.interrupt && result.is(interrupted)), *result.error);
    }
    BOOST_TEST(driver.posts_seen() <= 1u);
    if (scenario.interrupt && scenario.interrupt != &cancel) {
        if (client)
            BOOST_TEST(driver.run(get(*client, "late")).is(Errc::shut_down));
        client.emplace(context, config);
    }
    BOOST_TEST(driver.run(get(*client, "sentinel")).id == "sentinel");
    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(driver.server().finish() == "");
    BOOST_TEST(open_descriptors() == descriptors);
    return failed;
}

} // namespace

BOOST_DATA_TEST_CASE(every_allocation_may_fail, boost::unit_test::data::make(rows()), row)
{
    const ScriptedName name{looked_up, [](std::string& address) {
                                takes_part = true;
                                address = "127.0.0.1";
                                return 0;
                            }};
    takes_part = true;
    Driver driver{!row.scenario.by_name, row.version}; // the server has no certificate for the name
    if (!row.scenario.proxy.empty()) {
        Script tunnel{{steps::open_tunnel(), steps::tls(), steps::serve()}, true};
        if (row.scenario.proxy == "https")
            tunnel.steps.insert(tunnel.steps.begin(), steps::tls());
        driver.server().serve_by(std::move(tunnel));
    }
    count_case();
    bool failed = true;
    long n = 0;
    for (; failed; ++n)
        BOOST_TEST_CONTEXT(row << ", allocation " << n)
    failed = run_with_failure(driver, row.scenario, n);
    BOOST_TEST((row.scenario.all || n > 1)); // else none failed
    takes_part = false;
}
