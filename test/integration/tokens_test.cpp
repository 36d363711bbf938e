// The operations with completion tokens of every kind, against the emulator, and against a server that holds its
// answers back where a call has to be caught under way.

#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/service.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION >= 108200
#include <boost/asio/bind_immediate_executor.hpp>
#endif
#if BOOST_VERSION >= 108600
#include <boost/asio/cancel_after.hpp>
#endif

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace passage;
using passage::test::run;
using passage::test::Script;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

using User = expected<UserInfo>;
using asio::cancellation_type;

const std::string email = "someone.with.a.long.name@example.com";

/// Counts the allocations and deallocations of an allocator.
struct Count
{
    std::atomic<std::size_t> given{0};
    std::atomic<std::size_t> taken_back{0};
};

template <class T>
struct CountingAllocator
{
    using value_type = T;

    explicit CountingAllocator(std::shared_ptr<Count> of) noexcept : count{std::move(of)} {}
    template <class U>
    CountingAllocator(const CountingAllocator<U>& other) noexcept : count{other.count}
    {}
    T* allocate(std::size_t n)
    {
        ++count->given;
        return std::allocator<T>{}.allocate(n);
    }
    void deallocate(T* memory, std::size_t n) noexcept
    {
        ++count->taken_back;
        std::allocator<T>{}.deallocate(memory, n);
    }
    template <class U>
    friend bool operator==(const CountingAllocator& left, const CountingAllocator<U>& right) noexcept
    {
        return left.count == right.count;
    }

    std::shared_ptr<Count> count;
};

/// Calls `with` for operations of one request, of two, of one that is shared, and of a range: with its name, and a
/// function that takes a completion token. Any thread.
template <class With>
void with_each_operation(Client& client, const std::string& id, With with)
{
    with("get_user", [&client, id](auto&& token) { return client.get_user(id, std::forward<decltype(token)>(token)); });
    with("get_user_by_identifier", [&client](auto&& token) {
        return client.get_user_by_identifier(email, std::forward<decltype(token)>(token));
    });
    with("coalesced_get_user",
         [&client, id](auto&& token) { return client.coalesced_get_user(id, std::forward<decltype(token)>(token)); });
    with("UserRange::next",
         [&client](auto&& token) { return client.users().next(std::forward<decltype(token)>(token)); });
}

/// As above, but with the function alone. Only on the thread of the test.
template <class With>
void for_each_operation(Client& client, const std::string& id, With with)
{
    with_each_operation(client, id, [&with](const char* name, auto start) {
        BOOST_TEST_CONTEXT(name)
        with(start);
    });
}

std::string id_of(const User& user)
{
    return user ? user->id : to_string(user.error());
}
std::string id_of(const expected<std::optional<UserSummary>>& user)
{
    return user ? user->value().id : to_string(user.error());
}

template <class Result>
Errc code_of(const Result& result)
{
    return result ? Errc{} : result.error().code;
}

struct Fixture
{
    test::Service service;
    asio::io_context context;
    std::optional<Client> client{std::in_place, context, service.config()};
    std::string id = service.emulator.plant_user(R"({"email":")" + email + R"("})");

    void run_context()
    {
        context.restart();
        context.run();
    }
};

/// A server on whose first connections the first request is not answered until the server is told to go on.
struct HoldingFixture
{
    test::ScriptServer server;
    asio::io_context context;
    std::optional<Client> client;

    explicit HoldingFixture(std::size_t max_connections = 4)
    {
        const Script holding{{steps::tls(), steps::request(), steps::hold(), steps::answer(), steps::serve()}, true};
        server.plan(std::vector<Script>(4, holding));
        Config config = config_for(server);
        config.pool.max_connections = max_connections;
        config.retry.max_attempts = 1;
        client.emplace(context, config);
    }

    void run_until_held(std::size_t requests = 1)
    {
        context.restart();
        while (server.requests().size() < requests)
            context.run_one_for(1ms);
    }

