#include "live_memory.hpp"
#include "pool/pool_fsm.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace passage::pool;
using namespace std::chrono_literals;
using Kind = PoolAction::Kind;

namespace {

constexpr TimePoint start{1h};
constexpr TimePoint far = start + 24h;
constexpr PoolRules multiplexed{4, 10, 50s, 2, 100};

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

    /// Makes a connection for a call; a place on it is lent.
    Slot lent(std::size_t places = 1)
    {
        BOOST_TEST_REQUIRE(pool.enqueue(waiters.back()));
        const auto dial = pool.next_action();
        BOOST_TEST_REQUIRE((dial && dial->kind == Kind::dial));
        pool.dialled(dial->slot, start, far, places, places != 1);
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
    BOOST_TEST(!f.pool.take_place(start));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    BOOST_TEST(f.pool.is_dialled_for(f.a));
    f.pool.dialled(0, start, far, 1, false);
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
    BOOST_TEST((f.pool.take_place(start) == slot));
    BOOST_TEST(f.pool.idle() == 0u);
    BOOST_TEST(!f.pool.take_place(start));
}

BOOST_AUTO_TEST_CASE(the_connection_used_last_is_taken_first)
{
    Fixture f;
    const Slot first = f.lent();
    const Slot second = f.lent();
    f.pool.released(second, start);
    f.pool.released(first, start + 1s);
    BOOST_TEST((f.pool.take_place(start + 2s) == first));
    BOOST_TEST((f.pool.take_place(start + 2s) == second));
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
    BOOST_TEST(f.actions() == "dial 1");
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
    f.pool.dialled(1, start, far, 1, false);
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
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to b");
}

BOOST_AUTO_TEST_CASE(a_call_cancelled_after_it_was_lent_a_connection_passes_it_on)
{
    Fixture f{{1, 10, 50s}};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(*f.a.slot, start); // instead of using it
    BOOST_TEST(f.actions() == "lend 0 to b");
}

BOOST_AUTO_TEST_CASE(a_connection_made_for_a_cancelled_call_is_kept)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST((f.pool.take_place(start) == 0u));
}

BOOST_AUTO_TEST_CASE(a_connection_under_way_for_a_cancelled_call_serves_the_next_one)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "");
    f.pool.dialled(0, start, far, 1, false);
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
    f.pool.dialled(1, start, far, 1, false);
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
    f.pool.dialled(1, start, far, 1, false);
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
    f.pool.dialled(1, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 1 to a, dial 0");
}

