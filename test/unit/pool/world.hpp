#pragma once

#include "pool/pool_fsm.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace passage::pool::test {

inline constexpr milliseconds tick = std::chrono::seconds{1};

struct Event
{
    enum class Kind {
        acquire,
        acquire_new, ///< By a call that wants a new connection.
        cancel,
        dialled,
        dial_failed,
        dial_abandoned,
        resized,
        retired,
        released,
        dropped,
        found_dead,
        found_overdrawn,
        time_passes,
        expire,
        close
    };
    Kind kind;
    unsigned which = 0;  ///< The call's number; for what happens to a connection, the slot.
    int ticks = 0;       ///< A connection's life; how long the server keeps a released one, -1 if it does not say.
    unsigned places = 1; ///< That a connection has from now on.
};

inline std::string to_string(const Event& event)
{
    constexpr std::array<const char*, 15> names{"acquire",     "acquire_new",    "cancel",     "dialled",
                                                "dial_failed", "dial_abandoned", "resized",    "retired",
                                                "released",    "dropped",        "found_dead", "found_overdrawn",
                                                "time_passes", "expire",         "close"};
    return std::string{names[static_cast<std::size_t>(event.kind)]} + "(" + std::to_string(event.which) + ", " +
           std::to_string(event.ticks) + ", " + std::to_string(event.places) + ")";
}

struct Sizes
{
    unsigned slots; ///< 1 to `World::max_slots`.
    unsigned calls; ///< 1 to `World::max_calls`.
    unsigned max_waiting;
    int idle_ticks;
    unsigned max_places = 1; ///< Of a connection; if it is 1, it is always 1.
    unsigned assumed_places = 1;
    unsigned max_multiplexed = 1;
};

/// The machine and, beside it, a model of what is where: each action and each state is held against it, and what does
/// not agree is thrown as a std::logic_error.
class World
{
public:
    static constexpr unsigned max_calls = 16;
    static constexpr unsigned max_slots = 8;

