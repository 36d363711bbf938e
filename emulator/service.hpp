#pragma once

#include "routes.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace passage::emulator {

class FaultPlan;
struct Fate;

/// How long the server is patient with one connection.
struct Patience
{
    std::chrono::milliseconds idle{75'000};     ///< for the next request to begin
    std::chrono::milliseconds request{30'000};  ///< from the first byte of a request to its last
    std::chrono::milliseconds response{30'000}; ///< for the client to take the answer
};

/// How long a client is listened to that was told goodbye.
constexpr std::chrono::milliseconds farewell{2'000};

/// What all connections of a server share.
struct Service
{
    Store& store;
    FaultPlan& faults;
    Patience patience;
    bool http2 = false; ///< offered beside HTTP/1.1
    bool verbose = false;
    std::atomic<std::uint64_t> requests_served{0};
};

/// What tests use to set the stage is spared from faults.
bool can_have_faults(const Request& request);

/// The answer to a request with such a fate; counted, and logged if that is wanted.
Response answer_to(Service& service, const Request& request, const Fate& fate);

/// The answer to a request of which the head alone is known, as refusal_of_head(); counted and logged.
std::optional<Response> refuse_head(Service& service, const Request& head);

} // namespace passage::emulator
