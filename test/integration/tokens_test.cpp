// Operations with each kind of completion token.

#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/service.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION >= 108600
#include <boost/asio/cancel_after.hpp>
#endif

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace passage;
using passage::test::run;
using passage::test::Script;
namespace asio = boost::asio;
namespace steps = passage::test::steps;
using namespace std::chrono_literals;

namespace {

struct Fixture
{
    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
    std::string id = run(context, [](Client& psg) -> asio::awaitable<std::string> {
        co_return (co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).value().id;
    }(client));

    void run_all()
    {
        context.restart();
        context.run();
    }
};

/// A client of a server whose first connection does not answer before it is told to.
struct HoldingFixture
{
    HoldingFixture()
    {
        server.plan({Script{{steps::tls(), steps::request(), [this](test::Peer&) { asked.set_value(); }, steps::hold(),
                             steps::answer(), steps::serve()},
                            true}});
    }

    Config config() const
    {
        Config config = config_for(server);
        config.retry.max_attempts = 1;
        return config;
    }

    test::ScriptServer server;
    std::promise<void> asked; ///< Set when the request is there.
    asio::io_context context;
};

/// What was allocated, and how much of it was not given back.
struct Counts
{
    std::atomic<long> used = 0;
    std::atomic<long> held = 0;
};

template <class T>
struct CountingAllocator
{
    using value_type = T;

    explicit CountingAllocator(Counts& to) : counts{&to} {}
    template <class U>
    CountingAllocator(const CountingAllocator<U>& other) : counts{other.counts}
    {}

    T* allocate(std::size_t count)
    {
        ++counts->used;
        ++counts->held;
        return std::allocator<T>{}.allocate(count);
    }
    void deallocate(T* memory, std::size_t count)
    {
        --counts->held;
        std::allocator<T>{}.deallocate(memory, count);
    }
    friend bool operator==(const CountingAllocator&, const CountingAllocator&) = default;

    Counts* counts;
};

} // namespace

BOOST_AUTO_TEST_SUITE(tokens)

BOOST_FIXTURE_TEST_CASE(a_callback_is_called_once_after_the_initiating_function_and_on_the_clients_context, Fixture)
{
    int called = 0;
    const auto own = std::make_unique<int>(1); // callbacks need not be copyable
    client.get_user(id, [&, own = std::make_unique<int>(2)](const expected<UserInfo>& user) {
        ++called;
        BOOST_TEST(user.value().id == id);
        BOOST_TEST(context.get_executor().running_in_this_thread());
        BOOST_TEST(*own == 2);
    });
    BOOST_TEST(called == 0);
    run_all(); // does not return before
    BOOST_TEST(called == 1);
}

BOOST_FIXTURE_TEST_CASE(a_large_callback_is_called_too, Fixture)
{
    const std::array<std::string, 16> large{std::string(100, 'x')};
    bool called = false;
    client.get_user(
        id, [large, &called](const expected<UserInfo>& user) { called = user.has_value() && large[0].size() == 100; });
    run_all();
    BOOST_TEST(called);
}

BOOST_FIXTURE_TEST_CASE(futures_work_from_a_thread_that_runs_no_context, Fixture)
{
    auto work = asio::make_work_guard(context);
    context.restart();
    std::thread runs{[&] { context.run(); }};
    BOOST_TEST(client.get_user(id, asio::use_future).get().value().id == id);
    BOOST_TEST(client.get_user_by_identifier("A@example.com", asio::use_future).get().value().id == id);
    BOOST_TEST(client.coalesced_get_user(id, asio::use_future).get().value().id == id);
    BOOST_TEST(client.list_users(ListUsersRequest{}, asio::use_future).get().value().total_users == 1);
    BOOST_TEST(is_not_found(client.delete_user("nobody", CallOptions{}, asio::use_future).get().error()));
    UserRange users = client.users();
    BOOST_TEST(users.next(asio::use_future).get().value()->id == id);
    BOOST_TEST(!users.next(asio::use_future).get().value());
    work.reset();
    runs.join();
}

BOOST_FIXTURE_TEST_CASE(a_deferred_operation_owns_its_arguments, Fixture)
{
    auto view = std::make_unique<std::string>(id);
    auto operation = client.get_user(std::string_view{*view}, asio::deferred);
    view->assign(view->size(), '!');
    view.reset();
    const auto before = service.emulator.requests_served();
    run_all();
    BOOST_TEST(service.emulator.requests_served() == before);
    std::string found;
    std::move(operation)([&](const expected<UserInfo>& user) { found = user.value().id; });
    run_all();
    BOOST_TEST(found == id);
}