    void end()
    {
        server.release();
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tokens, Fixture)

BOOST_AUTO_TEST_CASE(callbacks_are_called_once_whatever_their_size)
{
    for_each_operation(*client, id, [&](auto start) {
        int calls = 0;
        start([&](const auto& result) {
            ++calls;
            BOOST_TEST(id_of(result) == id);
        });
        BOOST_TEST(calls == 0);
        run_context();
        BOOST_TEST(calls == 1);
    });
    for_each_operation(*client, id, [&](auto start) {
        std::string ids;
        start([&, owned = std::make_unique<std::string>("small ")](const auto& result) {
            ids += *owned + id_of(result);
        });
        run_context();
        BOOST_TEST(ids == "small " + id);
    });
    for_each_operation(*client, id, [&](auto start) {
        std::array<char, 500> large{};
        large.back() = 'l';
        std::string ids;
        start([&, large, owned = std::make_unique<int>(7)](const auto& result) {
            ids += large.back() + std::to_string(*owned) + id_of(result);
        });
        run_context();
        BOOST_TEST(ids == "l7" + id);
    });
}

BOOST_AUTO_TEST_CASE(every_operation_takes_a_token)
{
    Client& psg = *client;
    int good = 0;
    const auto count = [&](const auto& result) {
        if (result)
            ++good;
        else
            BOOST_ERROR(result.error());
    };
    const CallOptions options;
    const std::string device = service.emulator.plant_device(id);
    psg.create_user(CreateUserRequest{}.email("a@example.com"), count);
    psg.create_user(CreateUserRequest{}.email("b@example.com"), options, count);
    psg.get_user(id, options, count);
    psg.coalesced_get_user(id, options, count);
    psg.get_user_by_identifier(email, options, count);
    psg.update_user(id, UpdateUserRequest{}.metadata("plan", "pro"), count);
    psg.update_user(id, UpdateUserRequest{}.metadata("plan", "free"), options, count);
    psg.activate_user(id, count);
    psg.activate_user(id, options, count);
    psg.list_user_devices(id, count);
    psg.list_user_devices(id, options, count);
    psg.revoke_user_refresh_tokens(id, count);
    psg.revoke_user_refresh_tokens(id, options, count);
    psg.list_users(ListUsersRequest{}, count);
    psg.list_users(ListUsersRequest{}.limit(1), options, count);
    psg.create_magic_link(CreateMagicLinkRequest::for_email(email), count);
    psg.create_magic_link(CreateMagicLinkRequest::for_email(email), options, count);
    psg.get_app(count);
    psg.get_app(options, count);
    run_context();
    BOOST_TEST(good == 19);
    psg.deactivate_user(id, count);
    run_context();
    psg.deactivate_user(id, options, count);
    psg.delete_user_device(id, device, count);
    run_context();
    psg.delete_user_device(id, service.emulator.plant_device(id), options, count);
    run_context();
    psg.delete_user(id, count);
    psg.delete_user(service.emulator.plant_user(R"({"email":"c@example.com"})"), options, count);
    run_context();
    BOOST_TEST(good == 25);
}

BOOST_AUTO_TEST_CASE(a_thread_that_runs_no_context_waits_for_a_future)
{
    auto work = asio::make_work_guard(context);
    std::thread thread{[&] { context.run(); }};
    for_each_operation(*client, id, [&](auto start) { BOOST_TEST(id_of(start(asio::use_future).get()) == id); });
    std::future<User> refused = client->get_user("", asio::use_future);
    BOOST_TEST((refused.get().error().code == Errc::invalid_argument));
    work.reset();
    thread.join();
}

BOOST_AUTO_TEST_CASE(a_deferred_operation_has_read_its_arguments_and_sends_nothing_before_it_is_started)
{
    auto text = std::make_unique<std::string>(id);
    auto address = std::make_unique<std::string>(email);
    auto options = std::make_unique<CallOptions>(CallOptions{}.header("X-Trace", std::string(100, 't')));
    auto get = client->get_user(*text, *options, asio::deferred);
    auto shared = client->coalesced_get_user(*text, asio::deferred);
    auto find = client->get_user_by_identifier(*address, *options, asio::deferred);
    auto next = client->users(ListUsersRequest{}.limit(3), *options).next(asio::deferred);
    text->assign(text->size(), '!');
    address->assign(address->size(), '!');
    text.reset();
    address.reset();
    options.reset();
    run_context();
    BOOST_TEST(service.emulator.requests_served() == 0u);

    int good = 0;
    const auto check = [&](const auto& result) { good += id_of(result) == id; };
    std::move(get)(check);
    std::move(shared)(check);
    std::move(find)(check);
    std::move(next)(check);
    run_context();
    BOOST_TEST(good == 4);

    auto chain = client->get_user(id, asio::deferred)(
        asio::deferred([&](const User& user) { return client->get_user_by_identifier(user->email, asio::deferred); }));
    std::move(chain)(check);
    run_context();
    BOOST_TEST(good == 5);
}

BOOST_AUTO_TEST_CASE(a_deferred_operation_is_started_once)
{
    // What began it holds what it has read, so that it can't begin again.
    using Deferred = decltype(client->get_user(id, asio::deferred));
    BOOST_TEST(!std::is_copy_constructible_v<Deferred>);
    BOOST_TEST(std::is_nothrow_move_constructible_v<Deferred>);
}

BOOST_AUTO_TEST_CASE(coroutines_of_any_executor_await_an_operation)
{
    run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
        BOOST_TEST((co_await psg.get_user(known, asio::use_awaitable))->id == known);
        BOOST_TEST((co_await psg.get_user_by_identifier(email, CallOptions{}.timeout(20s), asio::use_awaitable))->id ==
                   known);
        BOOST_TEST((co_await psg.coalesced_get_user(known, asio::use_awaitable))->id == known);
        BOOST_TEST(id_of(co_await psg.users().next(asio::use_awaitable)) == known);
        BOOST_TEST(
            (co_await psg.create_user(CreateUserRequest{}.email(std::string(60, 'e') + "@example.com"),
                                      CallOptions{}.header("X-Trace", std::string(100, 't')), asio::use_awaitable))
                .has_value());
        const auto [user] = co_await psg.get_user(known, asio::as_tuple(asio::use_awaitable));
        BOOST_TEST(user->id == known);
        BOOST_TEST((co_await psg.get_user(known, asio::deferred))->id == known);
    }(*client, id));

    using Executor = asio::io_context::executor_type;
    bool ended = false;
    asio::co_spawn(
        context,
        [](Client& psg, std::string known) -> asio::awaitable<void, Executor> {
            constexpr asio::use_awaitable_t<Executor> awaitable;
            BOOST_TEST((co_await psg.get_user(known, awaitable))->id == known);
            BOOST_TEST((co_await psg.get_user_by_identifier(email, awaitable))->id == known);
            BOOST_TEST((co_await psg.coalesced_get_user(known, awaitable))->id == known);
            BOOST_TEST(id_of(co_await psg.users().next(awaitable)) == known);
            const auto [none] = co_await psg.get_user("nobody", asio::as_tuple(awaitable));
            BOOST_TEST(is_not_found(none.error()));
        }(*client, id),
        [&](std::exception_ptr error) { ended = !error; });
    run_context();
    BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(as_tuple_takes_callbacks_and_deferred_operations)
{
    bool called = false;
    client->get_user(id, asio::as_tuple([&](std::tuple<User> user) { called = std::get<0>(user)->id == id; }));
    bool called_later = false;
    auto later = client->get_user_by_identifier(email, asio::as_tuple(asio::deferred));
    std::move(later)([&](std::tuple<User> user) { called_later = std::get<0>(user)->id == id; });
    run_context();
    BOOST_TEST(called);
    BOOST_TEST(called_later);
}

