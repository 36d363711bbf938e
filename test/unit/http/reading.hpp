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

/// What reading came to.
struct Reading
{
    State state = State::incomplete;
    std::optional<Errc> error; ///< If it failed.
    Response response;         ///< If it is complete.
    std::size_t surplus = 0;   ///< Bytes not consumed, if it is complete.
};

/// Equal in all that a caller sees.
bool operator==(const Reading& left, const Reading& right);
std::ostream& operator<<(std::ostream& stream, const Reading& reading);

/// The limits of a client that sets none.
inline constexpr ResponseLimits default_limits{16 * 1024, 100, 16 * 1024 * 1024, 8};

/// Reads bytes as a connection does, where each of `pieces` is how many bytes come at a time; what is left over comes
/// last. The parser sees exactly the bytes that are there, so that a sanitizer sees any read beyond.
Reading read(std::string_view bytes, Ending ending, const std::vector<std::size_t>& pieces = {},
             const ResponseLimits& limits = default_limits);

/// Hands over readings of the same bytes in pieces: whole, byte by byte, in two pieces split at every point, and split
/// at random. `how` says which one it is.
void read_in_all_pieces(std::string_view bytes, Ending ending, const ResponseLimits& limits,
                        const std::function<void(const Reading&, const std::string& how)>& check);

/// Readings made so far.
std::size_t readings();

} // namespace passage::http::test
