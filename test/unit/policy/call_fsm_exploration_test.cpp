#include "policy/call_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

// Explores all states of a call: tries each event that is possible in a state, until no new state is found.

using namespace passage;
using namespace passage::policy;
using namespace passage::policy::test;

namespace {

ClientPolicy new_policy()
{
    return {rules, 10s, "the-api-key", {}, std::minstd_rand{}};
}

std::string tell(const std::vector<Event>& path)
{
    std::string story;
    for (const Event& event : path)
        story += (story.empty() ? "" : ", ") + to_string(event);
    return story;
}

/// How a state was reached.
struct Node
{
    std::size_t parent;
    Event event;
};

class Exploration
{
public:
    explicit Exploration(const Settings& settings) : settings_{settings}, shared_{new_policy()} {}

    void run()
    {
        World initial{settings_, shared_};
        known_.insert(initial.key());
        add(std::move(initial), {0, {Event::Kind::started}});
        while (!open_.empty()) {
            const auto [world, node] = std::move(open_.front());
            open_.pop_front();
            for (const Event& event : world.possible()) {
                World next = world;
                try {
                    next.apply(event);
                } catch (const std::logic_error& error) {
                    if (std::string& story = broken_[error.what()]; story.empty())
                        story = tell(path_to(node)) + ", " + to_string(event);
                    continue;
                }
                ++transitions_;
                if (known_.insert(next.key()).second)
                    add(std::move(next), {node, event});
            }
        }
    }

    std::size_t states() const { return nodes_.size(); }
    std::size_t transitions() const { return transitions_; }
    std::size_t successes() const { return successes_; }
    std::size_t failures() const { return failures_; }
    /// The broken promises, each with a shortest sequence of events that leads to it.
    const std::map<std::string, std::string>& broken() const { return broken_; }

private:
    void add(World&& world, const Node& node)
    {
        if (world.is_complete())
            ++(world.has_succeeded() ? successes_ : failures_);
        nodes_.push_back(node);
        open_.emplace_back(std::move(world), nodes_.size() - 1);
    }

    std::vector<Event> path_to(std::size_t node) const
    {
        std::vector<Event> path;
        for (; node != 0; node = nodes_[node].parent)
            path.push_back(nodes_[node].event);
        std::reverse(path.begin(), path.end());
        return path;
    }

    const Settings settings_;
    ClientPolicy shared_;
    std::vector<Node> nodes_;
    std::deque<std::pair<World, std::size_t>> open_;
    std::unordered_set<std::string> known_;
    std::size_t transitions_ = 0;
    std::size_t successes_ = 0;
    std::size_t failures_ = 0;
    std::map<std::string, std::string> broken_;
};

std::vector<Settings> all_settings()
{
    using Operations = std::initializer_list<const api::Operation*>;
    std::vector<Settings> all;
    for (const api::Operation* operation : Operations{&api::get_user, &api::create_user, &api::delete_user})
        for (const bool retries : {true, false})
            all.push_back({operation, retries});
    for (const api::Operation* operation : Operations{&api::create_user, &api::delete_user})
        all.push_back({operation, true, Effect::unknown});
    all.push_back({&api::get_user, true, Effect::none, true});
    all.push_back({&api::get_user, false, Effect::none, false, 2});
    return all;
}

std::string describe(const Settings& settings)
{
    return std::string{settings.operation->name} + (settings.retries ? "" : ", no retries") +
           (settings.before == Effect::unknown ? ", made before" : "") + (settings.drained ? ", no budget" : "") +
           (settings.requests > 1 ? ", two requests" : "");
}

} // namespace

BOOST_AUTO_TEST_SUITE(call_exploration)

BOOST_AUTO_TEST_CASE(in_every_reachable_state_a_call_keeps_its_promises)
{
    std::size_t states = 0;
    std::size_t transitions = 0;
    for (const Settings& settings : all_settings()) {
        Exploration exploration{settings};
        exploration.run();
        for (const auto& [promise, story] : exploration.broken())
            BOOST_ERROR(describe(settings) << ": " << promise << ", after " << story);
        BOOST_TEST(exploration.successes() > 0u);
        BOOST_TEST(exploration.failures() > 0u);
        std::ostringstream line;
        line << "calls: " << describe(settings) << ": " << exploration.states() << " states, "
             << exploration.transitions() << " transitions\n";
        BOOST_TEST_MESSAGE(line.str());
        std::cout << line.str();
        states += exploration.states();
        transitions += exploration.transitions();
    }
    std::cout << "calls: " << states << " states, " << transitions << " transitions in all\n";
}

// Random walks, which do not rely on states being compared correctly.
BOOST_AUTO_TEST_CASE(a_call_that_goes_any_way_keeps_its_promises)
{
    constexpr int walks = 5000;
    std::minstd_rand random{4711};
    std::size_t steps = 0;
    std::vector<Settings> all = all_settings();
    all.push_back({&api::get_user, true, Effect::none, false, 3});
    for (const Settings& settings : all) {
        ClientPolicy shared = new_policy();
        for (int walk = 0; walk < walks; ++walk) {
            World world{settings, shared};
            std::vector<Event> path;
            while (!world.is_over()) {
                std::vector<Event> events = world.possible();
                // Interruptions are seldom, or no walk would go far.
                const auto steps_begin = std::partition(events.begin(), events.end(), [](const Event& candidate) {
                    return candidate.kind <= Event::Kind::refused;
                });
                const bool interrupts = steps_begin == events.end() || random() % 16 == 0;
                const auto from = interrupts ? events.begin() : steps_begin;
                const auto to = interrupts ? steps_begin : events.end();
                const Event event = *(from + static_cast<std::ptrdiff_t>(random() % static_cast<unsigned>(to - from)));
                path.push_back(event);
                try {
                    world.apply(event);
                } catch (const std::logic_error& error) {
                    BOOST_FAIL(describe(settings) << ": " << error.what() << ", after " << tell(path));
                }
                ++steps;
            }
        }
    }
    std::cout << "calls: " << steps << " steps in walks at random\n";
}

BOOST_AUTO_TEST_SUITE_END()