BOOST_AUTO_TEST_CASE(a_handler_runs_on_its_executor)
{
    for_each_operation(*client, id, [&](auto start) {
        int right = 0;
        start([&](const auto&) { right += context.get_executor().running_in_this_thread(); });
        run_context();
        const auto strand = asio::make_strand(context);
        start(asio::bind_executor(strand, [&](const auto&) { right += strand.running_in_this_thread(); }));
        run_context();
        BOOST_TEST(right == 2);
    });

    auto work = asio::make_work_guard(context);
    context.restart();
    std::thread thread{[&] { context.run(); }};
    asio::thread_pool pool{2};
    asio::io_context other;
    for_each_operation(*client, id, [&](auto start) {
        std::promise<bool> on_pool;
        start(asio::bind_executor(pool, [&](const auto&) {
            on_pool.set_value(pool.get_executor().running_in_this_thread() &&
                              !context.get_executor().running_in_this_thread());
        }));
        BOOST_TEST(on_pool.get_future().get());

        std::optional<std::thread::id> where;
        start(asio::bind_executor(other, [&](const auto&) { where = std::this_thread::get_id(); }));
        other.restart();
        other.run(); // the callback is work
        BOOST_TEST((where == std::this_thread::get_id()));
    });
    std::promise<bool> refused;
    client->get_user("", asio::bind_executor(pool, [&](const User&) {
                         refused.set_value(pool.get_executor().running_in_this_thread());
                     }));
    BOOST_TEST(refused.get_future().get());
    work.reset();
    thread.join();
    pool.join();
}

