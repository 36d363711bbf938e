#pragma once

#include "service.hpp"
#include "tls_stream.hpp"

#include <memory>
#include <string_view>

namespace passage::emulator {

/// Its name in ALPN.
constexpr std::string_view http2_protocol = "h2";

/// What follows the handshake with a client that has chosen HTTP/2 (RFC 9113): requests of many streams, each answered
/// when it is complete. Lives on one thread, which runs its coroutine and calls its other functions.
class Http2Connection
{
public:
    using Clock = TlsStream::Clock;

    virtual ~Http2Connection() = default;

    virtual boost::asio::awaitable<void> run() = 0;

    /// Ends what has taken too long: streams, for the connection has the deadline of its TLS stream. To be called now
    /// and then.
    virtual void check_deadlines(Clock::time_point now) = 0;
    /// Ends the connection after the requests that are on their way, at once if there are none.
    virtual void drain() = 0;
};

/// Whether it was built in.
bool has_http2();

/// Null if it was not built in. Refers to both arguments.
std::shared_ptr<Http2Connection> make_http2_connection(TlsStream& stream, Service& service);

} // namespace passage::emulator