BOOST_FIXTURE_TEST_CASE(coroutines_of_any_executor_await_operations, Fixture)
{
    using Executor = asio::io_context::executor_type;
    bool done = false;
    asio::co_spawn(
        context.get_executor(),
        [](Client& psg, std::string known, bool& ended) -> asio::awaitable<void, Executor> {
            constexpr asio::use_awaitable_t<Executor> use;
            const expected<UserInfo> user = co_await psg.get_user(known, use);
            BOOST_TEST(user.value().id == known);
            const auto [found] = co_await psg.get_user_by_identifier("a@example.com", asio::as_tuple(use));
            BOOST_TEST(found.value().id == known);
            ended = true;
        }(client, id, done),
        asio::detached);
    run_all();
    BOOST_TEST(done);
}

BOOST_FIXTURE_TEST_CASE(handlers_run_on_their_associated_executor, Fixture)
{
    asio::thread_pool pool{2};
    auto strand = asio::make_strand(pool);
    std::atomic<int> right = 0;
    constexpr int calls = 50;
    for (int i = 0; i < calls; ++i) {
        auto handler = [&](const expected<UserInfo>& user) {
            right += user.has_value() && strand.running_in_this_thread();
        };
        if (i % 2 == 0)
            client.get_user(id, asio::bind_executor(strand, std::move(handler)));
        else
            client.get_user_by_identifier("a@example.com", asio::bind_executor(strand, std::move(handler)));
    }
    run_all();
    pool.join(); // has the work of those that are not called yet
    BOOST_TEST(right == calls);
}

BOOST_FIXTURE_TEST_CASE(memory_of_the_handler_comes_from_its_associated_allocator_and_goes_back, Fixture)
{
    Counts counts;
    bool called = false;
    client.get_user(id, asio::bind_allocator(CountingAllocator<char>{counts}, [&](const expected<UserInfo>& user) {
                        called = user.has_value();
                        BOOST_TEST(counts.held == 0); // so that the handler can use it again
                    }));
    BOOST_TEST(counts.used > 0);
    run_all();
    BOOST_TEST(called);
    BOOST_TEST(counts.held == 0);
}

BOOST_FIXTURE_TEST_CASE(an_erased_handler_is_called, Fixture)
{
    bool called = false;
    asio::any_completion_handler<void(expected<UserInfo>)> handler{
        [&](const expected<UserInfo>& user) { called = user.has_value(); }};
    client.get_user(id, std::move(handler));
    client.get_user(id, asio::detached);
    run_all();
    BOOST_TEST(called);
}

BOOST_FIXTURE_TEST_CASE(operations_are_grouped, Fixture)
{
    bool called = false;
    asio::experimental::make_parallel_group(client.get_user(id, asio::deferred), client.get_user("x", asio::deferred))
        .async_wait(asio::experimental::wait_for_all{},
                    [&](std::array<std::size_t, 2>, const expected<UserInfo>& first, const expected<UserInfo>& second) {
                        called = first.has_value() && is_not_found(second.error());
                    });
    run_all();
    BOOST_TEST(called);
}

BOOST_FIXTURE_TEST_CASE(what_fails_at_once_completes_after_the_initiating_function, Fixture)
{
    std::vector<std::string> order;
    client.get_user("", [&](const expected<UserInfo>& user) {
        order.push_back("handler");
        BOOST_TEST((user.error().code == Errc::invalid_argument));
        BOOST_TEST(user.error().operation == "get_user");
    });
    order.push_back("initiated");
    run_all();
    BOOST_TEST(order == (std::vector<std::string>{"initiated", "handler"}), boost::test_tools::per_element());

    Client other = std::move(client);
    std::optional<Errc> error;
    client.get_app([&](const expected<AppInfo>& app) { error = app.error().code; });
    run_all();
    BOOST_TEST((error == Errc::shut_down));
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_start_another_operation_and_end_the_client, Fixture)
{
    std::optional<Client> own{std::in_place, context, service.config()};
    bool done = false;
    own->get_user(id, [&](const expected<UserInfo>& user) {
        own->delete_user(user.value().id, [&](const expected<void>& deleted) {
            BOOST_TEST(deleted.has_value());
            own.reset();
            done = true;
        });
    });
    run_all();
    BOOST_TEST(done);
}