BOOST_AUTO_TEST_CASE(a_handlers_allocator_gives_its_memory_and_gets_it_back)
{
    for_each_operation(*client, id, [&](auto start) {
        const auto count = std::make_shared<Count>();
        bool free_when_called = false;
        start(asio::bind_allocator(CountingAllocator<int>{count}, [&free_when_called, count](const auto&) {
            free_when_called = count->given == count->taken_back;
        }));
        BOOST_TEST(count->given > 0u);
        run_context();
        BOOST_TEST(free_when_called);
        BOOST_TEST(count->given == count->taken_back);
        BOOST_TEST(count.use_count() == 1);
    });
}

BOOST_AUTO_TEST_CASE(tokens_can_be_wrapped_and_erased)
{
    for_each_operation(*client, id, [&](auto start) {
        const auto kept = std::make_shared<int>();
        bool alive = false;
        start(asio::consign([&alive, weak = std::weak_ptr{kept}](const auto&) { alive = !weak.expired(); },
                            std::shared_ptr{kept}));
        BOOST_TEST(kept.use_count() == 2);
        run_context();
        BOOST_TEST(alive);
        BOOST_TEST(kept.use_count() == 1);
    });

    std::string called;
    asio::any_completion_handler<void(User)> handler = [&](const User& user) { called = id_of(user); };
    client->get_user(id, std::move(handler));
    run_context();
    BOOST_TEST(called == id);

    asio::io_context other;
    std::optional<std::thread::id> where;
    using Erased = asio::any_completion_handler<void(User)>;
    client->get_user(id, Erased{asio::bind_executor(other, [&](const User&) { where = std::this_thread::get_id(); })});
    std::thread thread{[&] { run_context(); }};
    other.run(); // the callback is work
    thread.join();
    BOOST_TEST((where == std::this_thread::get_id()));

    client->delete_user(id, asio::detached);
    run_context();
    BOOST_TEST(is_not_found(run(context, client->get_user(id)).error()));
}

BOOST_AUTO_TEST_CASE(groups_of_operations_run_side_by_side)
{
    bool both = false;
    asio::experimental::make_parallel_group(client->get_user(id, asio::deferred),
                                            client->get_user_by_identifier(email, asio::deferred))
        .async_wait(asio::experimental::wait_for_all(),
                    [&](std::array<std::size_t, 2>, const User& one, const User& two) {
                        both = id_of(one) == id && id_of(two) == id;
                    });
    run_context();
    BOOST_TEST(both);

    using Operation = decltype(client->get_user(id, asio::deferred));
    std::vector<Operation> operations;
    for (int i = 0; i < 5; ++i)
        operations.push_back(client->get_user(id, asio::deferred));
    std::size_t good = 0;
    asio::experimental::make_parallel_group(std::move(operations))
        .async_wait(asio::experimental::wait_for_all(),
                    [&](const std::vector<std::size_t>&, const std::vector<User>& users) {
                        for (const User& user : users)
                            good += id_of(user) == id;
                    });
    run_context();
    BOOST_TEST(good == 5u);
}

BOOST_AUTO_TEST_CASE(an_operation_that_ends_at_once_does_not_call_back_while_it_is_initiated)
{
    Client moved_from = *std::exchange(client, std::nullopt);
    Client moved = std::move(moved_from);
    Client closed{context, service.config()};
    closed.close();
    const auto check = [&](Errc expected_code, auto start) {
        bool initiating = false;
        std::vector<bool> within;
        const auto call = [&] {
            initiating = true;
            start([&](const auto& result) {
                within.push_back(initiating);
                BOOST_TEST((code_of(result) == expected_code));
            });
            initiating = false;
        };
        call();
        asio::post(context, call);
        run_context();
        BOOST_TEST(within.size() == 2u);
        for (const bool each : within)
            BOOST_TEST(!each);
    };
    check(Errc::invalid_argument, [&](auto handler) { moved.get_user("", std::move(handler)); });
    check(Errc::invalid_argument, [&](auto handler) { moved.coalesced_get_user("", std::move(handler)); });
    check(Errc::invalid_argument, [&](auto handler) { moved.get_user_by_identifier("", std::move(handler)); });
    for_each_operation(moved_from, id, [&](auto start) { check(Errc::shut_down, start); });
    for_each_operation(closed, id, [&](auto start) { check(Errc::shut_down, start); });
    BOOST_TEST((moved_from.get_executor() == context.get_executor()));
#if BOOST_VERSION >= 108200
    bool called = false;
    asio::post(context, [&] {
        moved.get_user("", asio::bind_immediate_executor(context.get_executor(), [&](const User&) { called = true; }));
        BOOST_TEST(called);
    });
    run_context();
    BOOST_TEST(called);
#endif
}