BOOST_AUTO_TEST_CASE(dials_that_fail_in_a_row_turn_nobody_away_whom_another_may_serve)
{
    Fixture f{{4, 10, 50s}};
    for (Waiter& waiter : f.waiters)
        BOOST_TEST(f.pool.enqueue(waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1, dial 2, dial 3");
    for (const auto& [slot, actions] : {std::pair{0u, "fail a"}, {1u, "fail b"}, {2u, "fail c"}}) {
        f.pool.dial_failed(slot, start);
        BOOST_TEST(f.actions() == actions);
    }
    f.pool.dialled(3, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 3 to d, dial 2, dial 1, dial 0");
}

BOOST_AUTO_TEST_CASE(a_call_that_gives_up_while_all_are_turned_away_takes_no_other_with_it)
{
    Fixture f{{3, 10, 50s}};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1, dial 2");
    f.pool.cancel(f.c);
    f.pool.dial_failed(0, start);
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail a");
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.dial_failed(2, start);
    BOOST_TEST((f.pool.next_action()->waiter == &f.b));
    f.pool.cancel(f.a);
    BOOST_TEST(f.pool.enqueue(f.c));
    BOOST_TEST(f.actions() == "dial 2");
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
    f.pool.dialled(1, start, far, 1, false);
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
    BOOST_TEST(f.actions() == "fail a, dial 1");
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail b, dial 1");
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
    BOOST_TEST(f.actions() == "dial 1");
    for (const char* actions : {"fail a, dial 1", "fail b, dial 1", "fail c"}) {
        f.pool.dial_failed(1, start);
        BOOST_TEST(f.actions() == actions);
    }
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
    f.pool.dialled(0, start, far, 1, false);
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
    f.b.wants_new = true;
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(slot, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to b");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to c");
}

BOOST_AUTO_TEST_CASE(for_calls_that_want_new_connections_one_at_a_time_makes_room)
{
    Fixture f;
    const Slot first = f.lent();
    const Slot second = f.lent();
    f.a.wants_new = f.b.wants_new = true;
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.released(second, start);
    BOOST_TEST(f.actions() == "lend 1 to c");
    f.pool.dialled(first, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(second, start);
    BOOST_TEST(f.actions() == "close 1, dial 1");
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "lend 0 to d");
    f.pool.dialled(second, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 1 to b");
}

BOOST_AUTO_TEST_CASE(no_further_connection_makes_room_while_dials_fail)
{
    Fixture f{{3, 10, 50s}};
    const std::array slots{f.lent(), f.lent(), f.lent()};
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d}) {
        waiter->wants_new = true;
        BOOST_TEST(f.pool.enqueue(*waiter));
    }
    BOOST_TEST(f.pool.enqueue(f.waiters[4]));
    f.pool.released(slots[0], start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail a, dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail b, dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail c");
    f.pool.released(slots[1], start);
    BOOST_TEST(f.actions() == "lend 1 to e");
    f.pool.expire(start + PoolFsm::redial_pause);
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to d");
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
    f.pool.dialled(0, start, far, 1, false);
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
    BOOST_TEST(!f.pool.take_place(start + 50s));
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
    BOOST_TEST((f.pool.take_place(start + 51s) == first));
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
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, start + 10s, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.released(0, start + 10s);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(the_end_of_its_life_ends_an_idle_connection)
{
    Fixture f;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, start + 10s, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
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
    f.pool.dialled(0, start, start, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, start, 1, false);
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
    BOOST_TEST((f.pool.take_place(start) == idle));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 2");
    f.pool.close();
    BOOST_TEST(f.actions() == "fail a, fail b");
    BOOST_TEST(f.pool.waiting() == 0u);
    BOOST_TEST(!f.pool.enqueue(f.c));
    f.pool.released(lent, start);
    f.pool.dropped(idle);
    f.pool.dialled(2, start, far, 1, false);
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
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.dropped(0);
    BOOST_TEST(f.actions() == "close 0");
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(!f.a.slot.has_value());
    BOOST_TEST(f.actions() == "dial 0");
}

BOOST_AUTO_TEST_CASE(a_connection_serves_as_many_calls_as_it_has_places)
{
    Fixture f{multiplexed};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 2, true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b, dial 1");
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "lend 0 to c");
    f.pool.released(0, start);
    BOOST_TEST(f.pool.idle() == 0u);
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.idle() == 1u);
}

BOOST_AUTO_TEST_CASE(a_place_is_taken_until_all_are_lent)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    BOOST_TEST((f.pool.take_place(start) == slot));
    BOOST_TEST((f.pool.take_place(start) == slot));
    BOOST_TEST(!f.pool.take_place(start));
    BOOST_TEST(f.pool.connections() == 1u);
    f.pool.released(slot, start);
    BOOST_TEST((f.pool.take_place(start) == slot));
}

BOOST_AUTO_TEST_CASE(calls_gather_on_one_connection_and_the_other_goes_idle)
{
    Fixture f{multiplexed};
    const Slot first = f.lent(2);
    BOOST_TEST((f.pool.take_place(start) == first));
    const Slot second = f.lent(2);
    f.pool.released(first, start);
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST((f.pool.take_place(start) == first));
        f.pool.released(second, start);
        BOOST_TEST(f.pool.idle() == 1u);
        f.pool.released(first, start);
        BOOST_TEST((f.pool.take_place(start) == first));
        BOOST_TEST((f.pool.take_place(start) == second));
        f.pool.released(first, start);
    }
}

BOOST_AUTO_TEST_CASE(so_many_connections_are_made_as_all_who_wait_need)
{
    Fixture f{{4, 10, 50s, 4, 2}};
    const Slot slot = f.lent(2);
    BOOST_TEST((f.pool.take_place(start) == slot));
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1");
    BOOST_TEST(f.pool.enqueue(f.c));
    BOOST_TEST(f.actions() == "dial 2");
    BOOST_TEST(f.pool.enqueue(f.d));
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.is_dialled_for(f.d));
    f.pool.dial_failed(1, start);
    BOOST_TEST(f.actions() == "fail a");
    BOOST_TEST(f.pool.is_dialled_for(f.c));
    BOOST_TEST(!f.pool.is_dialled_for(f.d));
}

