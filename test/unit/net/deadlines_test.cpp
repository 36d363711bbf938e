#include "net/deadlines.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <optional>
#include <thread>

namespace asio = boost::asio;
using namespace passage::net;
using namespace std::chrono_literals;

namespace {

struct Call final : Deadlines::Watched
{
    void interrupt(Interrupt why) override
    {
        ++interrupts;
        interrupted = why;
    }

    int interrupts = 0;
    std::optional<Interrupt> interrupted;
};

struct Fixture
{
    asio::io_context context;
    Strand strand{asio::any_io_executor{context.get_executor()}};
    int sweeps = 0;
    std::shared_ptr<Deadlines> deadlines = std::make_shared<Deadlines>(strand, [this] { ++sweeps; });
    Call call;

    template <class Function>
    void on_strand(Function function)
    {
        asio::dispatch(strand, function);
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(deadlines)

BOOST_FIXTURE_TEST_CASE(what_is_late_is_interrupted_once, Fixture)
{
    on_strand([&] { deadlines->watch(call, Clock::now() + 1ms); });
    context.run();
    BOOST_TEST(call.interrupts == 1);
    BOOST_TEST((call.interrupted == Interrupt::expired));
    BOOST_TEST(sweeps > 0);
}

BOOST_FIXTURE_TEST_CASE(an_earlier_deadline_brings_the_timer_forward, Fixture)
{
    Call late;
    on_strand([&] {
        deadlines->watch(late, Clock::now() + 1h);
        deadlines->watch(call, Clock::now());
    });
    while (call.interrupts == 0 && context.run_one() > 0) {
    }
    BOOST_TEST((call.interrupted == Interrupt::expired));
    BOOST_TEST(late.interrupts == 0);
    on_strand([&] { deadlines->shut_down(); });
    context.run();
    BOOST_TEST((late.interrupted == Interrupt::shut_down));
}

BOOST_FIXTURE_TEST_CASE(the_timer_stops_when_nothing_is_watched, Fixture)
{
    on_strand([&] {
        deadlines->watch(call, Clock::now() + 1h);
        call.unlink();
    });
    context.run(); // returns
    BOOST_TEST(call.interrupts == 0);
}

BOOST_FIXTURE_TEST_CASE(what_is_watched_after_shut_down_is_interrupted_at_once, Fixture)
{
    on_strand([&] {
        deadlines->shut_down();
        deadlines->watch(call, Clock::now() + 1h);
    });
    context.run();
    BOOST_TEST((call.interrupted == Interrupt::shut_down));
}

BOOST_FIXTURE_TEST_CASE(a_tick_that_is_queued_at_shut_down_does_nothing, Fixture)
{
    std::promise<void> queued;
    asio::steady_timer after{context};
    std::thread other;
    asio::post(strand, [&] {
        const auto soon = Clock::now() + 1ms;
        deadlines->watch(call, soon);
        after.expires_at(soon + 1ms);
        after.async_wait([&](const error_code&) { queued.set_value(); });
        // The other thread queues the tick, which then waits for this function to end.
        other = std::thread{[&] { context.run(); }};
        queued.get_future().wait();
        deadlines->shut_down();
    });
    context.run();
    other.join();
    BOOST_TEST((call.interrupted == Interrupt::shut_down));
    BOOST_TEST(sweeps == 0);
}

BOOST_FIXTURE_TEST_CASE(a_context_that_is_destroyed_frees_the_timer, Fixture)
{
    std::weak_ptr<Deadlines> weak;
    {
        asio::io_context brief;
        const auto own = std::make_shared<Deadlines>(Strand{asio::any_io_executor{brief.get_executor()}}, [] {});
        weak = own;
        own->watch(call, Clock::now() + 1h);
    }
    BOOST_TEST(weak.expired());
    BOOST_TEST(call.interrupts == 0);
}

BOOST_AUTO_TEST_SUITE_END()