BOOST_AUTO_TEST_CASE(a_client_that_is_destroyed_shuts_down_what_is_called_back)
{
    std::vector<Errc> codes;
    for_each_operation(*client, id,
                       [&](auto start) { start([&](const auto& result) { codes.push_back(code_of(result)); }); });
    client.reset();
    run_context();
    BOOST_TEST(codes.size() == 4u);
    for (const Errc code : codes)
        BOOST_TEST((code == Errc::shut_down));
}

BOOST_AUTO_TEST_CASE(a_handler_may_start_another_operation_or_throw_or_destroy_the_client)
{
    for_each_operation(*client, id, [&](auto start) {
        start([](const auto&) { throw std::runtime_error{"a handler's"}; });
        context.restart();
        BOOST_CHECK_THROW(context.run(), std::runtime_error);
    });
    client->get_user("", [](const User&) { throw std::runtime_error{"a handler's"}; });
    context.restart();
    BOOST_CHECK_THROW(context.run(), std::runtime_error);

    for_each_operation(*client, id, [&](auto start) {
        int left = 20;
        std::function<void()> again = [&] {
            start([&](const auto& result) {
                BOOST_TEST((result || code_of(result) == Errc{}));
                if (--left > 0)
                    again();
            });
        };
        again();
        run_context();
        BOOST_TEST(left == 0);
    });

    const std::vector<std::function<void(std::function<void()>)>> last{
        [&](auto then) { client->get_user(id, [then](const User&) { then(); }); },
        [&](auto then) { client->get_user("", [then](const User&) { then(); }); },
        [&](auto then) { client->get_user_by_identifier(email, [then](const User&) { then(); }); },
        [&](auto then) { client->coalesced_get_user(id, [then](const User&) { then(); }); },
        [&](auto then) { client->users().next([then](const auto&) { then(); }); },
    };
    for (const auto& start : last) {
        client.emplace(context, service.config());
        std::optional<Errc> other;
        start([&] {
            client->get_user(id, [&](const User& user) { other = code_of(user); });
            client.reset();
        });
        run_context();
        BOOST_TEST(!client);
        BOOST_TEST((other == Errc::shut_down || other == Errc{})); // an answer may have come by then
    }
}

BOOST_AUTO_TEST_CASE(a_handler_elsewhere_may_destroy_the_client_and_its_context)
{
    // The call is over when its handler is called: nothing of it may need the client's context any more.
    asio::io_context other;
    const std::vector<std::function<void(Client&, std::function<void()>)>> starts{
        [&](Client& psg, auto then) { psg.get_user(id, asio::bind_executor(other, [then](const User&) { then(); })); },
        [&](Client& psg, auto then) {
            psg.get_user_by_identifier(email, asio::bind_executor(other, [then](const User&) { then(); }));
        },
        [&](Client& psg, auto then) {
            psg.coalesced_get_user(id, asio::bind_executor(other, [then](const User&) { then(); }));
        },
        [&](Client& psg, auto then) { psg.users().next(asio::bind_executor(other, [then](const auto&) { then(); })); },
        [&](Client& psg, auto then) {
            asio::co_spawn(
                other,
                [](Client& by, std::string known, std::function<void()> after) -> asio::awaitable<void> {
                    const User user = co_await by.get_user(known);
                    BOOST_TEST(user.has_value());
                    after();
                }(psg, id, then),
                asio::detached);
        },
    };
    for (const auto& start : starts) {
        auto home = std::make_unique<asio::io_context>();
        std::optional<Client> at_home{std::in_place, *home, service.config()};
        bool ended = false;
        start(*at_home, [&] {
            at_home.reset();
            home.reset();
            ended = true;
        });
        other.restart();
        while (!ended) {
            if (home)
                home->poll();
            other.poll();
            other.restart();
            if (home)
                home->restart();
        }
    }
}

