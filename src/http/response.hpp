#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace passage::http {

/// A final response, with the header fields that the library acts on.
struct Response
{
    int status = 0;
    std::string body;
    std::string content_type;
    std::string request_id;
    std::string date;
    std::string retry_after;    ///< `Retry-After`, as sent; empty if there were several.
    std::string retry_after_ms; ///< `Retry-After-Ms`, as sent; empty if there were several.

    /// Whether the connection may carry a further request, as far as this response says.
    bool keep_alive = false;
    /// `Keep-Alive: timeout=`, if sent.
    std::optional<std::chrono::seconds> keep_alive_timeout;
};

} // namespace passage::http
