#pragma once

#include <passage/emulator.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>

namespace passage::emulator {

/// What is to befall one request.
struct Fate
{
    std::chrono::milliseconds delay{0};              ///< before it is looked at
    unsigned refused_with = 0;                       ///< a status in place of being served; 0 for none
    std::optional<std::chrono::seconds> retry_after; ///< to be told with that
    bool reset = false;                              ///< the connection, in place of the answer
    std::optional<std::size_t> cut_after;            ///< bytes of the answer
    bool last = false;                               ///< the connection ends after the answer
    // On connections of HTTP/2:
    bool refused = false; ///< its stream, and nothing is done
    bool goaway = false;  ///< the connection takes no requests after this one
};

/// Decides on requests by the faults that are switched on. Any thread may ask and switch.
class FaultPlan
{
public:
    using Clock = std::chrono::steady_clock;

    explicit FaultPlan(const Faults& faults);

    void set(const Faults& faults);
    /// `number` is the request's on its connection, from 1. Each request takes the same count of
    /// random numbers, so that what befalls one does not depend on what befell those before.
    Fate next(Clock::time_point now, std::uint64_t number);
    /// How many streams a new connection of HTTP/2 may have at a time; nothing if that is not given.
    std::optional<std::uint32_t> max_streams();

private:
    double draw();
    bool happens(double rate);
    bool take_token(Clock::time_point now);

    std::atomic<bool> any_;
    std::mutex mutex_;
    Faults faults_;
    std::mt19937_64 random_;
    double tokens_ = 0;
    std::optional<Clock::time_point> filled_;
};

} // namespace passage::emulator
