#pragma once

#include "pool/pool_fsm.hpp"

#include <algorithm>
#include <array>
#include <chrono>
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
        released,
        dropped,
        found_dead,
        time_passes,
        expire,
        close
    };
    Kind kind;
    unsigned which = 0; ///< The call's number; for `dialled`, `dial_failed` and `dial_abandoned` the slot.
    int ticks = 0;      ///< A connection's life; how long the server keeps a released one, -1 if it does not say.
};

inline std::string to_string(const Event& event)
{
    constexpr std::array<const char*, 12> names{"acquire",     "acquire_new",    "cancel",   "dialled",
                                                "dial_failed", "dial_abandoned", "released", "dropped",
                                                "found_dead",  "time_passes",    "expire",   "close"};
    return std::string{names[static_cast<std::size_t>(event.kind)]} + "(" + std::to_string(event.which) + ", " +
           std::to_string(event.ticks) + ")";
}

struct Sizes
{
    unsigned slots; ///< 1 to `World::max_slots`.
    unsigned calls; ///< 1 to `World::max_calls`.
    unsigned max_waiting;
    int idle_ticks;
};

/// The machine and, beside it, a model of what is where: each action and each state is held against it, and what does
/// not agree is thrown as a std::logic_error.
class World
{
public:
    static constexpr unsigned max_calls = 16;
    static constexpr unsigned max_slots = 8;

    explicit World(const Sizes& sizes) : sizes_{sizes}, pool_{{sizes.slots, sizes.max_waiting, sizes.idle_ticks * tick}}
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
                events.push_back({Kind::dialled, *slot, life});
        }
        for (unsigned call = 0; call < sizes_.calls; ++call) {
            if (calls_[call].state != Call::State::holds)
                continue;
            events.push_back({Kind::dropped, call});
            events.push_back({Kind::found_dead, call});
            for (const int kept : {-1, 0, 1})
                events.push_back({Kind::released, call, kept});
        }
        return events;
    }

    void apply(const Event& event)
    {
        using Kind = Event::Kind;
        may_fail_ = 0;
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
            Place& place = slots_[event.which];
            const TimePoint retire_at = now_ + event.ticks * tick;
            failed_dials_ = 0;
            redial_at_.reset();
            if (!queue_.empty())
                next_ = queue_.front();
            come_free(place, retire_at, next_.has_value(), sizes_.idle_ticks);
            make_room(queue_.size() - (next_ ? 1 : 0));
            pool_.dialled(event.which, now_, retire_at);
            break;
        }
        case Kind::dial_failed:
            slots_[event.which].state = Place::State::free;
            failed_dials_ = std::min(failed_dials_ + 1, PoolFsm::dials_until_down);
            if (failed_dials_ == PoolFsm::dials_until_down)
                redial_at_ = now_ + PoolFsm::redial_pause;
            // A call hears of it that no other connection is made for; and when the service seems to be down, all do.
            if (redial_at_ && count(Place::State::lent) == 0 && count(Place::State::dialling) == 0)
                may_fail_ = queue_.size();
            else
                may_fail_ = queue_.size() > count(Place::State::dialling) ? 1 : 0;
            make_room(queue_.size() - may_fail_);
            pool_.dial_failed(event.which, now_);
            break;
        case Kind::dial_abandoned:
            slots_[event.which].state = Place::State::free;
            make_room(queue_.size());
            pool_.dial_abandoned(event.which);
            break;
        case Kind::released: {
            const unsigned slot = give_back(event.which);
            Place& place = slots_[slot];
            const int kept = event.ticks < 0 ? sizes_.idle_ticks : std::min(event.ticks, sizes_.idle_ticks);
            const auto wanting =
                std::find_if(queue_.begin(), queue_.end(), [&](unsigned call) { return !waiters_[call].wants_new; });
            if (wanting != queue_.end() && now_ < place.retire_at)
                next_ = *wanting;
            come_free(place, place.retire_at, next_.has_value(), kept);
            make_room(queue_.size() - (next_ ? 1 : 0));
            pool_.released(slot, now_,
                           event.ticks < 0 ? std::nullopt : std::optional<milliseconds>{event.ticks * tick});
            break;
        }
        case Kind::dropped: {
            const unsigned slot = give_back(event.which);
            slots_[slot].state = Place::State::to_close;
            pool_.dropped(slot);
            break;
        }
        case Kind::found_dead: {
            const unsigned slot = give_back(event.which);
            slots_[slot].state = Place::State::to_close;
            calls_[event.which].state = Call::State::waits;
            queue_.push_front(event.which);
            may_fail_ = closed_ ? queue_.size() : 0;
            make_room(queue_.size());
            pool_.found_dead(slot, waiters_[event.which]);
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
            for (Place& place : slots_)
                if (place.state == Place::State::idle)
                    place.state = Place::State::to_close;
            idle_.clear();
            pool_.close();
            break;
        }
        drain();
        check();
    }

    /// All that decides on what can follow, without names and with times from now.
    std::string key() const
    {
        std::string key{closed_ ? 'c' : 'o'};
        for (const unsigned call : queue_)
            key += waiters_[call].wants_new ? 'n' : 'w';
        key += static_cast<char>('0' + count(Place::State::dialling));
        key += static_cast<char>('0' + failed_dials_);
        if (redial_at_)
            key += now_ < *redial_at_ ? 'p' : 'd';
        for (const unsigned slot : idle_)
            key += {'i', ticks_until(slots_[slot].idle_until), ticks_until(slots_[slot].retire_at)};
        std::string held;
        for (const Place& place : slots_)
            if (place.state == Place::State::lent)
                held += ticks_until(place.retire_at);
        std::sort(held.begin(), held.end());
        return key + 'l' + held;
    }

    /// Whether no call is in the pool and no connection being made.
    bool is_at_rest() const { return queue_.empty() && count(Place::State::lent) == 0 && !first_dialling(); }

    std::optional<unsigned> first_dialling() const
    {
        for (unsigned slot = 0; slot < sizes_.slots; ++slot)
            if (slots_[slot].state == Place::State::dialling)
                return slot;
        return std::nullopt;
    }

    std::optional<unsigned> first_holder() const
    {
        for (unsigned call = 0; call < sizes_.calls; ++call)
            if (calls_[call].state == Call::State::holds)
                return call;
        return std::nullopt;
    }

    /// Whether all waiting calls hold out for what others use, as no connection can be made beside it.
    bool is_full() const { return count(Place::State::lent) == sizes_.slots; }

    unsigned served() const { return served_; }
    unsigned failed() const { return failed_; }
    std::size_t waiting() const { return queue_.size(); }