    explicit World(const Sizes& sizes)
        : sizes_{sizes},
          pool_{{sizes.slots, sizes.max_waiting, sizes.idle_ticks * tick, sizes.max_multiplexed, sizes.assumed_places}},
          expected_{sizes.assumed_places},
          multiplexed_{sizes.assumed_places > 1}
    {}
    ~World()
    {
        for (Waiter& waiter : waiters_)
            if (waiter.is_linked())
                pool_.cancel(waiter);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// What can happen now. Of calls and of slots that differ by their names alone, one each.
    std::vector<Event> possible() const
    {
        using Kind = Event::Kind;
        std::vector<Event> events{{Kind::time_passes}, {Kind::expire}};
        if (!closed_)
            events.push_back({Kind::close});
        const auto absent = std::find_if(calls_.begin(), calls_.begin() + sizes_.calls,
                                         [](const Call& call) { return call.state == Call::State::absent; });
        if (absent != calls_.begin() + sizes_.calls) {
            events.push_back({Kind::acquire, static_cast<unsigned>(absent - calls_.begin())});
            events.push_back({Kind::acquire_new, static_cast<unsigned>(absent - calls_.begin())});
        }
        for (const unsigned call : queue_)
            events.push_back({Kind::cancel, call});
        if (const auto slot = first_dialling()) {
            events.push_back({Kind::dial_failed, *slot});
            events.push_back({Kind::dial_abandoned, *slot});
            for (const int life : {0, 1, 3})
                for (unsigned places = least_places(); places <= sizes_.max_places; ++places)
                    events.push_back({Kind::dialled, *slot, life, places});
        }
        for (unsigned slot = 0; slot < sizes_.slots; ++slot) {
            if (slots_[slot].state != Connection::State::open && slots_[slot].state != Connection::State::draining)
                continue;
            events.push_back({Kind::retired, slot});
            if (sizes_.max_places > 1)
                for (unsigned places = 0; places <= sizes_.max_places; ++places)
                    events.push_back({Kind::resized, slot, 0, places});
            if (const auto call = holder_of(slot)) {
                events.push_back({Kind::dropped, *call});
                events.push_back({Kind::found_dead, *call});
                if (is_open(slot) && slots_[slot].lent > slots_[slot].places)
                    events.push_back({Kind::found_overdrawn, *call}); // elsewhere it would be as `found_dead`
                for (const int kept : {-1, 0, 1})
                    events.push_back({Kind::released, *call, kept});
            }
        }
        return events;
    }

    void apply(const Event& event)
    {
        using Kind = Event::Kind;
        may_fail_ = 0;
        new_.reset();
        switch (event.kind) {
        case Kind::acquire:
            acquire(event.which);
            break;
        case Kind::acquire_new:
            wait(event.which, true);
            break;
        case Kind::cancel:
            queue_.erase(std::find(queue_.begin(), queue_.end(), event.which));
            calls_[event.which].state = Call::State::absent;
            pool_.cancel(waiters_[event.which]);
            break;
        case Kind::dialled: {
            Connection& connection = slots_[event.which];
            failed_dials_ = 0;
            redial_at_.reset();
            expect(event.places);
            multiplexed_ = event.places != 1;
            connection.retire_at = now_ + event.ticks * tick;
            // Too old from the beginning, it serves one call all the same.
            connection.places = event.ticks > 0 ? event.places : std::min(event.places, 1u);
            if (closed_)
                connection.state = Connection::State::to_close;
            else
                open(event.which, !queue_.empty());
            pool_.dialled(event.which, now_, connection.retire_at, event.places, multiplexed_);
            break;
        }
        case Kind::dial_failed:
            slots_[event.which].state = Connection::State::free;
            failed_dials_ = std::min(failed_dials_ + 1, PoolFsm::dials_until_down);
            if (failed_dials_ == PoolFsm::dials_until_down)
                redial_at_ = now_ + PoolFsm::redial_pause;
            // A call hears of it that no other connection is made for; and when the service seems to be down, all do.
            if (redial_at_ && in_use() == 0 && dialling() == 0)
                may_fail_ = queue_.size();
            else
                may_fail_ = queue_.size() > dialling() * expected_ ? 1 : 0;
            pool_.dial_failed(event.which, now_);
            break;
        case Kind::dial_abandoned:
            slots_[event.which].state = Connection::State::free;
            pool_.dial_abandoned(event.which);
            break;
        case Kind::resized: {
            Connection& connection = slots_[event.which];
            if (connection.state == Connection::State::open) {
                expect(event.places);
                connection.places = event.places;
                if (connection.retire_at <= now_)
                    drain(event.which);
                note_places(event.which);
            }
            pool_.resized(event.which, now_, event.places);
            break;
        }
        case Kind::retired:
            drain(event.which);
            pool_.retire(event.which);
            break;
        case Kind::released: {
            const unsigned slot = give_back(event.which);
            const int kept = event.ticks < 0 ? sizes_.idle_ticks : std::min(event.ticks, sizes_.idle_ticks);
            come_back(slot, kept);
            pool_.released(slot, now_,
                           event.ticks < 0 ? std::nullopt : std::optional<milliseconds>{event.ticks * tick});
            break;
        }
        case Kind::dropped: {
            const unsigned slot = give_back(event.which);
            drain(slot);
            pool_.dropped(slot);
            break;
        }
        case Kind::found_dead: {
            const unsigned slot = give_back(event.which);
            drain(slot);
            wait_again(event.which);
            pool_.found_dead(slot, waiters_[event.which]);
            break;
        }
        case Kind::found_overdrawn: {
            const unsigned slot = give_back(event.which);
            come_back(slot, sizes_.idle_ticks);
            wait_again(event.which);
            pool_.found_overdrawn(slot, now_, waiters_[event.which]);
            break;
        }
        case Kind::time_passes:
            now_ += tick;
            break;
        case Kind::expire:
            expire();
            pool_.expire(now_);
            break;
        case Kind::close:
            closed_ = true;
            may_fail_ = queue_.size();
            for (unsigned slot = 0; slot < sizes_.slots; ++slot)
                drain(slot);
            pool_.close();
            break;
        }
        follow();
        check();
    }

    /// All that decides on what can follow, without names and with times from now; but for the order in which those
    /// that have a place waited for it.
    std::string key() const
    {
        std::string key{closed_ ? 'c' : 'o'};
        for (const unsigned call : queue_)
            key += waiters_[call].wants_new ? 'n' : 'w';
        key += static_cast<char>('0' + dialling());
        key += static_cast<char>('0' + failed_dials_);
        key += static_cast<char>('0' + expected_);
        key += multiplexed_ ? 'm' : 's';
        if (redial_at_)
            key += now_ < *redial_at_ ? 'p' : 'd';
        for (const unsigned slot : with_place_)
            key += key_of(slots_[slot]);
        std::vector<std::string> others;
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            if (slots_[slot].state == Connection::State::draining || (is_open(slot) && !has_place(slot)))
                others.push_back(key_of(slots_[slot]));
        std::sort(others.begin(), others.end());
        key += '|';
        for (const std::string& other : others)
            key += other;
        return key;
    }

    /// Whether no call is in the pool and no connection being made.
    bool is_at_rest() const { return queue_.empty() && in_use() == 0 && dialling() == 0; }

    std::optional<unsigned> first_dialling() const { return first_in(Connection::State::dialling); }

    std::optional<unsigned> first_holder() const { return holder_from(0); }

    /// The holder with this number or the next higher one.
    std::optional<unsigned> holder_from(unsigned first) const
    {
        for (unsigned call = first; call < sizes_.calls; ++call)
            if (calls_[call].state == Call::State::holds)
                return call;
        return std::nullopt;
    }

    /// The call that waits longest.
    std::optional<unsigned> first_waiting() const
    {
        return queue_.empty() ? std::nullopt : std::optional{queue_.front()};
    }

    bool is_waiting(unsigned call) const { return calls_[call].state == Call::State::waits; }
    bool is_absent(unsigned call) const { return calls_[call].state == Call::State::absent; }
    /// Whether no connection is made for a while, as that failed.
    bool is_pausing() const { return redial_at_.has_value(); }

    /// The server lets no call begin there.
    std::optional<unsigned> first_without_places() const
    {
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            if (is_open(slot) && slots_[slot].places == 0)
                return slot;
        return std::nullopt;
    }

    /// Whether all waiting calls hold out for what others use, as no connection can be made beside it.
    bool is_full() const { return in_use() == sizes_.slots || in_use() - draining() >= limit(); }

    unsigned served() const { return served_; }
    unsigned failed() const { return failed_; }
    std::size_t waiting() const { return queue_.size(); }

private:
    struct Connection
    {
        enum class State {
            free,
            dialling,
            open,
            draining, ///< Lends no place any more.
            to_close, ///< The machine must close it now.
        };
        State state = State::free;
        TimePoint retire_at{};
        TimePoint idle_until{}; ///< While no place is lent.
        unsigned places = 0;
        unsigned lent = 0;
    };

    struct Call
    {
        enum class State { absent, waits, holds };
        State state = State::absent;
        unsigned slot = 0;
    };

    static void require(bool good, const char* what)
    {
        if (!good)
            throw std::logic_error{what};
    }

    unsigned least_places() const { return sizes_.max_places > 1 ? 0 : 1; }

    bool is_open(unsigned slot) const { return slots_[slot].state == Connection::State::open; }
    bool is_idle(unsigned slot) const { return is_open(slot) && slots_[slot].lent == 0; }
    bool has_place(unsigned slot) const { return is_open(slot) && slots_[slot].lent < slots_[slot].places; }

    template <class Predicate>
    std::size_t count(Predicate is_counted) const
    {
        std::size_t result = 0;
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            result += is_counted(slot) ? 1 : 0;
        return result;
    }

    std::size_t count_in(Connection::State state) const
    {
        return count([&](unsigned slot) { return slots_[slot].state == state; });
    }

    std::optional<unsigned> first_in(Connection::State state) const
    {
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            if (slots_[slot].state == state)
                return slot;
        return std::nullopt;
    }

    std::size_t connections() const { return sizes_.slots - count_in(Connection::State::free); }
    std::size_t dialling() const { return count_in(Connection::State::dialling); }
    std::size_t idle() const
    {
        return count([&](unsigned slot) { return is_idle(slot); });
    }
    std::size_t in_use() const
    {
        return count([&](unsigned slot) { return slots_[slot].lent > 0; });
    }
    std::size_t draining() const { return count_in(Connection::State::draining); }
    bool has_room() const { return first_in(Connection::State::free) && connections() - draining() < limit(); }
    /// Of those that are not draining, while a call may hang there for ever.
    std::size_t limit() const { return multiplexed_ ? std::min(sizes_.max_multiplexed, sizes_.slots) : sizes_.slots; }

    std::optional<unsigned> holder_of(unsigned slot) const
    {
        for (unsigned call = 0; call < sizes_.calls; ++call)
            if (calls_[call].state == Call::State::holds && calls_[call].slot == slot)
                return call;
        return std::nullopt;
    }

    std::string key_of(const Connection& connection) const
    {
        const bool is_open = connection.state == Connection::State::open;
        return {is_open ? 'u' : 'r', static_cast<char>('0' + (is_open ? connection.places : 0)),
                static_cast<char>('0' + connection.lent),
                is_open && connection.lent == 0 ? ticks_until(connection.idle_until) : '-',
                is_open ? ticks_until(connection.retire_at) : '-'};
    }

    char ticks_until(TimePoint time) const
    {
        return static_cast<char>('0' + std::max<std::chrono::steady_clock::rep>((time - now_) / tick, 0));
    }

    void acquire(unsigned call)
    {
        expire();
        while (!with_place_.empty() && slots_[with_place_.back()].retire_at <= now_)
            drain(with_place_.back());
        const auto slot = pool_.take_place(now_);
        if (with_place_.empty()) {
            require(!slot, "a place was lent where there is none");
            follow();
            wait(call, false);
        } else {
            require(slot && *slot == with_place_.back(), "no place was lent on the connection used last");
            hold(call, *slot);
        }
    }

    void wait(unsigned call, bool wants_new)
    {
        waiters_[call].wants_new = wants_new;
        const bool queued = pool_.enqueue(waiters_[call]);
        require(queued == (!closed_ && queue_.size() < sizes_.max_waiting), "a call was queued that must not be");
        if (!queued)
            return;
        turns_[call] = ++last_turn_;
        queue_.push_back(call);
        calls_[call].state = Call::State::waits;
    }

    /// A call waits again that was lent a place in vain.
    void wait_again(unsigned call)
    {
        calls_[call].state = Call::State::waits;
        const auto is_later = [&](unsigned queued) { return turns_[queued] > turns_[call]; };
        queue_.insert(std::find_if(queue_.begin(), queue_.end(), is_later), call);
        may_fail_ = closed_ ? queue_.size() : 0;
    }

    void expect(unsigned places)
    {
        if (places > 0)
            expected_ = places;
    }

    /// How many connections should be in the making for those who wait, if there is room.
    std::size_t wanted() const
    {
        if (redial_at_ && in_use() > 0)
            return 0; // a pause, which the clock ends
        const std::size_t for_all = (queue_.size() + expected_ - 1) / expected_;
        return failed_dials_ == 0 ? for_all : std::min<std::size_t>(for_all, 1);
    }

    bool has_new_place() const { return !with_place_.empty() && new_ == with_place_.back(); }

    /// Whether the call that waits longest gets none of the places there are, and no connection is in the making that
    /// could be for it.
    bool first_needs_dial() const
    {
        return !queue_.empty() && waiters_[queue_.front()].wants_new && !has_new_place() && dialling() == 0 &&
               wanted() > 0;
    }

    /// The call whose turn it is to have the place that is to be lent next.
    std::optional<unsigned> next_call() const
    {
        // First a connection is made for the call that waits longest, or makes room for it.
        if (with_place_.empty() || (first_needs_dial() && (has_room() || idle_to_replace())))
            return std::nullopt;
        const auto found = std::find_if(queue_.begin(), queue_.end(),
                                        [&](unsigned call) { return !waiters_[call].wants_new || has_new_place(); });
        return found == queue_.end() ? std::nullopt : std::optional{*found};
    }

    /// The idle connection that makes room for a new one.
    std::optional<unsigned> idle_to_replace() const
    {
        const auto found =
            std::find_if(with_place_.begin(), with_place_.end(), [&](unsigned slot) { return is_idle(slot); });
        return found == with_place_.end() ? std::nullopt : std::optional{*found};
    }

    /// If none is idle, one in use makes room: at once, or with its last call if there is no free slot. For a slot one
    /// is enough.
    void retire_for_first()
    {
        if (may_fail_ > 0 || count_in(Connection::State::to_close) > 0)
            return; // that comes first
        if (!first_needs_dial() || has_room() || idle_to_replace() || with_place_.empty())
            return;
        if (first_in(Connection::State::free) || draining() == 0)
            drain(with_place_.front());
    }

    void note_places(unsigned slot)
    {
        const auto found = std::find(with_place_.begin(), with_place_.end(), slot);
        if (has_place(slot) && found == with_place_.end())
            with_place_.push_back(slot);
        else if (!has_place(slot) && found != with_place_.end())
            with_place_.erase(found);
    }

    void hold(unsigned call, unsigned slot)
    {
        require(has_place(slot), "a place is lent on a full or retired connection");
        ++slots_[slot].lent;
        note_places(slot);
        calls_[call] = {Call::State::holds, slot};
        ++served_;
    }

    unsigned give_back(unsigned call)
    {
        const unsigned slot = calls_[call].slot;
        calls_[call].state = Call::State::absent;
        --slots_[slot].lent;
        return slot;
    }

    void come_back(unsigned slot, int idle_ticks)
    {
        Connection& connection = slots_[slot];
        const bool wanted = connection.places > 0 && std::any_of(queue_.begin(), queue_.end(), [&](unsigned call) {
                                return !waiters_[call].wants_new;
                            });
        if (connection.state == Connection::State::draining || connection.retire_at <= now_)
            drain(slot);
        else if (connection.lent == 0)
            be_idle(slot, idle_ticks, wanted);
        note_places(slot);
    }

    void open(unsigned slot, bool anybody_waits)
    {
        Connection& connection = slots_[slot];
        connection.state = Connection::State::open;
        connection.lent = 0;
        be_idle(slot, sizes_.idle_ticks, anybody_waits && connection.places > 0);
        note_places(slot);
        if (is_open(slot))
            new_ = slot;
    }

    /// Even if there is no time for it to be idle, it is lent to a call that waits.
    void be_idle(unsigned slot, int idle_ticks, bool wanted)
    {
        slots_[slot].idle_until = std::min(slots_[slot].retire_at, now_ + idle_ticks * tick);
        if (!wanted && slots_[slot].idle_until <= now_)
            drain(slot);
    }

    void drain(unsigned slot)
    {
        Connection& connection = slots_[slot];
        if (connection.state != Connection::State::open && connection.state != Connection::State::draining)
            return;
        connection.state = connection.lent > 0 ? Connection::State::draining : Connection::State::to_close;
        note_places(slot);
    }

    void expire()
    {
        if (redial_at_ && now_ >= *redial_at_)
            redial_at_.reset();
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            if (is_idle(slot) && slots_[slot].idle_until <= now_)
                drain(slot);
    }

    /// Does what the machine wants done, if it is what should be.
    void follow()
    {
        for (;;) {
            retire_for_first();
            const auto action = pool_.next_action();
            if (!action)
                break;
            require(action->slot < sizes_.slots, "there is no such slot");
            Connection& connection = slots_[action->slot];
            switch (action->kind) {
            case PoolAction::Kind::dial:
                require(connection.state == Connection::State::free, "a connection is made where there is one");
                require(!closed_, "a connection is made for a closed pool");
                require(!next_call(), "a connection is made while a place is free");
                require(dialling() < wanted(), "a connection is made without need");
                require(has_room(), "a connection too many is made");
                connection.state = Connection::State::dialling;
                break;
            case PoolAction::Kind::close:
                if (connection.state != Connection::State::to_close) {
                    require(!next_call() && dialling() < wanted() && !has_room(),
                            "a connection is closed that should not be");
                    require(idle_to_replace() == action->slot, "the wrong connection makes room");
                }
                connection.state = Connection::State::free;
                note_places(action->slot);
                break;
            case PoolAction::Kind::lend: {
                const auto call = next_call();
                require(call.has_value(), "a place is lent to nobody");
                require(action->slot == with_place_.back(), "a place is lent on the wrong connection");
                take_from_queue(*call, action->waiter);
                require(waiters_[*call].slot == action->slot, "a call does not know its connection");
                hold(*call, action->slot);
                break;
            }
            case PoolAction::Kind::fail: {
                require(may_fail_-- > 0, "a call is turned away without need");
                require(!queue_.empty(), "nobody is turned away");
                const unsigned call = queue_.front();
                take_from_queue(call, action->waiter);
                require(!waiters_[call].slot, "a call is turned away with a connection");
                calls_[call].state = Call::State::absent;
                ++failed_;
                break;
            }
            }
        }
    }

    void take_from_queue(unsigned call, const Waiter* waiter)
    {
        require(waiter == &waiters_[call], "it is not the turn of this call");
        require(!waiter->is_linked(), "a call that was answered is still queued");
        queue_.erase(std::find(queue_.begin(), queue_.end(), call));
    }

    void check() const
    {
        require(may_fail_ == 0, "a call was to be turned away and was not");
        require(!next_call(), "a call waits while a place is free");
        require(count_in(Connection::State::to_close) == 0, "a connection was to be closed and was not");
        require(count([&](unsigned slot) {
                    return slots_[slot].state == Connection::State::draining && slots_[slot].lent == 0;
                }) == 0,
                "a connection was not closed when it drained");

        require(pool_.connections() == connections(), "a connection is lost, or counted twice");
        require(pool_.idle() == idle(), "an idle connection is lost");
        require(pool_.dialling() == dialling(), "a connection being made is lost");
        require(pool_.waiting() == queue_.size(), "a waiting call is lost");
        require(pool_.first_waiter() == (queue_.empty() ? nullptr : &waiters_[queue_.front()]),
                "the first call is not known");
        // A call that waits again was let in before.
        require(queue_.size() <= sizes_.max_waiting + sizes_.slots * sizes_.max_places, "too many calls wait");
        require(queue_.empty() || dialling() > 0 || in_use() > 0 || first_without_places(), "a call waits for nothing");
        require((!has_room() && !idle_to_replace()) || dialling() >= wanted(),
                "a call waits that a connection could be made for");
        require(!closed_ || (queue_.empty() && idle() == 0), "a closed pool keeps something");
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            require(!is_idle(slot) || pool_.next_expiry() <= slots_[slot].idle_until,
                    "it is not known when an idle connection ends");
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            require(!is_open(slot) || pool_.is_overdrawn(slot) == (slots_[slot].lent > slots_[slot].places),
                    "it is not known that the server took places back");
        require(pool_.is_failing() == (failed_dials_ > 0 && !is_full()), "it is not known that dials fail");

        for (std::size_t position = 0; position < queue_.size(); ++position)
            require(pool_.is_dialled_for(waiters_[queue_[position]]) ==
                        (in_use() == 0 ? dialling() > 0 : position < dialling() * expected_),
                    "it is not known what a call waits for");
    }

    Sizes sizes_;
    PoolFsm pool_;
    std::array<Waiter, max_calls> waiters_;

    TimePoint now_{std::chrono::hours{1}};
    bool closed_ = false;
    std::array<Connection, max_slots> slots_{};
    std::array<Call, max_calls> calls_{};
    std::deque<unsigned> queue_;
    std::array<std::uint64_t, max_calls> turns_{}; ///< The order in which calls began to wait.
    std::uint64_t last_turn_ = 0;
    std::size_t expected_;             ///< Places of the next connection.
    bool multiplexed_;                 ///< The last connection was made with any but one.
    std::optional<unsigned> new_;      ///< The slot of the connection just made.
    std::vector<unsigned> with_place_; ///< In the order in which a place came free after none was; the last goes first.
    std::size_t failed_dials_ = 0;     ///< In a row, counted as far as it matters.
    std::optional<TimePoint> redial_at_;
    std::size_t may_fail_ = 0;
    unsigned served_ = 0;
    unsigned failed_ = 0;
};

} // namespace passage::pool::test
