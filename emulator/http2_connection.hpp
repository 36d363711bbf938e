#pragma once

#include "byte_stream.hpp"
#include "service.hpp"

#include <memory>
#include <string_view>

namespace passage::emulator {

/// Its name in ALPN.
constexpr std::string_view http2_protocol = "h2";
/// What its clients send first, whichever way they have chosen it (RFC 9113, section 3.4).
constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client that has chosen HTTP/2 (RFC 9113): requests of many streams, each answered when it is complete. Lives on
/// one thread, which runs its coroutine and calls its other functions.
class Http2Connection
{
public:
    using Clock = ByteStream::Clock;

    virtual ~Http2Connection() = default;

    /// `received` is what the client has sent already; it stays unchanged until the coroutine waits.
    virtual boost::asio::awaitable<void> run(std::string_view received) = 0;

    /// Ends what has taken too long: streams, for the connection has the deadline of its stream. To be called now
    /// and then.
    virtual void check_deadlines(Clock::time_point now) = 0;
    /// Ends the connection after the requests that are on their way, at once if there are none.
    virtual void drain() = 0;
};

/// Whether it was built in.
bool has_http2();

/// Null if it was not built in. Refers to both arguments.
std::shared_ptr<Http2Connection> make_http2_connection(ByteStream& stream, Service& service);

} // namespace passage::emulator