BOOST_FIXTURE_TEST_CASE(many_threads_start_operations_at_once, Fixture)
{
    auto work = asio::make_work_guard(context);
    context.restart();
    std::vector<std::thread> runners;
    for (int i = 0; i < 2; ++i)
        runners.emplace_back([&] { context.run(); });
    constexpr int threads = 4;
    constexpr int calls = 100;
    std::atomic<int> right = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < threads; ++i)
        callers.emplace_back([&] {
            for (int call = 0; call < calls; ++call)
                right += client.get_user(id, asio::use_future).get().has_value();
        });
    for (std::thread& caller : callers)
        caller.join();
    work.reset();
    for (std::thread& runner : runners)
        runner.join();
    BOOST_TEST(right == threads * calls);
}

BOOST_FIXTURE_TEST_CASE(a_cancellation_slot_ends_the_operation, HoldingFixture)
{
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial}) {
        server.plan({Script{{steps::tls(), steps::request(), steps::hold()}, true}});
        Client client{context, config()};
        asio::cancellation_signal signal;
        std::optional<Error> error;
        client.get_user("a", asio::bind_cancellation_slot(
                                 signal.slot(), [&](const expected<UserInfo>& user) { error = user.error(); }));
        asio::post(context, [&] { signal.emit(type); });
        context.restart();
        context.run();
        BOOST_REQUIRE(error);
        BOOST_TEST((error->code == Errc::cancelled));
        signal.emit(type); // nothing is left to be cancelled
        client.close();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }
}

BOOST_FIXTURE_TEST_CASE(total_cancellation_comes_too_late_once_the_request_is_sent, HoldingFixture)
{
    Client client{context, config()};
    asio::cancellation_signal signal;
    std::optional<expected<UserInfo>> result;
    client.get_user("a", asio::bind_cancellation_slot(
                             signal.slot(), [&](expected<UserInfo> user) { result.emplace(std::move(user)); }));
    std::thread runs{[&] { context.run(); }};
    asked.get_future().wait();
    asio::post(context, [&] {
        signal.emit(asio::cancellation_type::total);
        server.release();
    });
    runs.join();
    BOOST_REQUIRE(result);
    BOOST_TEST(result->has_value());
}

BOOST_FIXTURE_TEST_CASE(a_coroutine_that_is_spawned_plainly_takes_all_types_of_cancellation, HoldingFixture)
{
    Client client{context, config()};
    asio::cancellation_signal signal;
    std::optional<Errc> error;
    asio::co_spawn(context, client.get_user("a"),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, const expected<UserInfo>& user) {
                       error = user.error().code;
                   }));
    std::thread runs{[&] { context.run(); }};
    asked.get_future().wait();
    asio::post(context, [&] { signal.emit(asio::cancellation_type::partial); });
    runs.join();
    BOOST_TEST((error == Errc::cancelled));
}

BOOST_FIXTURE_TEST_CASE(the_end_of_the_client_is_told_to_handlers, HoldingFixture)
{
    std::optional<Client> client{std::in_place, context, config()};
    std::optional<Errc> error;
    client->get_user("a", [&](const expected<UserInfo>& user) { error = user.error().code; });
    asio::post(context, [&] { client.reset(); });
    context.run();
    BOOST_TEST((error == Errc::shut_down));
}

BOOST_FIXTURE_TEST_CASE(a_context_that_is_destroyed_takes_its_handlers_along, HoldingFixture)
{
    const auto witness = std::make_shared<int>();
    auto handlers = std::make_unique<asio::io_context>();
    Client client{context, config()};
    client.get_user("a",
                    asio::bind_executor(*handlers, [witness](const expected<UserInfo>&) { BOOST_ERROR("called"); }));
    client.coalesced_get_user(
        "b", asio::bind_executor(*handlers, [witness](const expected<UserInfo>&) { BOOST_ERROR("called"); }));
    std::thread runs{[&] { context.run(); }};
    asked.get_future().wait();
    handlers.reset();
    BOOST_TEST(witness.use_count() == 1);
    client.close();
    runs.join();
    {
        // So does the client's own.
        auto own = std::make_unique<asio::io_context>();
        Client other{*own, config()};
        other.get_user("a", [witness](const expected<UserInfo>&) { BOOST_ERROR("called"); });
        other.close();
        other = Client{context, config()};
        own.reset();
        BOOST_TEST(witness.use_count() == 1);
    }
}

#if BOOST_VERSION >= 108600
BOOST_FIXTURE_TEST_CASE(an_operation_is_cancelled_after_a_time, HoldingFixture)
{
    Client client{context, config()};
    std::optional<Errc> error;
    client.get_user("a", asio::cancel_after(10ms, [&](const expected<UserInfo>& user) { error = user.error().code; }));
    context.run();
    BOOST_TEST((error == Errc::cancelled));
}
#endif

BOOST_AUTO_TEST_SUITE_END()
