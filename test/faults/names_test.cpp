// Lookups of the server's name that are slow, fail, or answer oddly.

#include "api/operations.hpp"
#include "client/client_state.hpp"
#include "client/operation_call.hpp"
#include "support/black_hole.hpp"
#include "support/figures.hpp"
#include "support/script_config.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <netdb.h>
#include <thread>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;
using Answer = expected<net::Addresses, Failure>;

const asio::ip::address loopback = asio::ip::make_address("127.0.0.1");
const asio::ip::address nobody = asio::ip::make_address("127.0.0.2"); ///< Nothing listens there.

/// The configuration for a server by a name that is looked up. Uses plain HTTP, as there is no certificate for the
/// name.
Config by_name(const ScriptServer& server, const std::string& name = "service.example")
{
    Config config = config_for(server, name);
    config.allow_plain_http = true;
    config.retry.base = 0ms;
    return config;
}

Answer failure(int code, bool transient)
{
    Failure failed{Error{Errc::dns, "scripted"}, transient};
    failed.error.stage = Stage::dns;
    failed.error.cause = {code, asio::error::get_addrinfo_category()};
    return unexpected{std::move(failed)};
}

/// Counts the attempts of the last call that ended.
class Attempts final : public Observer, public CallObserver
{
public:
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        return {std::shared_ptr<void>{}, static_cast<CallObserver*>(this)};
    }
    void ended(const CallEnded& call) noexcept override { number = call.attempts; }

    std::atomic<unsigned> number = 0;
};

struct Outcome
{
    expected<UserInfo> result;
    unsigned attempts = 0;
};

/// The internals of a client, with a lookup function of the test.
struct Caller
{
    Caller(asio::io_context& on, const ScriptServer& server, net::Lookup lookup)
        : Caller{on, by_name(server), std::move(lookup)}
    {}
    Caller(asio::io_context& on, Config config, net::Lookup lookup) : context{on}
    {
        config.observer = attempts;
        client_state = client::ClientState::create(on.get_executor(), config, std::move(lookup)).value();
        count_run();
    }
    ~Caller() { client_state->close(); }

    asio::awaitable<expected<UserInfo>> get_user(const CallOptions& options = {}) const
    {
        std::shared_ptr<detail::Operation<expected<UserInfo>>> call = std::make_shared<client::OperationCall<UserInfo>>(
            client_state, api::get_user, options, client_state->requests().build(api::get_user, "subject"), nullptr);
        return detail::initiate(std::move(call), context.get_executor(), asio::use_awaitable);
    }

    std::shared_ptr<std::optional<Outcome>> start(const CallOptions& options = {})
    {
        auto result = std::make_shared<std::optional<Outcome>>();
        asio::co_spawn(context, get_user(options),
                       [result, counted = attempts](std::exception_ptr, expected<UserInfo> user) {
                           result->emplace(Outcome{std::move(user), counted->number.load()});
                       });
        return result;
    }

    Outcome call(const CallOptions& options = {})
    {
        const auto result = start(options);
        context.restart();
        while (!*result && context.run_one() > 0) {
        }
        return std::move(result->value());
    }

    asio::io_context& context;
    std::shared_ptr<Attempts> attempts = std::make_shared<Attempts>();
    std::shared_ptr<client::ClientState> client_state;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_look_up_that_hangs_holds_up_neither_its_caller_nor_others)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    std::latch go{1};
    auto ended = std::make_shared<std::latch>(1);
    asio::io_context context;
    const auto begin = Clock::now();
    {
        Caller slow{context, server, [&go, ended](const std::string&) -> Answer {
                        go.wait(); // blocks like a resolver whose server is silent
                        ended->count_down();
                        return net::Addresses{loopback};
                    }};
        Caller fast{context, server, [](const std::string&) -> Answer { return net::Addresses{loopback}; }};
        const auto late = slow.start(CallOptions{}.timeout(200ms));
        const Outcome other = fast.call();
        BOOST_TEST(other.result.has_value());
        BOOST_TEST(!late->has_value()); // answered while the other one still waits

        context.restart();
        while (!*late && context.run_one() > 0) {
        }
        BOOST_REQUIRE(!late->value().result);
        const Error& error = late->value().result.error();
        BOOST_TEST((error.code == Errc::timeout));
        BOOST_TEST((error.stage == Stage::dns));
        BOOST_TEST((error.effect == Effect::none));
        BOOST_TEST((Clock::now() - begin >= 200ms));
    }
    context.restart();
    context.run();
    // All of it, the clients' end included, while the lookup has not returned.
    BOOST_TEST(!ended->try_wait());
    go.count_down();
    ended->wait();
}

