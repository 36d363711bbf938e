#pragma once

#include "http/response_parser.hpp"
#include "support/framing_cases.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace passage::http::test {

using State = ResponseParser::State;

using passage::test::framing::Ending;

/// The result of parsing a response.
struct Reading
{
    State state = State::incomplete;
    std::optional<Errc> error; ///< Set if it failed.
    Response response;         ///< Set if it is complete.
    std::size_t surplus = 0;   ///< Bytes not consumed, if it is complete.
};

/// Compares everything that a caller can see.
bool operator==(const Reading& left, const Reading& right);
std::ostream& operator<<(std::ostream& stream, const Reading& reading);

/// The default limits of a client.
inline constexpr ResponseLimits default_limits{16 * 1024, 100, 16 * 1024 * 1024, 8};

/// Parses bytes as a connection does, received in pieces of the given sizes and a last one with the rest. The parser
/// gets a copy of exactly the bytes received, so that a sanitizer detects any read beyond.
Reading read(std::string_view bytes, Ending ending, const std::vector<std::size_t>& pieces = {},
             const ResponseLimits& limits = default_limits);

/// Parses the same bytes whole, byte by byte, in two pieces split at each position, and split at random. `how`
/// describes each way.
void read_in_all_pieces(std::string_view bytes, Ending ending, const ResponseLimits& limits,
                        const std::function<void(const Reading&, const std::string& how)>& check);

/// Readings made so far.
std::size_t readings();

} // namespace passage::http::test
