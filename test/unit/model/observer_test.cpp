#include <passage/observer.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace passage;

namespace {

using Events = std::vector<std::string>;

TraceParent place(std::uint8_t n)
{
    TraceParent made;
    made.trace_id.fill(n);
    made.parent_id.fill(n);
    return made;
}

/// Notes each event with a name of its own.
class Noting : public Observer
{
public:
    Noting(std::string name, Events& events, std::optional<TraceParent> place = std::nullopt)
        : name_{std::move(name)}, events_{events}, place_{place}
    {}

    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        add("call");
        return std::make_shared<Call>(*this);
    }
    void connection_made(const ConnectionMade&) noexcept override { add("connection"); }
    void pool_changed(const PoolChanged&) noexcept override { add("pool"); }

private:
    struct Call : CallObserver
    {
        explicit Call(Noting& of) : all{of} {}
        ~Call() override { all.add("gone"); }
        std::optional<TraceParent> attempt_started(const AttemptStarted&) noexcept override
        {
            all.add("attempt");
            return all.place_;
        }
        void attempt_ended(const AttemptEnded&) noexcept override { all.add("attempt ended"); }
        void retrying(const Retrying&) noexcept override { all.add("retry"); }
        void ended(const CallEnded&) noexcept override { all.add("ended"); }

        Noting& all;
    };

    void add(const std::string& event) { events_.push_back(name_ + ' ' + event); }

    std::string name_;
    Events& events_;
    std::optional<TraceParent> place_;
};

} // namespace

BOOST_AUTO_TEST_CASE(joined_observers_are_each_told_all_in_their_order)
{
    Events events;
    const auto joined =
        join_observers({std::make_shared<Noting>("a", events), nullptr, std::make_shared<Noting>("b", events)});
    auto call = joined->call_started({});
    BOOST_REQUIRE(call);
    call->attempt_started({});
    call->attempt_ended({});
    call->retrying({});
    call->ended({});
    call.reset();
    joined->connection_made({});
    joined->pool_changed({});
    Events expected;
    for (const char* event : {"call", "attempt", "attempt ended", "retry", "ended", "gone", "connection", "pool"})
        for (const char* name : {"a ", "b "})
            expected.push_back(name + std::string{event});
    BOOST_TEST(events == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_first_place_that_one_of_the_joined_returns_is_sent)
{
    Events events;
    const auto joined =
        join_observers({std::make_shared<Noting>("a", events), std::make_shared<Noting>("b", events, place(2)),
                        std::make_shared<Noting>("c", events, place(3))});
    BOOST_TEST((joined->call_started({})->attempt_started({}) == place(2)));
    BOOST_TEST(events.at(5) == "c attempt");
}

BOOST_AUTO_TEST_CASE(a_call_that_none_of_the_joined_observes_is_not_observed)
{
    BOOST_TEST(!join_observers({std::make_shared<Observer>(), std::make_shared<Observer>()})->call_started({}));
    BOOST_TEST(!join_observers({})->call_started({}));
}
