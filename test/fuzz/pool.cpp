#include "fuzz.hpp"

#include "pool/world.hpp"

// Each byte chooses one of the events that are possible. The model checks every step; here, that all comes to an end.

namespace passage::fuzz {
namespace {

using pool::test::Event;
using pool::test::World;

void settle(World& world, bool goes_well)
{
    using Kind = Event::Kind;
    for (unsigned step = 0; !world.is_at_rest(); ++step) {
        require(step < 4 * (World::max_slots + World::max_calls), "it comes to an end");
        if (const auto dial = world.first_dialling())
            world.apply({goes_well ? Kind::dialled : Kind::dial_failed, *dial, 3});
        else if (const auto call = world.first_holder())
            world.apply({goes_well ? Kind::released : Kind::dropped, *call, -1});
        else if (const auto slot = world.first_without_places())
            world.apply({goes_well ? Kind::resized : Kind::retired, *slot});
        else
            require(false, "no call waits for nothing");
    }
}

} // namespace

void run(std::string_view bytes)
{
    Input input{bytes};
    const unsigned slots = 1 + input.byte() % World::max_slots;
    const unsigned calls = 1 + input.byte() % World::max_calls;
    const unsigned max_waiting = 1 + input.byte() % calls;
    const std::uint8_t flags = input.byte();
    const unsigned max_places = 1 + ((flags >> 3) & 3);
    const unsigned assumed_places = 1 + (flags >> 5) % max_places;
    const unsigned max_multiplexed = 1 + (flags >> 5) % slots;
    World world{{slots, calls, max_waiting, flags & 3, max_places, assumed_places, max_multiplexed}};

    constexpr unsigned max_events = 2'000;
    for (unsigned event = 0; event < max_events && !input.empty(); ++event) {
        const std::vector<Event> events = world.possible();
        world.apply(events[input.byte() % events.size()]);
    }
    settle(world, (flags & 4) == 0);
    ++taken;
}

} // namespace passage::fuzz