BOOST_AUTO_TEST_CASE(the_places_of_the_last_connection_are_expected_of_the_next)
{
    Fixture f{{4, 10, 50s, 4, 100}};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 0 to a, dial 1, dial 2");
    f.pool.dialled(1, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 1 to b, lend 1 to c");
    f.pool.resized(1, start, 1);
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 3");
}

BOOST_AUTO_TEST_CASE(no_more_connections_with_many_places_are_made_than_allowed)
{
    Fixture f{{4, 10, 50s, 2, 2}};
    for (Waiter& waiter : f.waiters)
        BOOST_TEST(f.pool.enqueue(waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1");
    f.pool.dialled(0, start, far, 2, true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b");
    f.pool.dialled(1, start, far, 1, false);
    BOOST_TEST(f.actions() == "lend 1 to c, dial 2, dial 3");
}

BOOST_AUTO_TEST_CASE(connections_beyond_those_allowed_make_room_when_they_are_idle)
{
    Fixture f{multiplexed};
    const Slot first = f.lent(1);
    const Slot second = f.lent(1);
    const Slot third = f.lent(5);
    for (const Slot slot : {first, second, third})
        f.pool.released(slot, start);
    BOOST_TEST(f.pool.connections() == 3u);
    f.a.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "close 2, close 0, dial 0"); // of `third`, a place was free all the time
}

BOOST_AUTO_TEST_CASE(a_connection_that_drains_takes_the_place_of_no_other_with_many_places)
{
    Fixture f{{3, 10, 50s, 1, 100}};
    const Slot first = f.lent(2);
    f.pool.retire(first);
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dialled(1, start, far, 1, true);
    BOOST_TEST(f.actions() == "lend 1 to a");
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "");
    f.pool.retire(1);
    BOOST_TEST(f.actions() == "dial 2");
    f.pool.dialled(2, start, far, 1, true);
    BOOST_TEST(f.actions() == "lend 2 to b");
    f.pool.retire(2);
    BOOST_TEST(f.pool.enqueue(f.c));
    BOOST_TEST(f.actions() == ""); // of all connections there are no more
    f.pool.dropped(first);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(any_number_of_places_is_counted)
{
    Fixture f{{4, 10, 50s, 4, std::numeric_limits<std::size_t>::max()}};
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    BOOST_TEST(f.pool.is_dialled_for(f.b));
    f.pool.dialled(0, start, far, std::numeric_limits<std::size_t>::max(), true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b");
    for (Waiter* waiter : {&f.a, &f.b, &f.c}) {
        waiter->wants_new = true;
        BOOST_TEST(f.pool.enqueue(*waiter));
    }
    BOOST_TEST(f.actions() == "dial 1");
    BOOST_TEST(f.pool.is_dialled_for(f.c));
}

BOOST_AUTO_TEST_CASE(with_fewer_places_nothing_is_lent_until_enough_came_back)
{
    Fixture f{{1, 10, 50s, 1, 3}};
    const Slot slot = f.lent(3);
    for (int i = 0; i < 2; ++i)
        BOOST_TEST((f.pool.take_place(start) == slot));
    f.pool.resized(slot, start, 1);
    BOOST_TEST(f.pool.enqueue(f.a));
    f.pool.released(slot, start);
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST(!f.pool.take_place(start));
}

BOOST_AUTO_TEST_CASE(a_call_whose_place_was_taken_back_waits_before_all_others)
{
    Fixture f{{1, 10, 50s, 1, 3}};
    const Slot slot = f.lent(2);
    BOOST_TEST((f.pool.take_place(start) == slot));
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST(!f.pool.is_overdrawn(slot));
    f.pool.resized(slot, start, 1);
    BOOST_TEST(f.pool.is_overdrawn(slot));
    f.pool.found_overdrawn(slot, start, f.a);
    BOOST_TEST(!f.pool.is_overdrawn(slot));
    BOOST_TEST(!f.a.slot.has_value());
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start); // the connection is kept
    BOOST_TEST(f.actions() == "lend 0 to a");
}

BOOST_AUTO_TEST_CASE(calls_whose_places_were_taken_back_wait_in_their_order)
{
    Fixture f{{1, 10, 50s, 1, 3}};
    const Slot slot = f.lent(3);
    for (Waiter* waiter : {&f.a, &f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    f.pool.resized(slot, start, 4);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b, lend 0 to c");
    f.pool.resized(slot, start, 1);
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        f.pool.found_overdrawn(slot, start, *waiter);
    f.pool.resized(slot, start, 3);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b");
    f.pool.found_dead(slot, f.b);
    f.pool.found_dead(slot, f.a);
    f.pool.dropped(slot);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, far, 4, true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b, lend 0 to c, lend 0 to d");
}

BOOST_AUTO_TEST_CASE(beside_a_connection_whose_places_were_all_taken_back_another_is_made)
{
    Fixture f{multiplexed};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.resized(0, start, 0);
    f.pool.found_overdrawn(0, start, f.a);
    BOOST_TEST(f.actions() == "dial 1");
    BOOST_TEST(f.pool.idle() == 1u);
}

BOOST_AUTO_TEST_CASE(a_call_whose_place_was_taken_back_in_a_closed_pool_is_turned_away)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    f.pool.released(slot, start);
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.resized(slot, start, 0);
    f.pool.close();
    f.pool.found_overdrawn(slot, start, f.a);
    BOOST_TEST(f.actions() == "close 0, fail a");
}

BOOST_AUTO_TEST_CASE(with_more_places_those_who_wait_are_served)
{
    Fixture f{{1, 10, 50s, 1, 1}};
    const Slot slot = f.lent(1);
    for (Waiter* waiter : {&f.b, &f.c, &f.d})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "");
    f.pool.resized(slot, start, 3);
    BOOST_TEST(f.actions() == "lend 0 to b, lend 0 to c");
    f.pool.resized(slot, start, 5);
    BOOST_TEST(f.actions() == "lend 0 to d");
    BOOST_TEST((f.pool.take_place(start) == slot));
    BOOST_TEST(!f.pool.take_place(start));
}

BOOST_AUTO_TEST_CASE(a_connection_without_places_lends_none_and_makes_no_room)
{
    Fixture f{{1, 10, 50s, 1, 3}};
    const Slot slot = f.lent(3);
    f.pool.released(slot, start);
    f.pool.resized(slot, start, 0);
    BOOST_TEST(!f.pool.take_place(start));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(f.pool.idle() == 1u);
    f.pool.resized(slot, start, 1);
    BOOST_TEST(f.actions() == "lend 0 to a");

    f.pool.resized(slot, start, 0);
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "");
    f.pool.expire(start + 50s);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(beside_a_connection_without_places_another_is_made)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    f.pool.resized(slot, start, 0);
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dialled(1, start, far, 0, true);
    BOOST_TEST(f.actions() == "");
    f.pool.resized(1, start, 2);
    BOOST_TEST(f.actions() == "lend 1 to a, lend 1 to b");
}

BOOST_AUTO_TEST_CASE(a_retired_connection_is_closed_with_its_last_place)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    BOOST_TEST((f.pool.take_place(start) == slot));
    f.pool.retire(slot);
    BOOST_TEST(!f.pool.take_place(start));
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.resized(slot, start, 9);
    f.pool.retire(slot);
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_retired_connection_that_is_idle_is_closed_at_once)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    f.pool.released(slot, start);
    f.pool.retire(slot);
    BOOST_TEST(f.actions() == "close 0");
    BOOST_TEST(f.pool.idle() == 0u);
    f.pool.retire(slot);
    BOOST_TEST(f.actions() == "");
}