BOOST_AUTO_TEST_CASE(threads_initiate_at_the_same_time)
{
    auto work = asio::make_work_guard(context);
    std::atomic<int> good{0};
    constexpr int threads = 4;
    constexpr int each = 25;
    std::vector<std::thread> pool;
    for (int i = 0; i < 2; ++i)
        pool.emplace_back([&] { context.run(); });
    std::vector<std::thread> starters;
    for (int i = 0; i < threads; ++i) {
        starters.emplace_back([&] {
            for (int k = 0; k < each; ++k) {
                const auto check = [&good, this](const auto& result) { good += id_of(result) == id; };
                with_each_operation(*client, id, [&](const char*, auto start) {
                    if (k % 2 == 0)
                        start(check);
                    else
                        start(asio::bind_executor(asio::make_strand(context), check));
                });
            }
        });
    }
    for (std::thread& each_thread : starters)
        each_thread.join();
    work.reset();
    for (std::thread& each_thread : pool)
        each_thread.join();
    BOOST_TEST(good == threads * each * 4);
}

BOOST_AUTO_TEST_CASE(an_operation_is_cancelled_before_anything_is_sent)
{
    for (const auto type : {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
        for_each_operation(*client, id, [&](auto start) {
            asio::cancellation_signal signal;
            std::optional<Errc> code;
            std::string name;
            start(asio::bind_cancellation_slot(signal.slot(), [&](const auto& result) {
                code = code_of(result);
                name = result ? "" : result.error().operation;
            }));
            signal.emit(type);
            run_context();
            BOOST_TEST((code == Errc::cancelled));
            BOOST_TEST(name != "");
            signal.emit(type); // too late
        });
    }
    BOOST_TEST(service.emulator.requests_served() == 0u);
}

BOOST_AUTO_TEST_CASE(an_operation_is_cancelled_from_another_thread_at_any_time)
{
    asio::thread_pool pool{3};
    Client psg{pool, service.config()};
    for (int round = 0; round < 60; ++round) {
        for_each_operation(psg, id, [&](auto start) {
            asio::cancellation_signal signal;
            std::promise<Errc> ended;
            start(asio::bind_cancellation_slot(signal.slot(),
                                               [&](const auto& result) { ended.set_value(code_of(result)); }));
            for (int i = 0; i < round * 20; ++i)
                std::this_thread::yield();
            signal.emit(cancellation_type::terminal);
            const Errc code = ended.get_future().get();
            BOOST_TEST((code == Errc{} || code == Errc::cancelled));
        });
    }
    pool.join();
}

BOOST_AUTO_TEST_CASE(a_cancellation_between_two_requests_is_not_lost)
{
    /// Emits when the first attempt has ended, which is on the client's strand.
    struct Emitting : Observer, CallObserver
    {
        std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
        {
            return {std::shared_ptr<void>{}, static_cast<CallObserver*>(this)};
        }
        void attempt_ended(const AttemptEnded&) noexcept override
        {
            if (attempts++ == 0)
                signal.emit(type);
        }
        asio::cancellation_signal signal;
        cancellation_type type = cancellation_type::none;
        int attempts = 0;
    };
    for (const auto type : {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
        const auto observer = std::make_shared<Emitting>();
        observer->type = type;
        Config config = service.config();
        config.observer = observer;
        client.emplace(context, config);
        const auto served = service.emulator.requests_served();
        std::optional<Errc> code;
        client->get_user_by_identifier(
            email,
            asio::bind_cancellation_slot(observer->signal.slot(), [&](const User& user) { code = code_of(user); }));
        run_context();
        if (type == cancellation_type::total) { // a request was sent already
            BOOST_TEST((code == Errc{}));
            BOOST_TEST(service.emulator.requests_served() == served + 2);
        } else {
            BOOST_TEST((code == Errc::cancelled));
            BOOST_TEST(service.emulator.requests_served() == served + 1);
        }
    }
}

#if BOOST_VERSION >= 108600
BOOST_AUTO_TEST_CASE(cancel_after_gives_up_what_takes_too_long)
{
    HoldingFixture held;
    std::optional<Errc> code;
    held.client->get_user("u", asio::cancel_after(1ms, [&](const User& user) { code = code_of(user); }));
    held.context.run();
    BOOST_TEST((code == Errc::cancelled));
    held.end();
}
#endif

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tokens_of_held_calls)

BOOST_AUTO_TEST_CASE(an_operation_is_cancelled_in_the_middle)
{
    for (const auto type : {cancellation_type::terminal, cancellation_type::partial}) {
        HoldingFixture held;
        std::size_t requests = 0;
        for_each_operation(*held.client, "u", [&](auto start) {
            asio::cancellation_signal signal;
            std::optional<Errc> code;
            start(asio::bind_cancellation_slot(signal.slot(), [&](const auto& result) { code = code_of(result); }));
            held.run_until_held(++requests);
            BOOST_TEST(!code);
            signal.emit(type);
            while (!code)
                held.context.run_one();
            BOOST_TEST((code == Errc::cancelled));
        });
        held.end();
    }
}

BOOST_AUTO_TEST_CASE(total_cancellation_is_too_late_once_the_request_was_sent)
{
    HoldingFixture held;
    asio::cancellation_signal signal;
    std::optional<User> user;
    held.client->get_user("u",
                          asio::bind_cancellation_slot(signal.slot(), [&](User result) { user = std::move(result); }));
    held.run_until_held();
    signal.emit(cancellation_type::total);
    held.context.poll();
    BOOST_TEST(!user);
    held.server.release();
    while (!user)
        held.context.run_one();
    BOOST_TEST(id_of(*user) == "u");
    held.end();
}

BOOST_AUTO_TEST_CASE(a_group_cancels_those_that_lose)
{
    HoldingFixture held;
    asio::experimental::parallel_group group = asio::experimental::make_parallel_group(
        held.client->get_user("u", asio::deferred), asio::post(held.context, asio::deferred));
    std::optional<Errc> code;
    std::move(group).async_wait(asio::experimental::wait_for_one(),
                                [&](std::array<std::size_t, 2>, const User& user) { code = code_of(user); });
    while (!code)
        held.context.run_one();
    BOOST_TEST((code == Errc::cancelled));
    held.end();
}

BOOST_AUTO_TEST_CASE(a_client_that_is_destroyed_shuts_down_calls_under_way)
{
    HoldingFixture held;
    std::vector<Errc> codes;
    for_each_operation(*held.client, "u",
                       [&](auto start) { start([&](const auto& result) { codes.push_back(code_of(result)); }); });
    held.run_until_held(4);
    held.client.reset();
    held.context.run();
    BOOST_TEST(codes.size() == 4u);
    for (const Errc code : codes)
        BOOST_TEST((code == Errc::shut_down));
    held.end();
}

BOOST_AUTO_TEST_CASE(a_pending_callback_is_work)
{
    HoldingFixture held;
    bool called = false;
    held.client->get_user("u", [&](const User&) { called = true; });
    asio::io_context other;
    bool called_elsewhere = false;
    held.client->get_user("v", asio::bind_executor(other, [&](const User&) { called_elsewhere = true; }));
    held.run_until_held(2);
    std::thread thread{[&] {
        held.server.release();
        held.context.run();
    }};
    BOOST_TEST(other.run() > 0u);
    BOOST_TEST(called_elsewhere);
    thread.join();
    BOOST_TEST(called);
    held.end();
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_its_handlers_along)
{
    for (const bool completed : {false, true}) {
        HoldingFixture held;
        const auto witness = std::make_shared<int>();
        const auto count = std::make_shared<Count>();
        auto other = std::make_unique<asio::io_context>();
        for_each_operation(*held.client, "u", [&](auto start) {
            start(asio::bind_executor(*other,
                                      asio::bind_allocator(CountingAllocator<int>{count},
                                                           [witness](const auto&) { BOOST_ERROR("it can't end"); })));
        });
        other->poll();
        held.run_until_held(4);
        BOOST_TEST(witness.use_count() == 5);
        if (completed) {
            held.client.reset();
            held.context.poll(); // `run` would wait for the other context to complete the operations
        }
        other.reset();
        BOOST_TEST(witness.use_count() == 1);
        BOOST_TEST(count->given == count->taken_back);
        BOOST_TEST(count->given > 0u);
        held.end();
    }
}

BOOST_AUTO_TEST_CASE(the_clients_own_context_takes_its_handlers_along)
{
    HoldingFixture held;
    const auto witness = std::make_shared<int>();
    auto own = std::make_unique<asio::io_context>();
    Client client{*own, Config{config_for(held.server)}};
    for_each_operation(client, "u",
                       [&](auto start) { start([witness](const auto&) { BOOST_ERROR("it can't end"); }); });
    own->poll();
    client.close();
    client = Client{held.context, config_for(held.server)};
    own.reset();
    BOOST_TEST(witness.use_count() == 1);
    client.close();
    held.end();
}

BOOST_AUTO_TEST_CASE(a_coroutine_without_a_token_is_cancelled_before_anything_is_sent)
{
    for (const bool shared : {false, true}) {
        for (const auto type : {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
            HoldingFixture held{1};
            held.client->get_user("first", asio::detached);
            held.run_until_held();
            asio::cancellation_signal signal;
            std::optional<Errc> code;
            asio::co_spawn(held.context, shared ? held.client->coalesced_get_user("u") : held.client->get_user("u"),
                           asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const User& user) {
                               BOOST_TEST(!error);
                               code = code_of(user);
                           }));
            held.context.poll(); // it waits for the connection
            signal.emit(type);
            held.context.poll();
            BOOST_TEST((code == Errc::cancelled));
            held.end();
        }
    }
}

