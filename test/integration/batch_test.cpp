#include "support/error_of.hpp"
#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/service.hpp"

#include <passage/batch.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
namespace asio = boost::asio;

namespace {

struct Fixture
{
    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};

    std::vector<std::string> create(int count)
    {
        std::vector<CreateUserRequest> requests;
        for (int i = 0; i < count; ++i)
            requests.push_back(CreateUserRequest{}.email(std::to_string(i) + "@example.com"));
        std::vector<std::string> ids;
        for (const auto& user : run(context, create_users(client, std::move(requests))))
            ids.push_back(user.value().id);
        return ids;
    }
};

/// Numbers from 0, made one by one.
class Numbers
{
public:
    explicit Numbers(int count, int thrown_at = -1) : count_{count}, thrown_at_{thrown_at} {}

    struct Iterator
    {
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        int operator*() const { return number == thrown_at ? throw std::runtime_error{"range"} : number; }
        Iterator& operator++()
        {
            ++number;
            return *this;
        }
        void operator++(int) { ++number; }
        friend bool operator==(const Iterator&, const Iterator&) = default;

        int number = 0;
        int thrown_at = -1;
    };

    Iterator begin() const { return {0, thrown_at_}; }
    Iterator end() const { return {count_, thrown_at_}; }

private:
    int count_;
    int thrown_at_;
};

/// Counts the calls in whose frames one of it is.
struct Counted
{
    Counted() { most = std::max(most, ++now); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --now; }

    static inline int now = 0;
    static inline int most = 0;
};

/// Another turn of the context.
asio::awaitable<void> turn()
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

asio::awaitable<expected<int>> answer(int value)
{
    co_await turn();
    co_return value;
}

asio::awaitable<expected<int>> refuse(Error error)
{
    co_await turn();
    co_return unexpected{std::move(error)};
}

Error api_error(int status)
{
    Error error{Errc::api};
    error.http_status = status;
    return error;
}

asio::awaitable<expected<int>> never_answer()
{
    asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return unexpected{Error{Errc::cancelled}};
}

const auto ignore = [](std::size_t, expected<int>&&) {};

/// What a completion handler was called with; not more than once.
template <class T>
struct Outcome
{
    auto take()
    {
        return [this](std::exception_ptr thrown, T value) {
            BOOST_TEST(!result);
            error = thrown;
            result.emplace(std::move(value));
        };
    }

    bool has_thrown(const std::string& what) const
    {
        try {
            if (error)
                std::rethrow_exception(error);
        } catch (const std::runtime_error& thrown) {
            return thrown.what() == what;
        }
        return false;
    }

    std::exception_ptr error;
    std::optional<T> result;
};

/// Counts the bytes that are allocated by its copies.
template <class T>
struct CountingAllocator
{
    using value_type = T;

    explicit CountingAllocator(std::size_t& count) : bytes{&count} {}
    template <class U>
    CountingAllocator(const CountingAllocator<U>& other) : bytes{other.bytes}
    {}

    T* allocate(std::size_t count)
    {
        *bytes += count * sizeof(T);
        return std::allocator<T>{}.allocate(count);
    }
    void deallocate(T* memory, std::size_t count)
    {
        *bytes -= count * sizeof(T);
        std::allocator<T>{}.deallocate(memory, count);
    }
    friend bool operator==(const CountingAllocator&, const CountingAllocator&) = default;

    std::size_t* bytes;
};

/// Answers that one connection gives in turn, and a client that has no other.
struct Scripted
{
    explicit Scripted(const std::vector<std::string>& answers)
    {
        test::Script script{{test::steps::tls()}, true};
        for (const std::string& answer : answers) {
            script.steps.push_back(test::steps::request());
            script.steps.push_back(test::steps::send(answer));
        }
        script.steps.push_back(test::steps::serve());
        server.plan({std::move(script)});
    }

    Config config() const
    {
        Config result = config_for(server);
        result.pool.max_connections = 1;
        result.retry.max_attempts = 2;
        result.retry.base = 0ms;
        return result;
    }

    test::ScriptServer server;
    asio::io_context context;
    Client client{context, config()};
};

const std::string overloaded = test::response(503);
const std::string throttled = test::response(429, "Retry-After-Ms: 1\r\n");
const std::string throttled_for_an_hour = test::response(429, "Retry-After: 3600\r\n");
const std::string no_such_user = test::response(404, {}, R"({"code":"user_not_found","error":"User not found."})");

} // namespace

BOOST_FIXTURE_TEST_SUITE(batches, Fixture)

BOOST_AUTO_TEST_CASE(users_are_created_read_updated_and_deleted_in_order)
{
    const std::vector<std::string> ids = create(200);
    BOOST_TEST((std::set<std::string>{ids.begin(), ids.end()}.size() == 200u));

    const auto users = run(context, get_users(client, ids));
    BOOST_TEST_REQUIRE(users.size() == 200u);
    for (std::size_t i = 0; i < users.size(); ++i)
        BOOST_TEST(users[i].value().email == std::to_string(i) + "@example.com");

    std::vector<std::pair<std::string, UpdateUserRequest>> updates;
    for (const std::string& id : ids)
        updates.emplace_back(id, UpdateUserRequest{}.metadata("id", id));
    const auto updated = run(context, update_users(client, updates));
    for (std::size_t i = 0; i < updated.size(); ++i)
        BOOST_TEST((updated[i].value().user_metadata.at("id").as_string() == ids[i]));

    std::vector<std::string> some{ids.begin(), ids.begin() + 100};
    some.push_back("nobody");
    const auto deleted = run(context, delete_users(client, some));
    for (std::size_t i = 0; i < 100; ++i)
        BOOST_TEST(deleted[i].has_value());
    BOOST_TEST(is_not_found(deleted[100].error()));
    const auto left = run(context, get_users(client, ids));
    for (std::size_t i = 0; i < left.size(); ++i)
        BOOST_TEST(left[i].has_value() == (i >= 100));
    BOOST_TEST(run(context, get_users(client, {})).empty());
}