BOOST_AUTO_TEST_CASE(a_dropped_place_retires_its_connection)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    BOOST_TEST((f.pool.take_place(start) == slot));
    f.pool.dropped(slot);
    BOOST_TEST(f.actions() == "");
    BOOST_TEST(!f.pool.take_place(start));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_connection_found_dead_by_one_call_is_lent_to_no_other)
{
    Fixture f{multiplexed};
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b");
    f.pool.found_dead(0, f.a);
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dropped(0);
    BOOST_TEST(f.actions() == "close 0");
    f.pool.dialled(1, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 1 to a");
}

BOOST_AUTO_TEST_CASE(past_its_life_a_connection_in_use_lends_no_further_place)
{
    Fixture f{multiplexed};
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, start + 10s, 9, true);
    BOOST_TEST(f.actions() == "lend 0 to a");
    BOOST_TEST((f.pool.take_place(start + 10s - 1ns) == 0u));
    BOOST_TEST(!f.pool.take_place(start + 10s));
    f.pool.released(0, start + 10s);
    BOOST_TEST(f.actions() == "");
    f.pool.released(0, start + 10s);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_connection_with_many_places_and_no_life_serves_one_call)
{
    Fixture f{{1, 10, 50s, 1, 9}};
    for (Waiter* waiter : {&f.a, &f.b})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, start, 9, true);
    BOOST_TEST(f.actions() == "lend 0 to a");
    f.pool.resized(0, start, 10);
    BOOST_TEST(f.actions() == "");
    f.pool.released(0, start);
    BOOST_TEST(f.actions() == "close 0, dial 0");
}

