#pragma once

#include "routes.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace passage::emulator {

class FaultPlan;
struct Fate;

/// How long the server waits for a client.
struct Patience
{
    std::chrono::milliseconds idle{75'000};     ///< for the next request to begin
    std::chrono::milliseconds request{30'000};  ///< from the first byte of a request to its last
    std::chrono::milliseconds response{30'000}; ///< for the client to accept the response
};

/// How long the server reads from a client after its own close_notify.
constexpr std::chrono::milliseconds farewell{2'000};

/// Shared by all connections of a server.
struct Service
{
    Store& store;
    FaultPlan& faults;
    Patience patience;
    bool http2 = false; ///< offer HTTP/2 besides HTTP/1.1
    bool verbose = false;
    std::atomic<std::uint64_t> requests_served{0};
};

/// False for requests with which tests set up data.
bool can_have_faults(const Request& request);

/// The response to a request with these faults. Counts and logs the request.
Response answer_to(Service& service, const Request& request, const Fate& fate);

/// As refusal_of_head(). If there is a response, counts and logs the request.
std::optional<Response> refuse_head(Service& service, const Request& head);

} // namespace passage::emulator
