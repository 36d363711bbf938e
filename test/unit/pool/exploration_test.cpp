#include "pool/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

// Every order of every event for small pools: whatever can happen in a state is tried there, until no new state comes
// up. The machine can't be copied, so a state is reached again by the events that led to it.

using namespace passage::pool::test;

namespace {

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
            check_beside_hanging_calls(path);
            check_first_in_a_crowd(path);
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

    Event end_of_dial(unsigned slot, bool goes_well) const
    {
        if (goes_well)
            return {Event::Kind::dialled, slot, 3, sizes_.max_places};
        return {Event::Kind::dial_failed, slot};
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
                    if (const auto dial = world.first_dialling())
                        step(world, path, end_of_dial(*dial, goes_well));
                    else if (const auto call = world.first_holder())
                        step(world, path, {goes_well ? Kind::released : Kind::dropped, *call, -1});
                    else if (const auto slot = world.first_without_places())
                        step(world, path, {goes_well ? Kind::resized : Kind::retired, *slot});
                    else
                        fail(path, "a call waits for nothing");
                }
                const std::size_t answered = world.served() - served + world.failed() - failed;
                if (answered != waiting || (goes_well && !closes && world.failed() != failed))
                    fail(path, "a waiting call was not served");
            }
        }
    }

    /// While calls keep their connections for ever, every waiting call is served or told why not as long as there is
    /// room for another connection; and time alone brings that about.
    void check_beside_hanging_calls(const std::vector<Event>& path) const
    {
        using Kind = Event::Kind;
        for (const bool goes_well : {true, false}) {
            World world{sizes_};
            replay(world, path);
            std::size_t steps = 0;
            while (world.waiting() > 0 && !world.is_full()) {
                if (++steps > 4 * (sizes_.slots + sizes_.calls))
                    fail(path, "a call waits beside free room");
                if (const auto dial = world.first_dialling()) {
                    step(world, path, end_of_dial(*dial, goes_well));
                } else {
                    step(world, path, {Kind::time_passes});
                    step(world, path, {Kind::expire});
                }
            }
        }
    }

    /// However many calls come meanwhile, the one that waits longest is served, or told why not, after few others have
    /// ended in turn. Time passes only if dials pause, so no connection has to become too old for that.
    void check_first_in_a_crowd(const std::vector<Event>& path) const
    {
        using Kind = Event::Kind;
        for (const bool goes_well : {true, false}) {
            World world{sizes_};
            replay(world, path);
            const auto first = world.first_waiting();
            if (!first)
                return;
            unsigned next = 0;
            for (std::size_t steps = 0; world.is_waiting(*first);) {
                if (++steps > 4 * (sizes_.slots + sizes_.calls))
                    fail(path, "the call that waits longest starves");
                for (unsigned call = 0; call < sizes_.calls; ++call)
                    if (world.is_absent(call))
                        step(world, path, {Kind::acquire, call});
                if (world.is_pausing()) {
                    step(world, path, {Kind::time_passes});
                    step(world, path, {Kind::expire});
                } else if (const auto dial = world.first_dialling()) {
                    step(world, path, end_of_dial(*dial, goes_well));
                } else if (const auto call = world.holder_from(next) ? world.holder_from(next) : world.first_holder()) {
                    step(world, path, {Kind::released, *call, -1});
                    next = *call + 1;
                } else if (const auto slot = world.first_without_places()) {
                    step(world, path, {Kind::resized, *slot});
                } else {
                    fail(path, "a call waits for nothing");
                }
            }
        }
    }

    Sizes sizes_;
    std::vector<Node> nodes_;
    std::unordered_set<std::string> known_;
    std::size_t transitions_ = 0;
};

/// What was explored in pools of several sizes.
class Sum
{
public:
    explicit Sum(std::string name) : name_{std::move(name)} {}

    void explore(const Sizes& sizes)
    {
        Exploration exploration{sizes};
        exploration.run();
        states_ += exploration.states();
        transitions_ += exploration.transitions();
        depth_ = std::max(depth_, exploration.depth());
        ++pools_;
    }

    std::size_t states() const { return states_; }

    void print() const
    {
        std::cout << name_ << ": " << pools_ << " pools explored, " << states_ << " states, " << transitions_
                  << " transitions, at most " << depth_ << " events deep\n";
    }

private:
    std::string name_;
    std::size_t pools_ = 0;
    std::size_t states_ = 0;
    std::size_t transitions_ = 0;
    std::size_t depth_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(pool_exploration)

BOOST_AUTO_TEST_CASE(in_every_reachable_state_the_limits_hold_and_no_call_is_stranded)
{
    Sum sum{"one place a connection"};
    for (unsigned slots = 1; slots <= 3; ++slots)
        for (unsigned calls = 1; calls <= 4; ++calls)
            for (unsigned max_waiting = 1; max_waiting <= calls; ++max_waiting)
                for (const int idle_ticks : {2, 0})
                    sum.explore({slots, calls, max_waiting, idle_ticks});
    BOOST_TEST(sum.states() > 1'000u);
    sum.print();
}

BOOST_AUTO_TEST_CASE(the_same_holds_while_the_server_changes_how_many_places_there_are)
{
    Sum sum{"several places a connection"};
    for (unsigned slots = 1; slots <= 2; ++slots)
        for (unsigned max_multiplexed = 1; max_multiplexed <= slots; ++max_multiplexed)
            for (const int idle_ticks : {1, 0})
                sum.explore({slots, 3, 3, idle_ticks, 2, 2, max_multiplexed});
    sum.explore({3, 3, 3, 0, 2, 2, 2}); // with more time to be idle, far too many states
    sum.explore({2, 3, 2, 1, 2, 1, 1});
    sum.explore({1, 4, 3, 2, 3, 3, 1});
    sum.explore({2, 3, 3, 0, 3, 3, 2});
    BOOST_TEST(sum.states() > 1'000u);
    sum.print();
}

BOOST_AUTO_TEST_SUITE_END()
