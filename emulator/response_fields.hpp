#pragma once

#include "routes.hpp"

#include <string>

namespace passage::emulator {

/// The current time as an HTTP date.
std::string http_date();

/// Calls `take(name, value)` for each header field of a response that HTTP/1.1 and HTTP/2 share.
template <class Take>
void for_each_field(const Response& response, Take take)
{
    take("Date", http_date());
    if (!response.body.empty()) {
        take("Content-Type", "application/json; charset=utf-8");
    }
    if (!response.allow.empty()) {
        take("Allow", response.allow);
    }
    if (response.retry_after) {
        take("Retry-After", std::to_string(response.retry_after->count()));
    }
    if (response.status == 401) {
        take("WWW-Authenticate", "Bearer");
    }
    take("Content-Length", std::to_string(response.body.size()));
}

} // namespace passage::emulator
