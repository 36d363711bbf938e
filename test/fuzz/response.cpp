#include "answers.hpp"

#include "http/reading.hpp"

#include <algorithm>
#include <array>
#include <random>

// From a response's bytes to what a caller gets. Two bytes say how the connection ends, which limits hold and how the
// bytes are split; the rest is the response, in which a service that gives away the key may have put it.

namespace passage::fuzz {
namespace {

using http::test::Ending;
using http::test::Reading;
using http::test::State;

constexpr http::ResponseLimits small_limits{200, 5, 300, 2};

/// Why a reading failed, in words.
void check_failure(std::string_view bytes, Ending ending, const http::ResponseLimits& limits)
{
    http::ResponseParser parser{limits};
    std::size_t consumed = 0;
    State state = bytes.empty() ? State::incomplete : parser.put(bytes, consumed);
    if (state == State::incomplete)
        state = parser.put_end(ending == Ending::close_notify);
    require(state == State::failed, "what failed fails again");
    const Errc code = parser.error().code == Errc::protocol ? Errc::protocol : Errc::truncated;
    require(parser.error().code == code || parser.error().code == Errc::too_large, "a failure has a kind of its own");
    check_error(parser.error());
}

} // namespace

void run(std::string_view input_bytes)
{
    Input input{input_bytes};
    const std::uint8_t how = input.byte();
    const std::uint8_t seed = input.byte();
    const std::string_view bytes = input.rest();
    constexpr std::array endings{Ending::open, Ending::close_notify, Ending::lost, Ending::open};
    const Ending ending = endings[how & 3];
    const http::ResponseLimits& limits = (how & 4) != 0 ? small_limits : http::test::default_limits;

    const Reading whole = http::test::read(bytes, ending, {}, limits);

    std::minstd_rand random{seed + 1U};
    std::vector<std::size_t> pieces(bytes.size());
    for (std::size_t& size : pieces)
        size = 1 + random() % (seed % 16 == 0 ? 1 : 64);
    require(http::test::read(bytes, ending, pieces, limits) == whole, "it matters not how the bytes come");

    switch (whole.state) {
    case State::complete: {
        ++taken;
        const std::string_view response = bytes.substr(0, bytes.size() - whole.surplus);
        Reading alone = http::test::read(response, ending, {}, limits);
        alone.surplus = whole.surplus;
        require(alone == whole, "what follows a response does not matter to it");
        const bool ends_by_itself = http::test::read(response, Ending::open, {}, limits).state == State::complete;
        const std::string_view part = response.substr(0, response.size() - 1);
        if (ends_by_itself)
            require(http::test::read(part, ending, {}, limits).state != State::complete,
                    "a response is not complete before its end");
        else
            require(ending == Ending::close_notify, "only a peer that says so ends a response by leaving");
        check_response(whole.response);
        break;
    }
    case State::failed:
        check_failure(bytes, ending, limits);
        break;
    case State::incomplete:
        require(ending == Ending::open, "at the connection's end a response is complete or failed");
        break;
    }
}

} // namespace passage::fuzz