BOOST_AUTO_TEST_CASE(a_host_that_moved_is_found_though_its_addresses_are_fresh)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    std::atomic<int> lookups = 0;
    Caller caller{context, server,
                  [&](const std::string&) -> Answer { return net::Addresses{lookups++ == 0 ? nobody : loopback}; }};
    const auto begin = Clock::now();
    while (!caller.call().result) {
    }
    BOOST_TEST(lookups.load() == 2);
    BOOST_TEST((Clock::now() - begin < net::AddressCache::fresh_for));
}

BOOST_AUTO_TEST_CASE(known_addresses_are_used_when_the_name_server_falls_silent)
{
    count_case();
    count_run();
    asio::io_context context{1};
    const auto go = std::make_shared<std::latch>(1);
    const auto lookups = std::make_shared<std::atomic<int>>(0);
    const net::Strand strand{asio::any_io_executor{context.get_executor()}};
    net::HostResolver resolver{strand, "service.example", [go, lookups](const std::string&) -> Answer {
                                   if (lookups->fetch_add(1) == 0)
                                       return net::Addresses{nobody};
                                   go->wait();
                                   return net::Addresses{loopback};
                               }};
    const auto resolve = [&] {
        const auto found = std::make_shared<std::optional<net::Addresses>>();
        asio::co_spawn(strand, resolver.resolve(),
                       [found](std::exception_ptr, Answer answer) { *found = answer ? *answer : net::Addresses{}; });
        context.restart();
        while (!*found && context.run_one_for(ScriptServer::patience) > 0) {
        }
        return *found;
    };
    BOOST_TEST((resolve() == net::Addresses{nobody}));
    resolver.suspect(); // which makes the next lookup due after a second, rather than a minute
    const auto begin = Clock::now();
    while (*lookups == 1 && resolve() == net::Addresses{nobody}) {
    }
    BOOST_TEST(lookups->load() == 2);
    BOOST_TEST((Clock::now() - begin >= net::AddressCache::slow_after_suspicion));
    const auto again = Clock::now();
    BOOST_TEST((resolve() == net::Addresses{nobody})); // at once, as the lookup has been slow already
    BOOST_TEST((Clock::now() - again < net::AddressCache::slow_after));
    go->count_down();
    while (resolve() == net::Addresses{nobody}) {
    }
    BOOST_TEST((resolve() == net::Addresses{loopback}));
    BOOST_TEST(lookups->load() == 2);
}

BOOST_AUTO_TEST_CASE(a_look_up_may_outlive_client_and_context)
{
    count_case();
    ScriptServer server{false};
    auto go = std::make_shared<std::latch>(1);
    auto ended = std::make_shared<std::latch>(1);
    {
        asio::io_context context;
        Caller caller{context, server, [go, ended](const std::string&) -> Answer {
                          go->wait();
                          ended->count_down();
                          return net::Addresses{loopback};
                      }};
        caller.start();
        context.poll();
    }
    go->count_down();
    ended->wait();
}