BOOST_AUTO_TEST_CASE(a_new_connection_is_new_to_all_who_waited_for_it)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(9);
    for (Waiter* waiter : {&f.a, &f.b, &f.c}) {
        waiter->wants_new = true;
        BOOST_TEST(f.pool.enqueue(*waiter));
    }
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dialled(1, start, far, 2, true);
    BOOST_TEST(f.actions() == "lend 1 to a, lend 1 to b, dial 2");
    f.pool.released(1, start);
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0");
    f.pool.dialled(2, start, far, 2, true);
    BOOST_TEST(f.actions() == "lend 2 to c");
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 0"); // the place beside `c` is not new any more
}

BOOST_AUTO_TEST_CASE(beside_connections_that_are_never_idle_a_new_one_is_made)
{
    Fixture f{{3, 10, 50s, 2, 9}};
    const Slot first = f.lent(9);
    BOOST_TEST((f.pool.take_place(start) == first));
    f.a.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == "dial 1");
    f.pool.dialled(1, start, far, 9, true);
    BOOST_TEST(f.actions() == "lend 1 to a");
    f.b.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.b));
    BOOST_TEST(f.actions() == "dial 2"); // `first` lends no more places
    for (int i = 0; i < 8; ++i)
        BOOST_TEST((f.pool.take_place(start) == 1u));
    BOOST_TEST(!f.pool.take_place(start));
    f.pool.dialled(2, start, far, 9, true);
    BOOST_TEST(f.actions() == "lend 2 to b");
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "");
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(with_no_room_beside_them_one_that_is_never_idle_makes_room_with_its_last_call)
{
    Fixture f{{2, 10, 50s, 2, 1}};
    const Slot first = f.lent(3);
    for (int i = 0; i < 2; ++i)
        BOOST_TEST((f.pool.take_place(start) == first));
    const Slot second = f.lent(3);
    f.pool.released(first, start);
    f.a.wants_new = true;
    BOOST_TEST(f.pool.enqueue(f.a));
    BOOST_TEST(f.actions() == ""); // now `second` lends no more places
    BOOST_TEST((f.pool.take_place(start) == first));
    BOOST_TEST(!f.pool.take_place(start));
    BOOST_TEST(f.pool.enqueue(f.b));
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "lend 0 to b"); // only one makes room
    f.pool.released(second, start);
    BOOST_TEST(f.actions() == "close 1, dial 1");
    f.pool.dialled(1, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 1 to a");
}

