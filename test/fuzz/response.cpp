#include "fuzz.hpp"

#include "api/redact.hpp"
#include "api/responses.hpp"
#include "http/reading.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <random>
#include <string>

// From a response's bytes to what a caller gets. Two bytes say how the connection ends, which limits hold and how the
// bytes are split; the rest is the response, in which a service that gives away the key may have put it.

namespace passage::fuzz {
namespace {

using http::test::Ending;
using http::test::Reading;
using http::test::State;

constexpr std::string_view key = "psg_fuzz_4f1Zc09/bA+q7";

constexpr http::ResponseLimits small_limits{200, 5, 300, 2};

std::string lower(std::string_view text)
{
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

/// No eight characters of the key in a row.
bool shows_key(std::string_view text)
{
    static const std::string secret = lower(key);
    const std::string shown = lower(text);
    for (std::size_t at = 0; at + 8 <= secret.size(); ++at)
        if (shown.find(secret.substr(at, 8)) != shown.npos)
            return true;
    return false;
}

void check_error(Error error)
{
    // As is done with every error that leaves a call.
    api::redact(error, key);
    require(!shows_key(to_string(error)) && !shows_key(error.request_id), "no error shows the key");
    require(is_one_line(to_string(error)), "an error is one line");
    require(error.message.size() <= 2'048 && error.api_code.size() <= 256, "an error's texts are bounded");
}

template <class T>
void check_result(const expected<T>& result)
{
    if (result)
        return;
    const Error& error = result.error();
    require(error.code == Errc::decode || error.code == Errc::too_large ||
                (error.code == Errc::api && error.http_status == 404),
            "a result that is none could not be decoded, takes too much memory, or is an unknown user");
    check_error(error);
}

void check_response(const http::Response& response)
{
    require(response.status >= 200 && response.status < 600, "a final response has a final status");
    const Error error = api::read_error(response, key);
    require(error.code == Errc::api && error.http_status == response.status, "an error keeps its status");
    require(!shows_key(to_string(error)) && !shows_key(error.api_code), "no answer's error shows the key");
    check_error(error);
    check_result(api::read_user(response));
    check_result(api::read_user_page(response));
    check_result(api::read_devices(response));
    check_result(api::read_found_user(response));
}

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
