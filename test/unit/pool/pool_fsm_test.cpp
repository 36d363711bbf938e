#include "pool/pool_fsm.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <deque>
#include <string>

using namespace passage::pool;
using namespace std::chrono_literals;
using Kind = PoolAction::Kind;

namespace {

constexpr TimePoint start{1h};
constexpr TimePoint far = start + 24h;

/// A pool with some calls beside it. What it wants done is noted as text: "dial 0", "lend 0 to a", "fail b", "close 1".
struct Fixture
{
    explicit Fixture(PoolRules rules = {2, 10, 50s}) : pool{rules} {}
    ~Fixture()
    {
        for (Waiter& waiter : waiters)
            if (waiter.is_linked())
                pool.cancel(waiter);
    }

    std::string actions()
    {
        std::string result;
        while (const auto action = pool.next_action()) {
            result += result.empty() ? "" : ", ";
            const std::string slot = std::to_string(action->slot);
            switch (action->kind) {
            case Kind::dial:
                result += "dial " + slot;
                break;
            case Kind::lend:
                BOOST_TEST((action->waiter->slot == action->slot));
                result += "lend " + slot + " to " + name(*action->waiter);
                break;
            case Kind::fail:
                BOOST_TEST(!action->waiter->slot.has_value());
                result += "fail " + name(*action->waiter);
                break;
            case Kind::close:
                result += "close " + slot;
                break;
            }
            if (action->waiter)
                BOOST_TEST(!action->waiter->is_linked());
        }
        return result;
    }

    std::string name(const Waiter& waiter) const
    {
        for (std::size_t i = 0; i < waiters.size(); ++i)
            if (&waiters[i] == &waiter)
                return std::string(1, static_cast<char>('a' + i));
        return "?";
    }

    /// Makes a connection for a call `a` and takes both away again; the connection is lent.
    Slot lent()
    {
        BOOST_TEST_REQUIRE(pool.enqueue(waiters.back()));
        const auto dial = pool.next_action();
        BOOST_TEST_REQUIRE((dial && dial->kind == Kind::dial));
        pool.dialled(dial->slot, start, far);
        BOOST_TEST_REQUIRE((pool.next_action()->kind == Kind::lend));
        BOOST_TEST_REQUIRE(!pool.next_action());
        return dial->slot;
    }

    PoolFsm pool;
    std::array<Waiter, 8> waiters;
    Waiter &a = waiters[0], &b = waiters[1], &c = waiters[2], &d = waiters[3];
};

} // namespace

BOOST_AUTO_TEST_SUITE(pool_fsm)

BOOST_AUTO_TEST_CASE(the_first_call_has_a_connection_made)
{
    Fixture f;
    BOOST_TEST(!f.pool.take_idle(start));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    BOOST_TEST(f.pool.is_dialled_for(f.a));
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST(f.pool.connections() == 1u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_came_back_is_used_again)
{
    Fixture f;
    const Slot slot = f.lent();
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.idle() == 1u);
    BOOST_TEST((f.pool.take_idle(start) == slot));
    BOOST_TEST(f.pool.idle() == 0u);
    BOOST_TEST(!f.pool.take_idle(start));
}

BOOST_AUTO_TEST_CASE(the_connection_used_last_is_taken_first)
{
    Fixture f;
    const Slot first = f.lent();
    const Slot second = f.lent();
    f.pool.released(second, start);
    f.pool.released(first, start + 1s);
    BOOST_TEST((f.pool.take_idle(start + 2s) == first));
    BOOST_TEST((f.pool.take_idle(start + 2s) == second));
}

BOOST_AUTO_TEST_CASE(the_longest_waiting_call_is_served_first)
{
    Fixture f{{1, 10, 50s}};
    const Slot slot = f.lent();
    for (Waiter* waiter : {&f.b, &f.a, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to b");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to c");
}

BOOST_AUTO_TEST_CASE(no_more_connections_than_allowed_are_made)
{
    Fixture f;
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1");
    BOOST_TEST(f.pool.connections() == 2u);
    BOOST_TEST(f.pool.dialling() == 2u);
    BOOST_TEST(f.pool.is_dialled_for(f.c));
}

BOOST_AUTO_TEST_CASE(it_is_known_who_waits_for_a_connection_in_use)
{
    Fixture f;
    f.lent();
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.pool.is_dialled_for(f.a));
    BOOST_TEST(!f.pool.is_dialled_for(f.b));
}

BOOST_AUTO_TEST_CASE(a_call_too_many_is_turned_away_at_once)
{
    Fixture f{{1, 2, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(!f.pool.enqueue(f.c));
    BOOST_TEST(!f.c.is_linked());
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.enqueue(f.c));
}

BOOST_AUTO_TEST_CASE(with_no_room_to_wait_every_call_is_turned_away)
{
    Fixture f{{1, 0, 50s}};
    BOOST_TEST(!f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "");
}

BOOST_AUTO_TEST_CASE(a_freed_connection_goes_to_a_call_though_one_is_made_for_it)
{
    Fixture f;
    const Slot slot = f.lent();
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.dialled(1, start, far);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.idle() == 1u);
}

