#include "pool/pool_fsm.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

// Every order of every event for small pools: whatever can happen in a state is tried there, until no new state comes
// up. The machine can't be copied, so a state is reached anew by the events that led to it. Beside the machine goes a
// model of what is where, and each action and each state is held against it.

using namespace passage::pool;
using namespace std::chrono_literals;

namespace {

constexpr milliseconds tick = 1s;
constexpr unsigned max_calls = 4;
constexpr unsigned max_slots = 3;

struct Event
{
    enum class Kind { acquire, cancel, dialled, dial_failed, released, dropped, time_passes, expire, close };
    Kind kind;
    unsigned which = 0; ///< The call's number; for `dialled` and `dial_failed` the slot.
    int ticks = 0;      ///< A connection's life; how long the server keeps a released one, -1 if it does not say.
};

std::string to_string(const Event& event)
{
    constexpr std::array<const char*, 9> names{"acquire", "cancel",      "dialled", "dial_failed", "released",
                                               "dropped", "time_passes", "expire",  "close"};
    return std::string{names[static_cast<std::size_t>(event.kind)]} + "(" + std::to_string(event.which) + ", " +
           std::to_string(event.ticks) + ")";
}

struct Sizes
{
    unsigned slots;
    unsigned calls;
    unsigned max_waiting;
    int idle_ticks;
};

/// The machine and the model of it.
class World
{
public:
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
        if (absent != calls_.begin() + sizes_.calls)
            events.push_back({Kind::acquire, static_cast<unsigned>(absent - calls_.begin())});
        for (const unsigned call : queue_)
            events.push_back({Kind::cancel, call});
        if (const auto slot = first_dialling()) {
            events.push_back({Kind::dial_failed, *slot});
            for (const int life : {0, 1, 3})
                events.push_back({Kind::dialled, *slot, life});
        }
        for (unsigned call = 0; call < sizes_.calls; ++call) {
            if (calls_[call].state != Call::State::holds)
                continue;
            events.push_back({Kind::dropped, call});
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
        case Kind::cancel:
            queue_.erase(std::find(queue_.begin(), queue_.end(), event.which));
            calls_[event.which].state = Call::State::absent;
            pool_.cancel(waiters_[event.which]);
            break;
        case Kind::dialled: {
            Place& place = slots_[event.which];
            const TimePoint retire_at = now_ + event.ticks * tick;
            come_free(place, retire_at, !queue_.empty(), sizes_.idle_ticks);
            pool_.dialled(event.which, now_, retire_at);
            break;
        }
        case Kind::dial_failed:
            slots_[event.which].state = Place::State::free;
            // Only a call that no other connection is made for hears of it.
            may_fail_ = queue_.size() > count(Place::State::dialling) ? 1 : 0;
            pool_.dial_failed(event.which);
            break;
        case Kind::released: {
            const unsigned slot = give_back(event.which);
            Place& place = slots_[slot];
            const int kept = event.ticks < 0 ? sizes_.idle_ticks : std::min(event.ticks, sizes_.idle_ticks);
            come_free(place, place.retire_at, !queue_.empty() && now_ < place.retire_at, kept);
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
        key += static_cast<char>('0' + queue_.size());
        key += static_cast<char>('0' + count(Place::State::dialling));
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
            to_lend,  ///< To be handed to the first call in the queue.
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
            const bool queued = pool_.enqueue(waiters_[call]);
            require(queued == (!closed_ && queue_.size() < sizes_.max_waiting), "a call was queued that must not be");
            if (queued) {
                queue_.push_back(call);
                calls_[call].state = Call::State::waits;
            }
        } else {
            require(slot && *slot == idle_.back(), "the connection used last was not lent");
            idle_.pop_back();
            hold(call, *slot);
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
                const unsigned call = first_in_queue(action->waiter);
                require(waiters_[call].slot == action->slot, "a call does not know its connection");
                hold(call, action->slot);
                break;
            }
            case PoolAction::Kind::fail: {
                require(may_fail_-- > 0, "a call is turned away without need");
                const unsigned call = first_in_queue(action->waiter);
                require(!waiters_[call].slot, "a call is turned away with a connection");
                calls_[call].state = Call::State::absent;
                ++failed_;
                break;
            }
            }
        }
    }

    unsigned first_in_queue(const Waiter* waiter)
    {
        require(!queue_.empty() && waiter == &waiters_[queue_.front()], "it is not the turn of this call");
        require(!waiter->is_linked(), "a call that was answered is still queued");
        const unsigned call = queue_.front();
        queue_.pop_front();
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
        require(queue_.size() <= sizes_.max_waiting, "too many calls wait");
        require(queue_.empty() || idle_.empty(), "a call waits while a connection is idle");
        require(free == 0 || dialling >= queue_.size(), "a call waits that a connection could be made for");
        require(!closed_ || (queue_.empty() && idle_.empty()), "a closed pool keeps something");

        std::optional<TimePoint> expiry;
        for (const unsigned slot : idle_)
            expiry = std::min(expiry.value_or(TimePoint::max()), slots_[slot].idle_until);
        require(pool_.next_expiry() == expiry, "the next expiry is wrong");
        for (std::size_t position = 0; position < queue_.size(); ++position)
            require(pool_.is_dialled_for(waiters_[queue_[position]]) == (position < dialling),
                    "it is not known what a call waits for");
    }

    Sizes sizes_;
    PoolFsm pool_;
    std::array<Waiter, max_calls> waiters_;

    TimePoint now_{1h};
    bool closed_ = false;
    std::array<Place, max_slots> slots_{};
    std::array<Call, max_calls> calls_{};
    std::deque<unsigned> queue_;
    std::vector<unsigned> idle_; ///< The last used one last.
    std::size_t may_fail_ = 0;
    unsigned served_ = 0;
    unsigned failed_ = 0;
};