BOOST_AUTO_TEST_CASE(after_a_failed_dial_connections_beyond_those_allowed_make_room_all_the_same)
{
    Fixture f{{4, 10, 50s, 1, 1}};
    const Slot first = f.lent();
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 1, dial 2, dial 3");
    f.pool.dialled(1, start, far, 1, true);
    f.pool.dial_failed(2, start);
    f.pool.dial_abandoned(3);
    BOOST_TEST(f.actions() == "fail a, lend 1 to b");
    f.a.wants_new = true;
    f.pool.cancel(f.c);
    for (Waiter* waiter : {&f.a, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "");
    f.pool.released(first, start);
    BOOST_TEST(f.actions() == "close 0");
    f.pool.released(1, start);
    BOOST_TEST(f.actions() == "close 1, dial 1");
    f.pool.dialled(1, start, far, 1, true);
    BOOST_TEST(f.actions() == "lend 1 to a");
}

BOOST_AUTO_TEST_CASE(a_failed_dial_of_many_places_fails_one_call_and_tries_anew_for_the_others)
{
    Fixture f{multiplexed};
    for (Waiter& waiter : f.waiters)
        BOOST_TEST(f.pool.enqueue(waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "fail a, dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 0 to b, lend 0 to c, lend 0 to d, dial 1");
}

BOOST_AUTO_TEST_CASE(a_failed_dial_is_not_told_where_another_has_places_for_all)
{
    Fixture f{{4, 10, 50s, 4, 2}};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0, dial 1");
    f.pool.cancel(f.c);
    f.pool.dial_failed(0, start);
    BOOST_TEST(f.actions() == "");
}

BOOST_AUTO_TEST_CASE(closing_retires_the_connections_in_use)
{
    Fixture f{multiplexed};
    const Slot slot = f.lent(3);
    BOOST_TEST((f.pool.take_place(start) == slot));
    f.pool.close();
    BOOST_TEST(!f.pool.take_place(start));
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "");
    f.pool.released(slot, start);
    BOOST_TEST(f.actions() == "close 0");
}

BOOST_AUTO_TEST_CASE(a_call_that_gives_up_while_places_are_lent_is_not_lent_one)
{
    Fixture f{multiplexed};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST((f.pool.next_action()->waiter == &f.a));
    f.pool.cancel(f.b);
    BOOST_TEST(f.actions() == "lend 0 to c");
}

BOOST_AUTO_TEST_CASE(a_connection_lost_while_its_places_are_lent_lends_no_further_one)
{
    Fixture f{multiplexed};
    for (Waiter* waiter : {&f.a, &f.b, &f.c})
        BOOST_TEST(f.pool.enqueue(*waiter));
    BOOST_TEST(f.actions() == "dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST((f.pool.next_action()->waiter == &f.a));
    f.pool.found_dead(0, f.a);
    BOOST_TEST(f.actions() == "close 0, dial 0");
    f.pool.dialled(0, start, far, 3, true);
    BOOST_TEST(f.actions() == "lend 0 to a, lend 0 to b, lend 0 to c");
}

BOOST_AUTO_TEST_CASE(no_event_takes_memory)
{
    constexpr std::size_t connections = 64;
    PoolFsm pool{{connections, 10'000, 50s, 8, 1}};
    std::vector<Waiter> waiters(6'400);
    std::vector<Slot> dialled;
    dialled.reserve(connections);
    const auto drain = [&](bool dials_fail) {
        std::size_t lent = 0;
        while (const auto action = pool.next_action()) {
            if (action->kind == Kind::lend)
                ++lent;
            if (action->kind == Kind::dial && dials_fail)
                pool.dial_failed(action->slot, start);
            else if (action->kind == Kind::dial)
                dialled.push_back(action->slot);
        }
        return lent;
    };
    const passage::test::LiveMemory memory;

    for (std::size_t i = 0; i < 200; ++i)
        BOOST_TEST_REQUIRE(pool.enqueue(waiters[i]));
    drain(false);
    BOOST_TEST_REQUIRE(dialled.size() == connections);
    const Slot first = dialled.back();
    for (const Slot slot : dialled) {
        if (slot != first)
            pool.dial_failed(slot, start);
        drain(true);
    }
    dialled.clear();
    pool.dialled(first, start, far, 1, false);
    drain(true); // where memory is short, each ends as it begins
    pool.expire(start + 1s);
    drain(false);

    for (Waiter& waiter : waiters)
        if (!waiter.is_linked() && !waiter.slot)
            BOOST_TEST_REQUIRE(pool.enqueue(waiter));
    const std::size_t waiting = pool.waiting();
    pool.resized(first, start, 1 + waiting);
    BOOST_TEST(drain(true) == waiting);
    pool.retire(first);
    while (pool.connections() > pool.dialling())
        pool.released(first, start);
    drain(false);
    pool.close();
    drain(false);
    BOOST_TEST(memory.peak() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