BOOST_AUTO_TEST_CASE(equal_ids_are_asked_for_once)
{
    const std::vector<std::string> ids = create(3);
    std::vector<std::string> many;
    for (int i = 0; i < 999; ++i)
        many.push_back(ids[static_cast<std::size_t>(i % 3)]);
    std::size_t calls = 0;
    const auto users =
        run(context, get_users(client, many, BatchOptions{}.on_progress([&](const BatchProgress&) { ++calls; })));
    BOOST_TEST(calls == 3u);
    BOOST_TEST_REQUIRE(users.size() == many.size());
    for (std::size_t i = 0; i < many.size(); ++i)
        BOOST_TEST(users[i].value().id == many[i]);
}

BOOST_AUTO_TEST_CASE(a_refused_key_stops_all)
{
    Config config = service.config();
    config.api_key = "wrong";
    Client stranger{context, config};
    const auto users = run(context, get_users(stranger, std::vector<std::string>(1, "u"), BatchOptions{}));
    BOOST_TEST(is_unauthorized(users.front().error()));

    std::vector<std::string> ids;
    for (int i = 0; i < 1'000; ++i)
        ids.push_back("user" + std::to_string(i));
    const auto none = run(context, get_users(stranger, ids, BatchOptions{}.window(4)));
    BOOST_TEST(std::ranges::all_of(none, [](const auto& user) { return is_unauthorized(user.error()); }));
    const auto asked = std::ranges::count_if(none, [](const auto& user) { return user.error().attempts > 0; });
    BOOST_TEST(asked <= 4);
    BOOST_TEST(asked >= 1);
}

BOOST_AUTO_TEST_CASE(no_more_than_the_window_is_under_way)
{
    for (const std::size_t window : {1U, 3U, 64U, 1000U}) {
        std::size_t now = 0;
        std::size_t most = 0;
        std::set<std::size_t> delivered;
        const auto operation = [&](int item, const CallOptions&) -> asio::awaitable<expected<int>> {
            most = std::max(most, ++now);
            for (int i = 0; i <= item % 5; ++i)
                co_await turn();
            --now;
            co_return item;
        };
        const auto deliver = [&](std::size_t index, expected<int>&& result) {
            BOOST_TEST(static_cast<int>(index) == *result);
            delivered.insert(index);
        };
        const BatchSummary summary =
            run(context, for_each(Numbers{300}, operation, deliver, BatchOptions{}.window(window)));
        BOOST_TEST(!summary.stopped);
        BOOST_TEST(summary.done == 300u);
        BOOST_TEST(summary.failed == 0u);
        BOOST_TEST(delivered.size() == 300u);
        BOOST_TEST(most == std::min<std::size_t>(window, 300));
    }
}

BOOST_AUTO_TEST_CASE(results_in_order_keep_to_the_window)
{
    for (const std::size_t window : {1U, 3U, 64U, 1000U}) {
        std::size_t begun = 0;
        std::size_t delivered = 0;
        std::size_t most = 0;
        const auto operation = [&](int item, const CallOptions&) -> asio::awaitable<expected<int>> {
            most = std::max(most, ++begun - delivered);
            for (int i = 0; i <= item * 7 % 11; ++i)
                co_await turn();
            co_return item;
        };
        const auto deliver = [&](std::size_t index, expected<int>&& result) {
            BOOST_TEST(index == delivered);
            BOOST_TEST(static_cast<std::size_t>(*result) == delivered);
            ++delivered;
        };
        const BatchSummary summary =
            run(context, for_each(Numbers{500}, operation, deliver, BatchOptions{}.window(window).in_order(true)));
        BOOST_TEST(summary.done == 500u);
        BOOST_TEST(delivered == 500u);
        BOOST_TEST(most == std::min<std::size_t>(window, 500));
    }
}

BOOST_AUTO_TEST_CASE(an_item_whose_pause_is_broken_off_has_the_error_of_its_last_asking)
{
    for (const bool in_order : {false, true}) {
        std::vector<std::size_t> delivered;
        std::vector<Error> errors;
        const auto operation = [](int item, const CallOptions&) {
            if (item > 1)
                return answer(item);
            Error error = api_error(item == 0 ? 429 : 400); // the first is asked for again, were it not for the second
            error.retry_after = 1h;
            error.attempts = 3;
            error.effect = Effect::unknown;
            error.earlier_attempts.resize(2);
            return refuse(std::move(error));
        };
        const auto deliver = [&](std::size_t index, expected<int>&& result) {
            delivered.push_back(index);
            if (!result)
                errors.push_back(result.error());
        };
        const auto rule = [](const Error& error) { return error.http_status == 400; };
        const BatchSummary summary =
            run(context, for_each(Numbers{100}, operation, deliver,
                                  BatchOptions{}.window(4).in_order(in_order).stop_when(rule)));
        BOOST_TEST(summary.stopped.has_value());
        BOOST_TEST(summary.done == 4u);
        BOOST_TEST(summary.failed == 2u);
        if (in_order)
            BOOST_TEST((delivered == std::vector<std::size_t>{0, 1, 2, 3}));
        BOOST_TEST_REQUIRE(errors.size() == 2u);
        const auto first = std::ranges::find(errors, 429, &Error::http_status);
        BOOST_TEST_REQUIRE((first != errors.end()));
        BOOST_TEST(first->attempts == 3u);
        BOOST_TEST((first->effect == Effect::unknown));
        BOOST_TEST(first->earlier_attempts.size() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(an_item_that_was_never_asked_holds_up_no_later_one)
{
    std::vector<std::size_t> delivered;
    const auto operation = [](int item, const CallOptions&) {
        Error error = api_error(item == 0 ? 429 : 400);
        error.retry_after = 1h;
        return refuse(std::move(error));
    };
    const auto deliver = [&](std::size_t index, expected<int>&&) { delivered.push_back(index); };
    const auto deadline = std::chrono::steady_clock::now() + 20ms;
    const BatchSummary summary = run(context, for_each(Numbers{100}, operation, deliver,
                                                       BatchOptions{}.window(1).in_order(true).deadline(deadline)));
    BOOST_TEST(is_timeout(summary.stopped.value()));
    BOOST_TEST((delivered == std::vector<std::size_t>{0}));
}

BOOST_AUTO_TEST_CASE(a_batch_that_waits_for_its_first_item_can_be_cancelled)
{
    asio::cancellation_signal signal;
    std::vector<std::size_t> delivered;
    std::optional<BatchSummary> ended;
    const auto operation = [](int item, const CallOptions&) { return item == 0 ? never_answer() : answer(item); };
    const auto deliver = [&](std::size_t index, expected<int>&&) { delivered.push_back(index); };
    asio::co_spawn(context, for_each(Numbers{100}, operation, deliver, BatchOptions{}.window(4).in_order(true)),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, BatchSummary summary) {
                       BOOST_TEST(!error);
                       ended = std::move(summary);
                   }));
    context.poll();
    BOOST_TEST(delivered.empty());
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_TEST_REQUIRE(ended.has_value());
    BOOST_TEST(ended->done == 4u);
    BOOST_TEST((delivered == std::vector<std::size_t>{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(of_a_million_items_no_more_than_the_window_are_in_memory)
{
    std::int64_t sum = 0;
    const auto operation = [](int item, const CallOptions&) -> asio::awaitable<expected<int>> {
        const Counted counted;
        co_await turn();
        co_return item;
    };
    const auto deliver = [&](std::size_t, expected<int>&& result) { sum += *result; };
    const auto summary = run(context, for_each(Numbers{1'000'000}, operation, deliver));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::cout << "1,000,000 items: at most " << Counted::most << " calls at a time; peak memory of the process "
              << usage.ru_maxrss << " KiB\n";
    BOOST_TEST(summary.done == 1'000'000u);
    BOOST_TEST(sum == 499'999'500'000);
    BOOST_TEST(Counted::most == 64);
    BOOST_TEST(Counted::now == 0);
}

BOOST_AUTO_TEST_CASE(a_rule_stops_the_batch_and_lets_what_is_under_way_end)
{
    int begun = 0;
    int delivered = 0;
    const auto operation = [&](int item, const CallOptions&) {
        ++begun;
        return item == 10 ? refuse(api_error(400)) : answer(item);
    };
    const auto deliver = [&](std::size_t, expected<int>&&) { ++delivered; };
    const auto rule = [](const Error& error) { return error.http_status == 400; };
    const auto summary =
        run(context, for_each(Numbers{1'000}, operation, deliver, BatchOptions{}.window(4).stop_when(rule)));
    BOOST_TEST_REQUIRE(summary.stopped.has_value());
    BOOST_TEST(summary.stopped->http_status == 400);
    BOOST_TEST(begun < 20);
    BOOST_TEST(delivered == begun);
    BOOST_TEST(summary.failed == 1u);
}

BOOST_AUTO_TEST_CASE(the_deadline_of_the_batch_ends_what_is_under_way)
{
    std::vector<Errc> ends;
    const auto operation = [](int, const CallOptions&) { return never_answer(); };
    const auto deliver = [&](std::size_t, expected<int>&& result) {
        ends.push_back(static_cast<Errc>(result.error().code));
    };
    const auto summary =
        run(context, for_each(Numbers{100}, operation, deliver,
                              BatchOptions{}.window(8).deadline(std::chrono::steady_clock::now() + 20ms)));
    BOOST_TEST_REQUIRE(summary.stopped.has_value());
    BOOST_TEST(is_timeout(*summary.stopped));
    BOOST_TEST((ends == std::vector<Errc>(8, Errc::timeout)));
}

BOOST_AUTO_TEST_CASE(a_call_that_is_cut_off_after_a_rule_stopped_the_batch_has_an_error_of_its_own)
{
    for (const Errc reason : {Errc::cancelled, Errc::timeout}) {
        asio::cancellation_signal signal;
        Outcome<BatchSummary> summary;
        std::vector<Error> errors;
        const auto operation = [](int item, const CallOptions&) {
            return item == 0 ? refuse(api_error(400)) : never_answer();
        };
        const auto deliver = [&](std::size_t, expected<int>&& result) { errors.push_back(result.error()); };
        BatchOptions options;
        options.window(2).stop_when([](const Error& error) { return error.http_status == 400; });
        if (reason == Errc::timeout)
            options.deadline(std::chrono::steady_clock::now() + 200ms);
        asio::co_spawn(context, for_each(Numbers{100}, operation, deliver, std::move(options)),
                       asio::bind_cancellation_slot(signal.slot(), summary.take()));
        context.restart();
        context.poll();
        BOOST_TEST(!summary.result);
        if (reason == Errc::cancelled)
            signal.emit(asio::cancellation_type::terminal);
        context.run();
        BOOST_TEST_REQUIRE(summary.result.has_value());
        BOOST_TEST(summary.result->stopped.value().http_status == 400);
        BOOST_TEST_REQUIRE(errors.size() == 2u);
        BOOST_TEST((errors[1].code == reason), errors[1]);
        BOOST_TEST(errors[1].http_status == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_cancelled_ends_with_all_its_calls)
{
    asio::cancellation_signal signal;
    std::optional<BatchSummary> ended;
    int delivered = 0;
    const auto operation = [](int, const CallOptions&) { return never_answer(); };
    const auto deliver = [&](std::size_t, expected<int>&& result) { delivered += is_cancelled(result.error()); };
    asio::co_spawn(context, for_each(Numbers{100}, operation, deliver, BatchOptions{}.window(8)),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, BatchSummary summary) {
                       BOOST_TEST(!error);
                       ended = std::move(summary);
                   }));
    context.poll();
    BOOST_TEST(!ended);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_TEST_REQUIRE(ended.has_value());
    BOOST_TEST(is_cancelled(ended->stopped.value()));
    BOOST_TEST(delivered == 8);
}

BOOST_AUTO_TEST_CASE(a_throttled_batch_pauses_as_a_whole_and_asks_again)
{
    using Clock = std::chrono::steady_clock;
    constexpr auto pause = 30ms;
    std::optional<Clock::time_point> throttled;
    int early = 0;
    int refused = 0;
    const auto operation = [&](int item, const CallOptions&) {
        if (throttled && Clock::now() < *throttled + pause)
            ++early;
        if (item == 20 && refused < 2) {
            ++refused;
            Error error = api_error(429);
            error.retry_after = pause;
            throttled = Clock::now();
            return refuse(std::move(error));
        }
        return answer(item);
    };
    int good = 0;
    const auto deliver = [&](std::size_t, expected<int>&& result) { good += result.has_value(); };
    const auto summary = run(context, for_each(Numbers{100}, operation, deliver, BatchOptions{}.window(1)));
    BOOST_TEST(good == 100);
    BOOST_TEST(summary.failed == 0u);
    BOOST_TEST(refused == 2);
    BOOST_TEST(early == 0);
}

BOOST_AUTO_TEST_CASE(a_pause_takes_as_long_as_any_answer_asks_for)
{
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds pauses[] = {50ms, 100ms, 1ms};
    std::optional<Clock::time_point> throttled; // for the longest pause
    int calls = 0;
    int early = 0;
    const auto operation = [&](int item, const CallOptions&) {
        if (++calls > 3) {
            early += Clock::now() < throttled.value() + 100ms;
            return answer(item);
        }
        Error error = api_error(429);
        error.retry_after = pauses[item];
        if (item == 1)
            throttled = Clock::now();
        return refuse(std::move(error));
    };
    const auto summary = run(context, for_each(Numbers{3}, operation, ignore));
    BOOST_TEST(summary.failed == 0u);
    BOOST_TEST(calls == 6);
    BOOST_TEST(early == 0);
}

BOOST_AUTO_TEST_CASE(an_item_that_stays_throttled_fails_in_the_end)
{
    int asked = 0;
    const auto operation = [&](int, const CallOptions&) {
        ++asked;
        Error error = api_error(429);
        error.retry_after = 1ms;
        return refuse(std::move(error));
    };
    const auto summary = run(context, for_each(Numbers{1}, operation, ignore));
    BOOST_TEST(summary.failed == 1u);
    BOOST_TEST(!summary.stopped);
    BOOST_TEST(asked == 9);
}

BOOST_AUTO_TEST_CASE(the_error_of_an_item_tells_of_all_its_askings)
{
    int asked = 0;
    const auto operation = [&](int, const CallOptions&) {
        Error error = api_error(asked++ == 0 ? 429 : 404);
        error.retry_after = 1ms;
        error.attempts = 2;
        error.earlier_attempts.resize(1);
        error.earlier_attempts[0].http_status = asked == 1 ? 503 : 502;
        error.effect = asked == 1 ? Effect::unknown : Effect::none;
        return refuse(std::move(error));
    };
    std::optional<Error> error;
    const auto deliver = [&](std::size_t, expected<int>&& result) { error = result.error(); };
    run(context, for_each(Numbers{1}, operation, deliver));
    BOOST_TEST(asked == 2);
    BOOST_TEST_REQUIRE(error.has_value());
    BOOST_TEST(error->http_status == 404);
    BOOST_TEST(error->attempts == 4u);
    BOOST_TEST((error->effect == Effect::unknown));
    std::vector<int> statuses;
    for (const FailedAttempt& attempt : error->earlier_attempts)
        statuses.push_back(attempt.http_status);
    BOOST_TEST((statuses == std::vector<int>{503, 429, 502}));
}

BOOST_AUTO_TEST_CASE(a_delete_that_finds_nothing_when_it_is_asked_again_may_have_been_done)
{
    Scripted done{{overloaded, throttled, no_such_user}};
    const auto deleted = run(done.context, delete_users(done.client, {"u1"}));
    BOOST_TEST(deleted.front().has_value(), passage::test::error_of(deleted.front()));

    // Refused is not done: the user was not there from the start.
    Scripted refused{{throttled, throttled, no_such_user}};
    const auto missing = run(refused.context, delete_users(refused.client, {"u1"}));
    BOOST_TEST_REQUIRE(!missing.front().has_value());
    BOOST_TEST(is_not_found(missing.front().error()));
    BOOST_TEST(missing.front().error().attempts == 3u);
    BOOST_TEST((missing.front().error().effect == Effect::none));
    BOOST_TEST(missing.front().error().earlier_attempts.size() == 2u);
}

BOOST_AUTO_TEST_CASE(an_item_that_was_asked_is_not_said_to_be_untouched_when_the_deadline_passes)
{
    // The first call makes the connection.
    Scripted scripted{{no_such_user, overloaded, throttled_for_an_hour}};
    BOOST_TEST(!run(scripted.context, delete_users(scripted.client, {"u0"})).front().has_value());
    BatchOptions options;
    options.window(1).deadline(std::chrono::steady_clock::now() + 200ms);
    const auto deleted = run(scripted.context, delete_users(scripted.client, {"u1", "u2"}, std::move(options)));
    BOOST_TEST_REQUIRE(!deleted[0].has_value());
    BOOST_TEST(is_rate_limited(deleted[0].error()), deleted[0].error());
    BOOST_TEST(deleted[0].error().attempts == 2u);
    BOOST_TEST((deleted[0].error().effect == Effect::unknown));
    BOOST_TEST(deleted[0].error().earlier_attempts.size() == 1u);
    BOOST_TEST_REQUIRE(!deleted[1].has_value());
    BOOST_TEST(is_timeout(deleted[1].error()), deleted[1].error());
    BOOST_TEST(deleted[1].error().attempts == 0u);
    BOOST_TEST(scripted.server.requests().size() == 3u);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_after_the_deadline)
{
    Scripted scripted{{}};
    for (const std::chrono::milliseconds age : {0ms, 1ms, 3'600'000ms}) {
        BatchOptions options;
        options.window(3).deadline(std::chrono::steady_clock::now() - age);
        std::vector<CreateUserRequest> requests(8, CreateUserRequest{}.email("a@b.c"));
        const auto created =
            run(scripted.context, create_users(scripted.client, std::move(requests), std::move(options)));
        BOOST_TEST_REQUIRE(created.size() == 8u);
        for (const auto& user : created) {
            BOOST_TEST_REQUIRE(!user.has_value());
            BOOST_TEST(is_timeout(user.error()), user.error());
            BOOST_TEST(user.error().attempts == 0u);
            BOOST_TEST((user.error().effect == Effect::none));
        }
    }
    BOOST_TEST(scripted.server.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_knows_that_the_batch_ends_before_it)
{
    // It does not wait for what comes too late for the batch, though its own time would reach.
    const std::vector<CallOptions> own{CallOptions{}, CallOptions{}.timeout(1h),
                                       CallOptions{}.deadline(std::chrono::steady_clock::now() + 1h)};
    for (const CallOptions& each : own) {
        Scripted scripted{{test::response(503, "Retry-After: 20\r\n")}};
        BatchOptions options;
        options.each(each).deadline(std::chrono::steady_clock::now() + 10s);
        const auto users = run(scripted.context, get_users(scripted.client, {"u1"}, std::move(options)));
        BOOST_TEST_REQUIRE(!users.front().has_value());
        BOOST_TEST(users.front().error().http_status == 503, users.front().error());
        BOOST_TEST(!is_timeout(users.front().error()), users.front().error());
        BOOST_TEST(users.front().error().attempts == 1u);
    }
}

BOOST_AUTO_TEST_CASE(what_the_functions_throw_is_thrown_on)
{
    const auto good = [](int item, const CallOptions&) { return answer(item); };
    const auto throws = [](int item, const CallOptions&) {
        if (item == 5)
            throw std::runtime_error{"operation"};
        return answer(item);
    };
    BOOST_CHECK_THROW(run(context, for_each(Numbers{100}, throws, ignore)), std::runtime_error);
    const auto deliver = [](std::size_t index, expected<int>&&) {
        if (index == 5)
            throw std::runtime_error{"deliver"};
    };
    BOOST_CHECK_THROW(run(context, for_each(Numbers{100}, good, deliver)), std::runtime_error);
    BOOST_CHECK_THROW(run(context, for_each(Numbers{100, 5}, good, ignore)), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_its_batches_along)
{
    const auto witness = std::make_shared<int>();
    {
        asio::io_context own;
        const auto operation = [witness](int, const CallOptions&) { return never_answer(); };
        asio::co_spawn(own, for_each(Numbers{100}, operation, ignore),
                       [witness](std::exception_ptr, const BatchSummary&) { BOOST_ERROR("it can't end"); });
        own.poll();
        BOOST_TEST(witness.use_count() > 1);
    }
    BOOST_TEST(witness.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_functions_are_called_one_after_another_on_a_thread_pool)
{
    const std::vector<std::string> ids = create(50);
    asio::thread_pool pool{4};
    Client shared{pool, service.config()};
    int delivered = 0; // not atomic: the batch's promise
    const auto operation = [&](const std::string& id, const CallOptions& call) { return shared.get_user(id, call); };
    const auto deliver = [&](std::size_t index, expected<UserInfo>&& user) {
        delivered += user.value().id == ids[index];
    };
    auto first = asio::co_spawn(pool, for_each(ids, operation, deliver, BatchOptions{}.window(16)), asio::use_future);
    BOOST_TEST(first.get().done == 50u);
    BOOST_TEST(delivered == 50);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(batches_with_tokens, Fixture)

using Users = std::vector<expected<UserInfo>>;

BOOST_AUTO_TEST_CASE(callbacks_are_called_on_the_executor_that_ran_the_functions)
{
    const auto operation = [](int item, const CallOptions&) { return answer(item); };
    for (const bool has_options : {false, true}) {
        int delivered = 0;
        const auto deliver = [&](std::size_t, expected<int>&&) { ++delivered; };
        Outcome<BatchSummary> summary;
        if (has_options)
            for_each(Numbers{10}, operation, deliver, BatchOptions{}.window(2),
                     asio::bind_executor(context, summary.take()));
        else
            for_each(Numbers{10}, operation, deliver, asio::bind_executor(context, summary.take()));
        BOOST_TEST(delivered == 0);
        context.restart();
        context.run();
        BOOST_TEST(!summary.error);
        BOOST_TEST(summary.result.value().done == 10u);
        BOOST_TEST(delivered == 10);
    }
}

BOOST_AUTO_TEST_CASE(users_are_created_read_updated_and_deleted_by_callbacks_on_the_clients_executor)
{
    const auto end = [this](auto& outcome) {
        BOOST_TEST(!outcome.result);
        context.restart();
        context.run();
        BOOST_TEST(!outcome.error);
        return std::move(outcome.result).value();
    };
    Outcome<Users> created;
    create_users(client, {CreateUserRequest{}.email("a@example.com"), CreateUserRequest{}.email("b@example.com")},
                 created.take());
    std::vector<std::string> ids;
    for (const auto& user : end(created))
        ids.push_back(user.value().id);

    Outcome<Users> updated;
    update_users(client, {{ids[1], UpdateUserRequest{}.email("c@example.com")}}, BatchOptions{}.window(1),
                 updated.take());
    BOOST_TEST(end(updated).front().value().email == "c@example.com");

    Outcome<Users> read;
    get_users(client, {ids[0], ids[1], ids[0]}, read.take());
    const Users users = end(read);
    BOOST_TEST_REQUIRE(users.size() == 3u);
    BOOST_TEST(users[0].value().email == "a@example.com");
    BOOST_TEST(users[1].value().email == "c@example.com");
    BOOST_TEST(users[2].value().id == ids[0]);

    Outcome<std::vector<expected<void>>> deleted;
    delete_users(client, {ids[0], "nobody"}, deleted.take());
    const auto gone = end(deleted);
    BOOST_TEST(gone[0].has_value());
    BOOST_TEST(is_not_found(gone[1].error()));
}

BOOST_AUTO_TEST_CASE(without_an_executor_the_functions_are_called_on_other_threads_one_after_another)
{
    int delivered = 0; // not atomic: the batch's promise
    std::atomic<bool> here{false};
    const std::thread::id caller = std::this_thread::get_id();
    const auto operation = [&](int item, const CallOptions&) {
        here = here || std::this_thread::get_id() == caller;
        return answer(item);
    };
    const auto deliver = [&](std::size_t, expected<int>&&) { ++delivered; };
    auto summary = for_each(Numbers{100}, operation, deliver, BatchOptions{}.window(8), asio::use_future);
    BOOST_TEST(summary.get().done == 100u);
    BOOST_TEST(delivered == 100);
    BOOST_TEST(!here);
}

BOOST_AUTO_TEST_CASE(a_future_takes_the_results_and_what_is_thrown)
{
    asio::thread_pool pool{2};
    Client shared{pool, service.config()};
    BOOST_TEST(get_users(shared, {"nobody"}, asio::use_future).get().size() == 1u);
    auto failed = get_users(shared, {"nobody"},
                            BatchOptions{}.stop_when([](const Error&) -> bool { throw std::runtime_error{"rule"}; }),
                            asio::use_future);
    BOOST_CHECK_THROW(failed.get(), std::runtime_error);
    pool.join();
}

BOOST_AUTO_TEST_CASE(a_deferred_batch_has_read_its_arguments_and_begins_when_it_is_told_to)
{
    std::vector<std::string> ids{"nobody"};
    auto deferred = get_users(client, ids, asio::deferred);
    ids.front() = "somebody";
    context.run();
    BOOST_TEST(client.stats().connections == 0u);
    Outcome<Users> users;
    std::move(deferred)(users.take());
    context.restart();
    context.run();
    BOOST_TEST_REQUIRE(users.result.has_value());
    BOOST_TEST(is_not_found(users.result->front().error()));
}

BOOST_AUTO_TEST_CASE(a_creation_that_may_have_been_made_is_not_made_again)
{
    // The refusal comes behind an answer that names nobody, so it may be another request's.
    test::ScriptServer server;
    std::atomic<int> creations = 0;
    test::Script script{{test::steps::tls(), test::steps::request(), test::steps::send(test::response(200, "", "{}"))},
                        true};
    for (int i = 0; i < 2; ++i) {
        script.steps.push_back(test::steps::request());
        script.steps.push_back([&](test::Peer&) { ++creations; });
        script.steps.push_back(test::steps::send(throttled));
    }
    script.steps.push_back(test::steps::serve());
    server.plan({std::move(script)});
    Config config = config_for(server);
    config.pool.max_connections = 1;
    config.retry.max_attempts = 1;
    Client scripted{context, config};
    const auto both = [&scripted]() -> asio::awaitable<std::vector<expected<UserInfo>>> {
        const auto deleted = co_await scripted.delete_user("subject");
        BOOST_TEST(deleted.has_value());
        const std::vector<CreateUserRequest> requests{CreateUserRequest{}.email("jane@example.com")};
        co_return co_await create_users(scripted, requests);
    };
    const auto created = run(context, both());
    BOOST_TEST(creations == 1);
    BOOST_TEST_REQUIRE(!created.at(0).has_value());
    BOOST_TEST(created[0].error().http_status == 429);
    BOOST_TEST((created[0].error().effect == Effect::unknown));
}

BOOST_AUTO_TEST_CASE(a_deferred_batch_is_started_once)
{
    using Deferred = decltype(get_users(client, std::vector<std::string>{}, asio::deferred));
    BOOST_TEST(!std::is_copy_constructible_v<Deferred>);
    BOOST_TEST(std::is_nothrow_move_constructible_v<Deferred>);
}

BOOST_AUTO_TEST_CASE(use_awaitable_is_a_token_like_others)
{
    const auto both = [this]() -> asio::awaitable<std::size_t> {
        const auto operation = [](int item, const CallOptions&) { return answer(item); };
        const BatchSummary summary = co_await for_each(Numbers{5}, operation, ignore, asio::use_awaitable);
        std::vector<std::string> ids{"nobody"};
        const Users users = co_await get_users(client, std::move(ids), asio::use_awaitable);
        co_return summary.done + users.size();
    };
    BOOST_TEST(run(context, both()) == 6u);
}

BOOST_AUTO_TEST_CASE(functions_and_handler_are_called_on_the_associated_executor)
{
    asio::thread_pool pool{4};
    const auto strand = asio::make_strand(pool);
    int elsewhere = 0; // not atomic: the strand's promise
    const auto check = [&] { elsewhere += !strand.running_in_this_thread(); };
    const auto operation = [&](int item, const CallOptions&) {
        check();
        return answer(item);
    };
    const auto deliver = [&](std::size_t, expected<int>&&) { check(); };
    std::promise<BatchSummary> ended;
    for_each(Numbers{100}, operation, deliver, BatchOptions{}.on_progress([&](const BatchProgress&) { check(); }),
             asio::bind_executor(strand, [&](std::exception_ptr, BatchSummary summary) {
                 check();
                 ended.set_value(std::move(summary));
             }));
    BOOST_TEST(ended.get_future().get().done == 100u);
    pool.join();
    BOOST_TEST(elsewhere == 0);
}

BOOST_AUTO_TEST_CASE(a_slot_cancels_a_batch_by_any_type_of_cancellation)
{
    for (const auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        Scripted scripted{{test::response(404), throttled_for_an_hour}};
        asio::cancellation_signal signal;
        Outcome<Users> users;
        get_users(scripted.client, {"u1", "u2", "u3"},
                  BatchOptions{}.window(1).on_progress([&](const BatchProgress&) { signal.emit(type); }),
                  asio::bind_cancellation_slot(signal.slot(), users.take()));
        scripted.context.run();
        BOOST_TEST(!users.error);
        BOOST_TEST_REQUIRE(users.result.has_value());
        BOOST_TEST((*users.result)[0].error().http_status == 404);
        BOOST_TEST(is_cancelled((*users.result)[2].error()), (*users.result)[2].error());
        BOOST_TEST((*users.result)[2].error().attempts == 0u);
        signal.emit(type); // late
    }
}

BOOST_AUTO_TEST_CASE(an_awaited_batch_is_cancelled_by_any_type_of_cancellation)
{
    for (const auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        asio::io_context own;
        asio::cancellation_signal signal;
        Outcome<BatchSummary> summary;
        const auto operation = [](int, const CallOptions&) { return never_answer(); };
        asio::co_spawn(own, for_each(Numbers{100}, operation, ignore, BatchOptions{}.window(8)),
                       asio::bind_cancellation_slot(signal.slot(), summary.take()));
        own.poll();
        signal.emit(type);
        own.poll();
        BOOST_TEST(!summary.error);
        BOOST_TEST_REQUIRE(summary.result.has_value());
        BOOST_TEST(is_cancelled(summary.result->stopped.value()));
        BOOST_TEST(summary.result->done == 8u);
    }
}

BOOST_AUTO_TEST_CASE(a_batch_that_was_cancelled_before_has_results_and_asks_for_nothing)
{
    Outcome<Users> users;
    asio::cancellation_signal signal;
    const auto late = [&]() -> asio::awaitable<Users> {
        co_await asio::this_coro::throw_if_cancelled(false);
        signal.emit(asio::cancellation_type::terminal);
        co_return co_await get_users(client, std::vector<std::string>(2, "u1"));
    };
    asio::co_spawn(context, late(), asio::bind_cancellation_slot(signal.slot(), users.take()));
    context.run();
    BOOST_TEST(!users.error);
    BOOST_TEST_REQUIRE(users.result.has_value());
    BOOST_TEST(is_cancelled(users.result->at(1).error()));
    BOOST_TEST(users.result->at(1).error().attempts == 0u);
    BOOST_TEST(client.stats().connections == 0u);
}

BOOST_AUTO_TEST_CASE(what_functions_throw_is_given_to_the_handler_when_they_are_destroyed)
{
    struct Refusing : Numbers
    {
        using Numbers::Numbers;
        Iterator begin() const { throw std::runtime_error{"begin"}; }
    };
    auto witness = std::make_shared<int>();
    const auto good = [witness](int item, const CallOptions&) { return answer(item); };
    const auto operation = [witness](int item, const CallOptions&) {
        return item == 5 ? throw std::runtime_error{"operation"} : answer(item);
    };
    const auto deliver = [witness](std::size_t index, expected<int>&&) {
        if (index == 5)
            throw std::runtime_error{"deliver"};
    };
    const long before = witness.use_count();
    const auto expect = [&](const std::string& what, auto range, auto begin, auto take) {
        Outcome<BatchSummary> outcome;
        for_each(std::move(range), std::move(begin), std::move(take),
                 asio::bind_executor(context,
                                     [&, end = outcome.take()](std::exception_ptr error, BatchSummary summary) mutable {
                                         BOOST_TEST(witness.use_count() == before);
                                         end(std::move(error), std::move(summary));
                                     }));
        context.restart();
        context.run();
        BOOST_TEST(outcome.has_thrown(what), what);
    };
    expect("operation", Numbers{100}, operation, ignore);
    expect("deliver", Numbers{100}, good, deliver);
    expect("range", Numbers{100, 5}, good, ignore);
    expect("begin", Refusing{100}, good, ignore);
}

BOOST_AUTO_TEST_CASE(the_handlers_allocator_gives_its_memory_which_is_free_when_it_is_called)
{
    std::size_t bytes = 0;
    bool free = false;
    const auto operation = [](int item, const CallOptions&) { return answer(item); };
    for_each(Numbers{3}, operation, ignore,
             asio::bind_executor(
                 context, asio::bind_allocator(CountingAllocator<char>{bytes},
                                               [&](std::exception_ptr, const BatchSummary&) { free = bytes == 0; })));
    BOOST_TEST(bytes > 0u);
    context.run();
    BOOST_TEST(free);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_first_takes_the_batches_along_whose_handlers_belong_to_it)
{
    test::ScriptServer server;
    server.plan({{{test::steps::tls(), test::steps::request(), test::steps::hold()}, true},
                 {{test::steps::tls(), test::steps::request(), test::steps::hold()}, true}});
    std::optional<Client> held{std::in_place, context, config_for(server)};
    const auto witness = std::make_shared<int>();
    asio::cancellation_signal signal;
    auto other = std::make_unique<asio::io_context>();
    get_users(*held, {"u1"},
              asio::bind_cancellation_slot(signal.slot(),
                                           asio::bind_executor(*other, [witness](std::exception_ptr, const Users&) {
                                               BOOST_ERROR("it can't end");
                                           })));
    const auto operation = [witness, &held](int item, const CallOptions& call) {
        return held->get_user("u" + std::to_string(item), call);
    };
    for_each(
        Numbers{2}, operation, [](std::size_t, expected<UserInfo>&&) {}, BatchOptions{}.window(1),
        asio::bind_executor(asio::make_strand(*other),
                            [witness](std::exception_ptr, const BatchSummary&) { BOOST_ERROR("it can't end"); }));
    other->poll();
    while (server.requests().size() < 2)
        context.run_one();
    BOOST_TEST(witness.use_count() == 5);
    other.reset();
    BOOST_TEST(witness.use_count() == 2);
    signal.emit(asio::cancellation_type::terminal); // late
    while (held->stats().connections > 0)           // the server still holds: the calls are broken off
        context.run_one();
    held.reset();
    context.run();
    BOOST_TEST(server.finish() == "");
}

BOOST_AUTO_TEST_CASE(a_context_may_go_while_the_clients_threads_complete_what_its_batches_wait_for)
{
    asio::thread_pool pool{2};
    Client shared{pool, service.config()};
    std::atomic<int> under_way{0};
    for (int round = 0; round < 200; ++round) {
        asio::io_context other;
        for (int i = 0; i < 4; ++i) {
            ++under_way;
            const std::shared_ptr<void> counted{nullptr, [&](void*) { --under_way; }};
            get_users(shared, {"u1", "u2", "u3", "u4"}, BatchOptions{}.window(2).in_order(i % 2 == 0),
                      asio::bind_executor(other, [counted](std::exception_ptr, const Users&) {}));
        }
        for (int i = 0; i < 10 + round % 40; ++i)
            if (other.run_one() == 0)
                break;
    }
    BOOST_TEST(under_way == 0);
    shared.close();
    pool.join();
}

BOOST_AUTO_TEST_SUITE_END()