/// How a state was reached.
struct Node
{
    std::size_t parent;
    Event event;
    std::size_t depth;
};

class Exploration
{
public:
    explicit Exploration(const Sizes& sizes) : sizes_{sizes} {}

    void run()
    {
        nodes_.push_back({0, {Event::Kind::expire}, 0});
        known_.insert(World{sizes_}.key());
        for (std::size_t node = 0; node < nodes_.size(); ++node) {
            const std::vector<Event> path = path_to(node);
            const std::vector<Event> events = [&] {
                World world{sizes_};
                replay(world, path);
                return world.possible();
            }();
            for (const Event& event : events) {
                World world{sizes_};
                replay(world, path);
                step(world, path, event);
                ++transitions_;
                if (known_.insert(world.key()).second)
                    nodes_.push_back({node, event, path.size() + 1});
            }
            check_completions(path);
        }
    }

    std::size_t states() const { return nodes_.size(); }
    std::size_t transitions() const { return transitions_; }
    std::size_t depth() const { return nodes_.back().depth; }

private:
    std::vector<Event> path_to(std::size_t node) const
    {
        std::vector<Event> path;
        for (; node != 0; node = nodes_[node].parent)
            path.push_back(nodes_[node].event);
        std::reverse(path.begin(), path.end());
        return path;
    }

    static void replay(World& world, const std::vector<Event>& path)
    {
        for (const Event& event : path)
            world.apply(event);
    }

    static void step(World& world, const std::vector<Event>& path, const Event& event)
    {
        try {
            world.apply(event);
        } catch (const std::logic_error& error) {
            fail(path, to_string(event) + ": " + error.what());
        }
    }

    [[noreturn]] static void fail(const std::vector<Event>& path, const std::string& why)
    {
        std::string story;
        for (const Event& event : path)
            story += to_string(event) + ", ";
        throw std::runtime_error{"after " + story + why};
    }

    /// From a state everything ends, in few steps: when all goes well, every waiting call is served; when nothing does,
    /// each is served or turned away; when the pool is closed, all are turned away at once.
    void check_completions(const std::vector<Event>& path) const
    {
        using Kind = Event::Kind;
        for (const bool goes_well : {true, false}) {
            for (const bool closes : {false, true}) {
                World world{sizes_};
                replay(world, path);
                const std::size_t waiting = world.waiting();
                const unsigned served = world.served();
                const unsigned failed = world.failed();
                if (closes) {
                    step(world, path, {Kind::close});
                    if (world.failed() != failed + waiting)
                        fail(path, "closing did not turn away every waiting call");
                }
                std::size_t steps = 0;
                while (!world.is_at_rest()) {
                    if (++steps > 4 * (sizes_.slots + sizes_.calls))
                        fail(path, "it does not come to an end");
                    if (const auto slot = world.first_dialling())
                        step(world, path, {goes_well ? Kind::dialled : Kind::dial_failed, *slot, 3});
                    else if (const auto call = world.first_holder())
                        step(world, path, {goes_well ? Kind::released : Kind::dropped, *call, -1});
                    else
                        fail(path, "a call waits for nothing");
                }
                const std::size_t answered = world.served() - served + world.failed() - failed;
                if (answered != waiting || (goes_well && !closes && world.failed() != failed))
                    fail(path, "a waiting call was not served");
            }
        }
    }

    Sizes sizes_;
    std::vector<Node> nodes_;
    std::unordered_set<std::string> known_;
    std::size_t transitions_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(pool_exploration)

BOOST_AUTO_TEST_CASE(in_every_reachable_state_the_limits_hold_and_no_call_is_stranded)
{
    std::size_t states = 0;
    std::size_t transitions = 0;
    std::size_t depth = 0;
    std::size_t pools = 0;
    for (unsigned slots = 1; slots <= max_slots; ++slots) {
        for (unsigned calls = 1; calls <= max_calls; ++calls) {
            for (unsigned max_waiting = 1; max_waiting <= calls; ++max_waiting) {
                for (const int idle_ticks : {2, 0}) {
                    Exploration exploration{{slots, calls, max_waiting, idle_ticks}};
                    exploration.run();
                    states += exploration.states();
                    transitions += exploration.transitions();
                    depth = std::max(depth, exploration.depth());
                    ++pools;
                }
            }
        }
    }
    BOOST_TEST(states > 1'000u);
    std::cout << "pools: " << pools << " explored, " << states << " states, " << transitions << " transitions, at most "
              << depth << " events deep\n";
}

BOOST_AUTO_TEST_SUITE_END()