BOOST_AUTO_TEST_CASE(a_client_is_destroyed_on_another_thread_while_a_look_up_ends)
{
    count_case();
    ScriptServer server;
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread runs{[&] { context.run(); }};
    for (int round = 0; round < 3000; ++round) {
        count_run();
        auto go = std::make_shared<std::atomic<bool>>(false);
        auto begun = std::make_shared<std::latch>(1);
        auto caller = std::make_unique<Caller>(context, server, [go, begun](const std::string&) {
            begun->count_down();
            while (!*go) {
            }
            return failure(EAI_NONAME, false);
        });
        std::promise<void> ended;
        auto last = caller->client_state;
        asio::co_spawn(context, caller->get_user(),
                       [&](std::exception_ptr, const expected<UserInfo>&) { ended.set_value(); });
        begun->wait();
        *go = true;
        for (int i = 0; i < round; ++i) // the lookup ends before, meanwhile or after
            std::atomic_signal_fence(std::memory_order_seq_cst);
        caller.reset();
        ended.get_future().get();
        last.reset(); // may be the last owner
    }
    work.reset();
    runs.join();
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_exist_is_looked_up_once)
{
    count_case();
    ScriptServer server{false};
    asio::io_context context;
    std::atomic<int> lookups = 0;
    Caller caller{context, server, [&](const std::string&) {
                      ++lookups;
                      return failure(EAI_NONAME, false);
                  }};
    const Outcome outcome = caller.call();
    BOOST_REQUIRE(!outcome.result);
    BOOST_TEST((outcome.result.error().code == Errc::dns));
    BOOST_TEST((outcome.result.error().effect == Effect::none));
    BOOST_TEST(outcome.attempts == 1u);
    BOOST_TEST(lookups.load() == 1);
}

BOOST_AUTO_TEST_CASE(a_look_up_that_may_succeed_later_is_made_again)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    std::atomic<int> lookups = 0;
    Caller caller{context, server, [&](const std::string&) -> Answer {
                      if (++lookups < 3)
                          return failure(EAI_AGAIN, true);
                      return net::Addresses{loopback};
                  }};
    const Outcome outcome = caller.call();
    BOOST_TEST(outcome.result.has_value());
    BOOST_TEST(outcome.attempts == 3u);
    BOOST_TEST(lookups == 3);
}

BOOST_AUTO_TEST_CASE(calls_at_the_same_time_share_a_look_up_and_later_ones_its_answer)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    std::atomic<int> lookups = 0;
    Caller caller{context, server, [&](const std::string&) -> Answer {
                      ++lookups;
                      return net::Addresses{loopback};
                  }};
    std::vector<std::shared_ptr<std::optional<Outcome>>> calls;
    for (int i = 0; i < 10; ++i)
        calls.push_back(caller.start());
    BOOST_TEST(caller.call().result.has_value());
    while (std::any_of(calls.begin(), calls.end(), [](const auto& call) { return !call->has_value(); }) &&
           context.run_one() > 0) {
    }
    for (const auto& call : calls)
        BOOST_TEST((call->has_value() && call->value().result));
    BOOST_TEST(lookups.load() == 1);
}

BOOST_AUTO_TEST_CASE(addresses_where_nothing_listens_are_passed_over)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    for (const std::size_t dead : {1u, 5u, 20u}) {
        net::Addresses addresses(dead, nobody);
        addresses.push_back(loopback);
        Caller caller{context, server, [&](const std::string&) -> Answer { return addresses; }};
        const Outcome outcome = caller.call();
        BOOST_TEST(outcome.result.has_value());
        BOOST_TEST(outcome.attempts == 1u);
    }
}

BOOST_AUTO_TEST_CASE(an_address_that_never_answers_is_overtaken_by_the_next)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    const BlackHole hole{nobody, server.port()};
    asio::io_context context;
    Caller caller{context, server, [](const std::string&) -> Answer { return net::Addresses{nobody, loopback}; }};
    const auto begin = Clock::now();
    const Outcome outcome = caller.call();
    BOOST_TEST(outcome.result.has_value());
    BOOST_TEST(outcome.attempts == 1u);
    BOOST_TEST((Clock::now() - begin >= 250ms)); // the first one has that long for itself (RFC 8305, section 5)
    BOOST_TEST((Clock::now() - begin < 4s));     // and no timeout was waited for
}