BOOST_AUTO_TEST_CASE(cancelled_waiter_passes_the_connection_on)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.is_dialled_for(f.b));
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "lend 0 to b");
}

BOOST_AUTO_TEST_CASE(a_call_cancelled_after_it_was_lent_a_connection_passes_it_on)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "dial 0, lend 0 to a");
    f.pool.released(*f.a.slot, start); // instead of using it
    BOOST_TEST(f.actions() == "lend 0 to b");
}

BOOST_AUTO_TEST_CASE(a_connection_made_for_a_cancelled_call_is_kept)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST((f.pool.take_idle(start) == 0u));
}

BOOST_AUTO_TEST_CASE(a_connection_under_way_for_a_cancelled_call_serves_the_next_one)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "");
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "lend 0 to b");
}

BOOST_AUTO_TEST_CASE(a_failed_dial_fails_one_call_and_tries_anew_for_the_next)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail a, dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail b");
    BOOST_TEST(f.pool.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_failed_dial_for_a_cancelled_call_fails_nobody)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 0, dial 1");
    f.pool.cancel(f.a);
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "");
    f.pool.dialled(1, start, far);
    BOOST_TEST(f.actions() == "lend 1 to b");
}

BOOST_AUTO_TEST_CASE(after_a_failed_dial_one_is_tried_at_a_time)
{
    Fixture f{{3, 10, 50s}};
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1, dial 2");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail a");
    f.pool.dialled(1, start, far);
    BOOST_TEST(f.actions() == "lend 1 to b, dial 0");
}

BOOST_AUTO_TEST_CASE(dials_that_fail_in_a_row_turn_all_waiting_calls_away)
{
    Fixture f;
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail a");
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail b, dial 1");
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail c, fail d");

    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dialled(1, start, far);
    BOOST_TEST(f.actions() == "lend 1 to a, dial 0");
}

BOOST_AUTO_TEST_CASE(a_failed_dial_fails_its_call_though_a_connection_is_in_use)
{
    Fixture f;
    f.lent();
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail a, dial 1");
    f.pool.dialled(1, start, far);
    BOOST_TEST(f.actions() == "lend 1 to b");
}

BOOST_AUTO_TEST_CASE(dials_that_fail_in_a_row_pause_while_a_connection_is_in_use)
{
    Fixture f;
    f.lent();
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dial_failed(1, start);
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail a, dial 1, fail b, dial 1");
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail c");
    BOOST_TEST(f.pool.is_failing());
    f.pool.expire(start + PoolFsm::redial_pause - 1ns);
    BOOST_TEST(f.actions() == "");
    f.pool.expire(start + PoolFsm::redial_pause);
    BOOST_TEST(f.actions() == "dial 1");
}

BOOST_AUTO_TEST_CASE(the_pause_ends_with_the_last_connection_in_use)
{
    Fixture f;
    const Slot slot = f.lent();
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    for (int i = 0; i < 3; ++i)
        f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "dial 1, fail a, dial 1, fail b, dial 1, fail c");
    f.pool.dropped(slot);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_found_dead_leaves_its_call_first_in_the_queue)
{
    Fixture f{{1, 10, 50s}};
    const Slot slot = f.lent();
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.found_dead(slot, f.a);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "lend 0 to a");
}

BOOST_AUTO_TEST_CASE(a_call_whose_connection_is_found_dead_in_a_closed_pool_is_turned_away)
{
    Fixture f{{1, 10, 50s}};
    const Slot slot = f.lent();
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.close();
    f.pool.found_dead(slot, f.a);
    BOOST_TEST(f.actions() == "close 0, fail a");
}

BOOST_AUTO_TEST_CASE(an_abandoned_dial_is_no_failure_and_is_begun_anew_for_who_came_meanwhile)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    f.pool.dial_abandoned(0);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.connections() == 0u);

    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.dial_abandoned(0);
    BOOST_TEST(f.actions() == "dial 0");
    BOOST_TEST(!f.pool.is_failing());
}

BOOST_AUTO_TEST_CASE(a_call_that_wants_a_new_connection_is_not_lent_a_used_one)
{
    Fixture f{{1, 10, 50s}};
    const Slot slot = f.lent();
    f.a.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to b");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(slot, start, far);
    BOOST_TEST(f.actions() == "lend 0 to a");
}