BOOST_AUTO_TEST_CASE(a_coroutine_without_a_token_is_cancelled_in_the_middle)
{
    for (const auto type : {cancellation_type::terminal, cancellation_type::partial}) {
        HoldingFixture held;
        UserRange range = held.client->users();
        std::size_t requests = 0;
        const auto check = [&](auto operation) {
            asio::cancellation_signal signal;
            std::optional<Errc> code;
            asio::co_spawn(held.context, std::move(operation),
                           asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const auto& user) {
                               BOOST_TEST(!error);
                               code = code_of(user);
                           }));
            held.run_until_held(++requests);
            signal.emit(type);
            while (!code)
                held.context.run_one();
            BOOST_TEST((code == Errc::cancelled));
        };
        check(held.client->get_user("u"));
        check(held.client->coalesced_get_user("u"));
        check(held.client->get_user_by_identifier(email));
        check(range.next());
        held.end();
    }
}

BOOST_AUTO_TEST_CASE(a_cancelled_coroutine_stays_cancelled)
{
    HoldingFixture held;
    asio::cancellation_signal signal;
    std::vector<Errc> codes;
    bool cancelled = false;
    asio::co_spawn(
        held.context,
        [&]() -> asio::awaitable<void> {
            co_await asio::this_coro::throw_if_cancelled(false);
            codes.push_back(code_of(co_await held.client->get_user("u")));
            codes.push_back(code_of(co_await held.client->coalesced_get_user("u")));
            codes.push_back(code_of(co_await held.client->get_user("u")));
            codes.push_back(code_of(co_await held.client->users().next()));
            const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
            cancelled = state.cancelled() != cancellation_type::none;
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    held.run_until_held();
    signal.emit(cancellation_type::terminal);
    while (codes.empty())
        held.context.run_one();
    held.server.release();
    held.context.run();
    BOOST_TEST(codes.size() == 4u);
    for (const Errc code : codes)
        BOOST_TEST((code == Errc::cancelled));
    BOOST_TEST(cancelled);
    BOOST_TEST(held.server.requests().size() == 1u);
    held.end();
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_was_cancelled_throws_at_its_next_wait_until_it_resets_its_state)
{
    HoldingFixture held;
    asio::cancellation_signal signal;
    std::optional<Errc> cancelled;
    std::optional<boost::system::error_code> thrown;
    std::optional<std::string> after;
    asio::co_spawn(
        held.context,
        [&]() -> asio::awaitable<void> {
            cancelled = code_of(co_await held.client->get_user("u"));
            try {
                (void)co_await held.client->get_user("v");
            } catch (const boost::system::system_error& error) {
                thrown = error.code();
            }
            co_await asio::this_coro::reset_cancellation_state();
            after = id_of(co_await held.client->get_user("w"));
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    held.run_until_held();
    signal.emit(cancellation_type::terminal);
    while (!cancelled)
        held.context.run_one();
    held.server.release();
    held.context.run();
    BOOST_TEST((cancelled == Errc::cancelled));
    BOOST_TEST((thrown == asio::error::operation_aborted));
    BOOST_TEST((after == "w"));
    BOOST_TEST(held.server.requests().size() == 2u);
    held.end();
}

BOOST_AUTO_TEST_SUITE_END()
