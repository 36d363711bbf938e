#include "http/reading.hpp"

#include <algorithm>
#include <random>

namespace passage::http::test {
namespace {

constexpr unsigned random_splits = 16;

std::size_t count = 0;

} // namespace

bool operator==(const Reading& left, const Reading& right)
{
    const auto seen = [](const Reading& reading) {
        const Response& response = reading.response;
        return std::tie(reading.state, reading.error, reading.surplus, response.status, response.body,
                        response.content_type, response.request_id, response.date, response.retry_after,
                        response.retry_after_ms, response.keep_alive, response.keep_alive_timeout);
    };
    return seen(left) == seen(right);
}

std::ostream& operator<<(std::ostream& stream, const Reading& reading)
{
    switch (reading.state) {
    case State::incomplete:
        return stream << "incomplete";
    case State::failed:
        return stream << "failed: " << make_error_code(*reading.error).message();
    case State::complete:
        break;
    }
    return stream << "complete: " << reading.response.status << ", body of " << reading.response.body.size()
                  << ", surplus of " << reading.surplus
                  << (reading.response.keep_alive ? ", kept alive" : ", not kept alive");
}

Reading read(std::string_view bytes, Ending ending, const std::vector<std::size_t>& pieces,
             const ResponseLimits& limits)
{
    ++count;
    ResponseParser parser{limits};
    Reading reading;
    std::vector<char> buffer;
    auto piece = pieces.begin();
    while (reading.state == State::incomplete && !bytes.empty()) {
        const std::size_t size = piece == pieces.end() ? bytes.size() : std::min(*piece++, bytes.size());
        std::vector<char> grown;
        grown.reserve(buffer.size() + size);
        grown.insert(grown.end(), buffer.begin(), buffer.end());
        grown.insert(grown.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        bytes.remove_prefix(size);

        std::size_t consumed = 0;
        reading.state = parser.put({grown.data(), grown.size()}, consumed);
        buffer.assign(grown.begin() + static_cast<std::ptrdiff_t>(consumed), grown.end());
    }
    if (reading.state == State::incomplete && ending != Ending::open)
        reading.state = parser.put_end(ending == Ending::close_notify);
    if (reading.state == State::failed)
        reading.error = parser.error().code;
    if (reading.state == State::complete) {
        reading.response = parser.take();
        reading.surplus = buffer.size() + bytes.size();
    }
    return reading;
}

void read_in_all_pieces(std::string_view bytes, Ending ending, const ResponseLimits& limits,
                        const std::function<void(const Reading&, const std::string& how)>& check)
{
    check(read(bytes, ending, {}, limits), "whole");
    check(read(bytes, ending, std::vector<std::size_t>(bytes.size(), 1), limits), "byte by byte");
    for (std::size_t at = 1; at < bytes.size(); ++at)
        check(read(bytes, ending, {at}, limits), "split at " + std::to_string(at));
    for (unsigned seed = 0; seed < random_splits; ++seed) {
        std::minstd_rand random{seed + 1};
        std::vector<std::size_t> pieces(bytes.size());
        for (std::size_t& size : pieces)
            size = 1 + random() % 9;
        check(read(bytes, ending, pieces, limits), "split at random, seed " + std::to_string(seed + 1));
    }
}

std::size_t readings()
{
    return count;
}

} // namespace passage::http::test