BOOST_AUTO_TEST_CASE(for_a_new_connection_the_one_idle_longest_makes_room)
{
    Fixture f;
    const Slot first = f.lent();
    const Slot second = f.lent();
    f.pool.released(first, start);
    f.pool.released(second, start);
    f.a.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST(f.pool.idle() == 1u);
}

BOOST_AUTO_TEST_CASE(a_dropped_connection_is_replaced_for_a_waiting_call)
{
    Fixture f{{1, 10, 50s}};
    const Slot slot = f.lent();
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "");
    f.pool.dropped(slot);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(a_dropped_connection_is_not_replaced_for_nobody)
{
    Fixture f;
    f.pool.dropped(f.lent());
    BOOST_TEST(f.actions() == "close 0");
    BOOST_TEST(f.pool.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_expires)
{
    Fixture f;
    f.pool.released(f.lent(), start);
    f.pool.expire(start + 50s - 1ns);
    BOOST_TEST(f.actions() == "");
    f.pool.expire(start + 50s);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(an_expired_connection_is_not_lent_though_nobody_swept)
{
    Fixture f;
    f.pool.released(f.lent(), start);
    BOOST_TEST(!f.pool.take_idle(start + 50s));
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(only_what_was_idle_too_long_expires)
{
    Fixture f{{3, 10, 50s}};
    const Slot first = f.lent();
    const Slot second = f.lent();
    const Slot third = f.lent();
    f.pool.released(first, start + 2s);
    f.pool.released(second, start, 5s);
    f.pool.released(third, start + 1s);
    f.pool.expire(start + 51s);
    BOOST_TEST(f.actions() == "close 1, close 2");
    BOOST_TEST((f.pool.take_idle(start + 51s) == first));
}

BOOST_AUTO_TEST_CASE(the_servers_word_on_idle_connections_shortens_but_never_lengthens)
{
    Fixture f{{3, 10, 50s}};
    const Slot first = f.lent();
    const Slot second = f.lent();
    f.pool.released(first, start, 4s);
    f.pool.released(second, start, 24h);
    f.pool.expire(start + 4s);
    BOOST_TEST(f.actions() == "close 0");
    f.pool.expire(start + 50s - 1ns);
    BOOST_TEST(f.actions() == "");
    f.pool.expire(start + 50s);
    BOOST_TEST(f.actions() == "close 1");
}

BOOST_AUTO_TEST_CASE(a_connection_that_the_server_does_not_keep_is_closed)
{
    Fixture f;
    f.pool.released(f.lent(), start, 0s);
    BOOST_TEST(f.actions() == "close 0");
    f.pool.released(f.lent(), start, -1s);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(with_no_time_to_be_idle_connections_are_closed_but_handed_over)
{
    Fixture f{{1, 10, 0s}};
    const Slot slot = f.lent();
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_connection_past_its_life_is_replaced)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.dialled(0, start, start + 10s);
    BOOST_TEST(f.actions() == "dial 0, lend 0 to a");
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.released(0, start + 10s);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(the_end_of_its_life_ends_an_idle_connection)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.dialled(0, start, start + 10s);
    BOOST_TEST(f.actions() == "dial 0, lend 0 to a");
    f.pool.released(0, start + 1s);
    f.pool.expire(start + 10s - 1ns);
    BOOST_TEST(f.actions() == "");
    f.pool.expire(start + 10s);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_connection_with_no_life_at_all_serves_one_call)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, start);
    BOOST_TEST(f.actions() == "lend 0 to b");
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(closing_turns_away_who_waits_and_closes_what_is_idle)
{
    Fixture f{{3, 10, 50s}};
    const Slot lent = f.lent();
    const Slot idle = f.lent();
    f.pool.released(idle, start);
    BOOST_TEST((f.pool.take_idle(start) == idle));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 2");
    f.pool.close();
    BOOST_TEST(f.actions() == "fail a, fail b");
    BOOST_TEST(f.pool.waiting() == 0u);
    BOOST_TEST(!f.pool.enqueue(f.c));
    f.pool.released(lent, start);
    f.pool.dropped(idle);
    f.pool.dialled(2, start, far);
    BOOST_TEST(f.actions() == "close 0, close 1, close 2");
    BOOST_TEST(f.pool.connections() == 0u);
    f.pool.close();
    BOOST_TEST(f.actions() == "");
}

BOOST_AUTO_TEST_CASE(a_dial_that_fails_after_closing_changes_nothing)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.close();
    BOOST_TEST(f.actions() == "fail a");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_may_wait_again)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.dialled(0, start, far);
    BOOST_TEST(f.actions() == "dial 0, lend 0 to a");
    f.pool.dropped(0);
    BOOST_TEST(f.actions() == "close 0");
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(!f.a.slot.has_value());
    BOOST_TEST(f.actions() == "dial 0");
}

BOOST_AUTO_TEST_SUITE_END()