BOOST_AUTO_TEST_CASE(addresses_of_both_families_are_tried)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    const asio::ip::address nobody_v6 = asio::ip::make_address("::1");
    for (const net::Addresses& addresses : {net::Addresses{nobody_v6, loopback}, net::Addresses{loopback, nobody_v6}}) {
        Caller caller{context, server, [&](const std::string&) -> Answer { return addresses; }};
        const Outcome outcome = caller.call();
        BOOST_TEST(outcome.result.has_value());
        BOOST_TEST(outcome.attempts == 1u);
    }
}

BOOST_AUTO_TEST_CASE(the_error_is_of_the_server_where_this_machine_lacks_a_network)
{
    count_case();
    ScriptServer server{false, false};
    asio::io_context context;
    const asio::ip::address no_network = asio::ip::make_address("224.0.0.1"); // there is no way to it by TCP
    const auto cause = [&](const net::Addresses& addresses) {
        Caller caller{context, server, [&](const std::string&) -> Answer { return addresses; }};
        const Outcome outcome = caller.call();
        BOOST_REQUIRE(!outcome.result);
        return outcome.result.error().cause;
    };
    BOOST_TEST((cause({loopback, no_network}) == asio::error::connection_refused));
    BOOST_TEST((cause({no_network, loopback}) == asio::error::connection_refused));
    BOOST_TEST((cause({no_network}) == asio::error::network_unreachable));
}

BOOST_AUTO_TEST_CASE(endless_addresses_are_not_all_tried)
{
    count_case();
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    net::Addresses addresses(1000, nobody);
    addresses.push_back(loopback);
    Caller caller{context, server, [&](const std::string&) -> Answer { return addresses; }};
    const Outcome outcome = caller.call();
    BOOST_REQUIRE(!outcome.result);
    BOOST_TEST((outcome.result.error().code == Errc::connect));
    BOOST_TEST(server.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(an_answer_without_addresses_is_an_error)
{
    count_case();
    ScriptServer server{false};
    asio::io_context context;
    Caller caller{context, server, [](const std::string&) -> Answer { return net::Addresses{}; }};
    const Outcome outcome = caller.call();
    BOOST_REQUIRE(!outcome.result);
    BOOST_TEST((outcome.result.error().effect == Effect::none));
}

BOOST_AUTO_TEST_CASE(localhost_is_this_machine_whatever_a_look_up_would_say)
{
    ScriptServer server{false};
    server.plan({});
    asio::io_context context;
    for (const char* name : {"localhost", "LocalHost", "LOCALHOST."}) {
        count_case();
        Config config = by_name(server, name);
        config.allow_plain_http = false; // it is trusted with the key in plain
        std::atomic<int> lookups = 0;
        Caller caller{context, config, [&](const std::string&) -> Answer {
                          ++lookups;
                          return net::Addresses{nobody};
                      }};
        const Outcome outcome = caller.call();
        BOOST_TEST(outcome.result.has_value());
        BOOST_TEST(outcome.attempts == 1u);
        BOOST_TEST(lookups.load() == 0);
    }
}

BOOST_AUTO_TEST_CASE(localhost_is_reached_where_it_listens_by_ipv6_alone)
{
    count_case();
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor{context};
    boost::system::error_code no_ipv6;
    acceptor.open(asio::ip::tcp::v6(), no_ipv6);
    if (!no_ipv6)
        acceptor.bind({asio::ip::address_v6::loopback(), 0}, no_ipv6);
    if (!no_ipv6)
        acceptor.listen(1, no_ipv6);
    if (no_ipv6) {
        BOOST_TEST_MESSAGE("skipped: no IPv6: " << no_ipv6.message());
        return;
    }
    Config config;
    config.app_id = "app";
    config.api_key = canary_api_key;
    config.base_url = "http://localhost:" + std::to_string(acceptor.local_endpoint().port());
    Caller caller{context, config, [](const std::string&) -> Answer { return net::Addresses{nobody}; }};
    bool accepted = false;
    acceptor.async_accept([&](const boost::system::error_code& ec, const asio::ip::tcp::socket&) { accepted = !ec; });
    const Outcome outcome = caller.call(CallOptions{}.timeout(10s).retries(false));
    BOOST_TEST(accepted);
    BOOST_TEST(!outcome.result.has_value()); // hung up
}
