#pragma once

#include <passage/http_version.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace passage::stress {

using Clock = std::chrono::steady_clock;

/// How long a run is.
struct Bounds
{
    std::size_t calls;
    std::size_t clients;
    std::size_t cancellations;
    std::vector<HttpVersion> versions; ///< Of HTTP, where a run can choose.
    Clock::time_point end;
    std::uint32_t seed;
};

// Each prints what it did, and yields false if anything was wrong.

/// Calls of which the server spoils a tenth.
bool run_faults(const Bounds& bounds);
/// The server closes each connection just when it may be used again.
bool run_races_of_close_and_reuse(const Bounds& bounds);
/// Calls are cancelled at random moments.
bool run_cancel_storm(const Bounds& bounds);
/// Calls are cancelled at random moments on one HTTP/2 connection, which stays.
bool run_cancellations(const Bounds& bounds);
/// The server restarts under a thousand callers.
bool run_restarts(const Bounds& bounds);
/// Many calls wait for the few connections of a server that lies: in each version of HTTP, with TLS and without.
bool run_liar(const Bounds& bounds);
/// Clients come and go on all sorts of execution contexts.
bool run_clients(const Bounds& bounds);
/// One client calls the emulator while slow, flooding and broken ones surround it.
bool run_hostile_clients(const Bounds& bounds);

} // namespace passage::stress
