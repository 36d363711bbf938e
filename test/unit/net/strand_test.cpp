#include "net/strand.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using passage::net::Strand;

static_assert(asio::execution::is_executor<Strand>::value);
static_assert(std::is_nothrow_copy_constructible_v<Strand>);

namespace {

struct Fixture
{
    asio::io_context context;
    Strand strand{asio::any_io_executor{context.get_executor()}};
    std::string order;

    auto add(char c)
    {
        return [this, c] { order += c; };
    }
};

/// Appends to a string when it is run or dropped.
struct Note final : Strand::Entry
{
    Note(std::string& to, char when_run, char when_dropped) : order{to}, run_{when_run}, dropped_{when_dropped} {}
    void run() override { order += run_; }
    void drop() noexcept override { order += dropped_; }

    std::string& order;
    char run_;
    char dropped_;
};

/// An `io_context` that may have no memory.
struct ShortOfMemory
{
    asio::io_context* context;
    /// If set, `execute` calls this and then throws `std::bad_alloc`.
    std::function<void()>* shortage;

    template <class Function>
    void execute(Function function) const
    {
        if (*shortage) {
            (*shortage)();
            throw std::bad_alloc{};
        }
        asio::post(*context, std::move(function));
    }
    friend bool operator==(const ShortOfMemory& left, const ShortOfMemory& right) noexcept
    {
        return left.context == right.context;
    }
    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
    {
        return asio::execution::blocking.never;
    }
};

struct ShortageFixture
{
    asio::io_context context;
    std::function<void()> shortage;
    Strand strand{asio::any_io_executor{ShortOfMemory{&context, &shortage}}};
    std::string order;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(functions_run_in_the_order_in_which_they_came, Fixture)
{
    asio::post(strand, add('a'));
    asio::dispatch(strand, add('b'));
    asio::post(strand, add('c'));
    BOOST_TEST(order == "");
    context.run();
    BOOST_TEST(order == "abc");
}

BOOST_FIXTURE_TEST_CASE(who_is_on_the_strand_runs_at_once_unless_he_posts, Fixture)
{
    asio::post(strand, [this] {
        asio::post(strand, add('d'));
        asio::dispatch(strand, add('a'));
        strand.enter(add('b'));
        order += 'c';
    });
    context.run();
    BOOST_TEST(order == "abcd");
}

BOOST_FIXTURE_TEST_CASE(who_enters_a_free_strand_runs_at_once, Fixture)
{
    asio::post(context, [this] {
        strand.enter([this] {
            asio::post(strand, add('b'));
            order += 'a';
        });
        order += 'c'; // after the entries that were queued
    });
    context.run();
    BOOST_TEST(order == "abc");
}

BOOST_FIXTURE_TEST_CASE(who_enters_comes_after_those_that_wait, Fixture)
{
    asio::post(strand, add('a'));
    strand.enter(add('b'));
    BOOST_TEST(order == "");
    context.run();
    BOOST_TEST(order == "ab");
}

BOOST_FIXTURE_TEST_CASE(it_can_be_held_as_any_executor, Fixture)
{
    const asio::any_io_executor any{strand};
    asio::post(any, [&] {
        asio::post(any, add('c'));
        asio::dispatch(any, add('a'));
        strand.enter(add('b'));
    });
    context.run();
    BOOST_TEST(order == "abc");
}

BOOST_AUTO_TEST_CASE(functions_of_many_threads_run_one_at_a_time_and_each_once)
{
    asio::thread_pool pool{4};
    const Strand strand{asio::any_io_executor{pool.get_executor()}};
    constexpr int tasks = 4000;
    int count = 0; // not atomic: a race is seen by the sanitizer
    std::vector<int> last(4, -1);
    bool in_order = true;
    std::vector<std::thread> outside;
    for (std::size_t thread = 0; thread < last.size(); ++thread)
        outside.emplace_back([&, thread] {
            for (int i = 0; i < tasks; ++i)
                asio::post(strand, [&, thread, i] {
                    ++count;
                    in_order = in_order && last[thread] == i - 1;
                    last[thread] = i;
                });
        });
    for (int i = 0; i < tasks; ++i)
        asio::post(pool, [&] { strand.enter([&] { ++count; }); });
    for (std::thread& thread : outside)
        thread.join();
    pool.join();
    BOOST_TEST(count == 5 * tasks);
    BOOST_TEST(in_order);
}

BOOST_FIXTURE_TEST_CASE(what_is_thrown_comes_out_and_the_others_run, Fixture)
{
    asio::post(strand, [] { throw std::bad_alloc{}; });
    asio::post(strand, add('a'));
    asio::post(strand, [] { throw std::runtime_error{"a second one"}; });
    asio::post(strand, add('b'));
    BOOST_CHECK_THROW(context.run(), std::bad_alloc);
    BOOST_TEST(order == "ab");
    context.restart();
    asio::post(strand, add('c'));
    context.run();
    BOOST_TEST(order == "abc");
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_waiting_functions_along)
{
    const auto held = std::make_shared<int>();
    {
        asio::io_context context;
        const Strand strand{asio::any_io_executor{context.get_executor()}};
        for (int i = 0; i < 3; ++i)
            asio::post(strand, [held, strand] {}); // holds the strand, as calls do
        BOOST_TEST(held.use_count() == 4);
    }
    BOOST_TEST(held.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(handlers_and_coroutines_run_on_it, Fixture)
{
    using Timer =
        asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Strand>;
    Timer own{strand, std::chrono::steady_clock::time_point::min()};
    asio::steady_timer bound{context, std::chrono::steady_clock::time_point::min()};
    int on_strand = 0;
    const auto count = [&] {
        bool at_once = false;
        asio::dispatch(strand, [&] { at_once = true; });
        on_strand += at_once;
    };
    own.async_wait([&](boost::system::error_code) { count(); });
    bound.async_wait(asio::bind_executor(strand, [&](boost::system::error_code) { count(); }));
    asio::co_spawn(
        strand,
        [&]() -> asio::awaitable<void, Strand> {
            count();
            co_await asio::post(asio::use_awaitable_t<Strand>{});
            count();
        },
        [](std::exception_ptr error) { BOOST_TEST(!error); });
    context.run();
    BOOST_TEST(on_strand == 4);
}

BOOST_FIXTURE_TEST_CASE(an_entry_runs_after_the_function_that_is_running, Fixture)
{
    Note added{order, 'b', '-'};
    asio::post(strand, [&] {
        strand.add(added);
        order += 'a';
    });
    context.run();
    BOOST_TEST(order == "ab");
    strand.add(added); // again, and from outside
    context.restart();
    context.run();
    BOOST_TEST(order == "abb");
}

BOOST_FIXTURE_TEST_CASE(an_entry_enters_as_a_function_does, Fixture)
{
    Note entered{order, 'b', '-'};
    asio::post(context, [&] { strand.enter_entry(entered); });
    context.run();
    BOOST_TEST(order == "b");
    asio::post(strand, [this] { order += 'a'; });
    strand.enter_entry(entered); // another one comes first
    BOOST_TEST(order == "b");
    context.restart();
    context.run();
    BOOST_TEST(order == "bab");
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_drops_entries)
{
    std::string order;
    Note added{order, '-', 'a'};
    {
        asio::io_context context;
        const Strand strand{asio::any_io_executor{context.get_executor()}};
        strand.add(added);
    }
    BOOST_TEST(order == "a");
}

BOOST_FIXTURE_TEST_CASE(what_there_is_no_memory_for_is_not_run, ShortageFixture)
{
    Note added{order, '-', 'a'};
    shortage = [] {};
    BOOST_CHECK_THROW(asio::post(strand, [this] { order += '-'; }), std::bad_alloc);
    strand.add(added);
    BOOST_TEST(order == "a");
    shortage = nullptr;
    asio::post(strand, [this] { order += 'b'; });
    context.run();
    BOOST_TEST(order == "ab");
}

BOOST_FIXTURE_TEST_CASE(what_other_threads_add_meanwhile_is_not_lost, ShortageFixture)
{
    shortage = [this] { std::thread{[this] { asio::post(strand, [this] { order += 'a'; }); }}.join(); };
    BOOST_CHECK_THROW(asio::post(strand, [this] { order += '-'; }), std::bad_alloc);
    BOOST_TEST(order == "a");
}
