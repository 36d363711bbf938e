#pragma once

#include <passage/detail/build.hpp>

namespace passage {

/// The version of HTTP that a client uses.
///
/// If the library was built without HTTP/2 (the macro `PASSAGE_HTTP2` is 0), `automatic` means HTTP/1.1, and a client
/// with `http2` is refused with `Errc::invalid_argument`.
enum class HttpVersion {
    automatic, ///< HTTP/2 if the server chooses it in the TLS handshake (ALPN, RFC 7301), otherwise HTTP/1.1.
    http1,     ///< HTTP/1.1 (RFC 9112).
    http2,     ///< HTTP/2 (RFC 9113): over TLS the server must choose it; over plain TCP the client begins with it
               ///< (prior knowledge; RFC 9113, section 3.3).
};

} // namespace passage
