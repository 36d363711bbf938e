#pragma once

#include "byte_stream.hpp"
#include "service.hpp"

#include <memory>
#include <string_view>

namespace passage::emulator {

/// The name of HTTP/2 in ALPN.
constexpr std::string_view http2_protocol = "h2";
/// The first bytes of each client (RFC 9113, section 3.4).
constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An HTTP/2 connection (RFC 9113). Serves the requests of its streams as they complete. Used by one thread.
class Http2Connection
{
public:
    using Clock = ByteStream::Clock;

    virtual ~Http2Connection() = default;

    /// `received` are the bytes that the client has sent. They must not change before the coroutine is suspended.
    virtual boost::asio::awaitable<void> run(std::string_view received) = 0;

    /// Ends streams that have taken too long. To be called periodically. The connection's own deadline is that of its
    /// `ByteStream`.
    virtual void check_deadlines(Clock::time_point now) = 0;
    /// Ends the connection after the requests in flight, at once if there are none.
    virtual void drain() = 0;
};

/// Whether the emulator was built with HTTP/2.
bool has_http2();

/// Returns null if the emulator was built without HTTP/2. Both arguments must outlive the connection.
std::shared_ptr<Http2Connection> make_http2_connection(ByteStream& stream, Service& service);

} // namespace passage::emulator