private:
    struct Place
    {
        enum class State {
            free,
            dialling,
            lent,
            idle,
            to_lend,  ///< To be handed to `next_`.
            to_close, ///< To be closed.
        };
        State state = State::free;
        TimePoint retire_at{};
        TimePoint idle_until{};
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

    std::size_t count(Place::State state) const
    {
        return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.begin() + sizes_.slots,
                                                      [&](const Place& place) { return place.state == state; }));
    }

    char ticks_until(TimePoint time) const
    {
        return static_cast<char>('0' + std::max<std::chrono::steady_clock::rep>((time - now_) / tick, 0));
    }

    void acquire(unsigned call)
    {
        expire();
        const auto slot = pool_.take_idle(now_);
        drain();
        if (idle_.empty()) {
            require(!slot, "a connection was lent that is not idle");
            wait(call, false);
        } else {
            require(slot && *slot == idle_.back(), "the connection used last was not lent");
            idle_.pop_back();
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
        queue_.push_back(call);
        calls_[call].state = Call::State::waits;
        make_room(queue_.size());
    }

    /// How many connections should be in the making for so many calls, if there is room.
    std::size_t wanted(std::size_t calls) const
    {
        if (redial_at_ && count(Place::State::lent) + count(Place::State::to_lend) > 0)
            return 0; // a pause, which the clock ends
        return failed_dials_ == 0 ? calls : std::min<std::size_t>(calls, 1);
    }

    /// New connections are made at the cost of those idle longest.
    void make_room(std::size_t calls)
    {
        std::size_t room = count(Place::State::dialling) + count(Place::State::free) + count(Place::State::to_close);
        for (; !closed_ && room < wanted(calls) && !idle_.empty(); ++room) {
            slots_[idle_.front()].state = Place::State::to_close;
            idle_.erase(idle_.begin());
        }
    }

    void hold(unsigned call, unsigned slot)
    {
        slots_[slot].state = Place::State::lent;
        calls_[call] = {Call::State::holds, slot};
        ++served_;
    }

    unsigned give_back(unsigned call)
    {
        calls_[call].state = Call::State::absent;
        return calls_[call].slot;
    }

    void come_free(Place& place, TimePoint retire_at, bool wanted, int idle_ticks)
    {
        place.retire_at = retire_at;
        if (wanted)
            place.state = Place::State::to_lend;
        else if (closed_ || retire_at <= now_ || idle_ticks <= 0)
            place.state = Place::State::to_close;
        else {
            place.state = Place::State::idle;
            place.idle_until = std::min(retire_at, now_ + idle_ticks * tick);
            idle_.push_back(static_cast<unsigned>(&place - slots_.data()));
        }
    }

    void expire()
    {
        if (redial_at_ && now_ >= *redial_at_) {
            redial_at_.reset();
            make_room(queue_.size());
        }
        std::erase_if(idle_, [&](unsigned slot) {
            if (slots_[slot].idle_until > now_)
                return false;
            slots_[slot].state = Place::State::to_close;
            return true;
        });
    }

    void drain()
    {
        while (const auto action = pool_.next_action()) {
            require(action->slot < sizes_.slots, "there is no such slot");
            Place& place = slots_[action->slot];
            switch (action->kind) {
            case PoolAction::Kind::dial:
                require(place.state == Place::State::free, "a connection is made where there is one");
                require(!closed_, "a connection is made for a closed pool");
                place.state = Place::State::dialling;
                break;
            case PoolAction::Kind::close:
                require(place.state == Place::State::to_close, "a connection is closed that should not be");
                place.state = Place::State::free;
                break;
            case PoolAction::Kind::lend: {
                require(place.state == Place::State::to_lend, "a connection is lent that is not to be");
                require(next_.has_value(), "a connection is lent to nobody");
                const unsigned call = take_from_queue(*std::exchange(next_, std::nullopt), action->waiter);
                require(waiters_[call].slot == action->slot, "a call does not know its connection");
                hold(call, action->slot);
                break;
            }
            case PoolAction::Kind::fail: {
                require(may_fail_-- > 0, "a call is turned away without need");
                require(!queue_.empty(), "nobody is turned away");
                const unsigned call = take_from_queue(queue_.front(), action->waiter);
                require(!waiters_[call].slot, "a call is turned away with a connection");
                calls_[call].state = Call::State::absent;
                ++failed_;
                break;
            }
            }
        }
    }

    unsigned take_from_queue(unsigned call, const Waiter* waiter)
    {
        require(waiter == &waiters_[call], "it is not the turn of this call");
        require(!waiter->is_linked(), "a call that was answered is still queued");
        queue_.erase(std::find(queue_.begin(), queue_.end(), call));
        return call;
    }

    void check() const
    {
        require(may_fail_ == 0, "a call was to be turned away and was not");
        require(count(Place::State::to_lend) == 0, "a connection was to be lent and was not");
        require(count(Place::State::to_close) == 0, "a connection was to be closed and was not");

        const std::size_t free = count(Place::State::free);
        const std::size_t dialling = count(Place::State::dialling);
        require(pool_.connections() == sizes_.slots - free, "a connection is lost, or counted twice");
        require(pool_.connections() <= sizes_.slots, "there are too many connections");
        require(pool_.idle() == idle_.size() && idle_.size() == count(Place::State::idle),
                "an idle connection is lost");
        require(pool_.dialling() == dialling, "a connection being made is lost");
        require(pool_.waiting() == queue_.size(), "a waiting call is lost");
        // A call that waits again was let in before.
        require(queue_.size() <= sizes_.max_waiting + sizes_.slots, "too many calls wait");
        const std::size_t lent = count(Place::State::lent);
        require(queue_.empty() || dialling > 0 || lent > 0, "a call waits for nothing");
        require((free == 0 && idle_.empty()) || dialling >= wanted(queue_.size()),
                "a call waits that a connection could be made for");
        require(!closed_ || (queue_.empty() && idle_.empty()), "a closed pool keeps something");

        for (std::size_t position = 0; position < queue_.size(); ++position)
            require(pool_.is_dialled_for(waiters_[queue_[position]]) ==
                        (lent == 0 ? dialling > 0 : position < dialling),
                    "it is not known what a call waits for");
    }

    Sizes sizes_;
    PoolFsm pool_;
    std::array<Waiter, max_calls> waiters_;

    TimePoint now_{std::chrono::hours{1}};
    bool closed_ = false;
    std::array<Place, max_slots> slots_{};
    std::array<Call, max_calls> calls_{};
    std::deque<unsigned> queue_;
    std::optional<unsigned> next_; ///< Whose turn it is.
    std::vector<unsigned> idle_;   ///< The last used one last.
    std::size_t failed_dials_ = 0; ///< In a row, counted as far as it matters.
    std::optional<TimePoint> redial_at_;
    std::size_t may_fail_ = 0;
    unsigned served_ = 0;
    unsigned failed_ = 0;
};

} // namespace passage::pool::test
