#include "pool/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

// Every order of every event for small pools: whatever can happen in a state is tried there, until no new state comes
// up. The machine can't be copied, so a state is reached anew by the events that led to it.

using namespace passage::pool::test;

namespace {

constexpr unsigned max_calls = 4;
constexpr unsigned max_slots = 3;

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
                if (const auto slot = world.first_dialling()) {
                    step(world, path, {goes_well ? Kind::dialled : Kind::dial_failed, *slot, 3});
                } else {
                    step(world, path, {Kind::time_passes});
                    step(world, path, {Kind::expire});
                }
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
