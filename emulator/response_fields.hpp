#pragma once

#include "routes.hpp"

#include <string>
#include <string_view>

namespace passage::emulator {

/// The time now, as HTTP writes it.
std::string http_date();

/// Calls `take(name, value)` for each header field of an answer that both versions of HTTP have.
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
