#pragma once

#include <passage/emulator.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace passage::emulator {

struct Request;

/// The faults of one request.
struct Fate
{
    std::chrono::milliseconds delay{0};              ///< before it is processed
    unsigned refused_with = 0;                       ///< status to respond with instead of serving it; 0 if none
    std::optional<std::chrono::seconds> retry_after; ///< sent with that status
    bool reset = false;                              ///< reset the connection instead of responding
    std::optional<std::size_t> cut_after;            ///< cut off the response after these bytes
    bool last = false;                               ///< close the connection after the response
    // HTTP/2 only:
    bool refused = false; ///< refuse the stream and don't serve it
    bool goaway = false;  ///< accept no later requests on the connection
};

/// Decides which faults affect a request. Thread-safe.
class FaultPlan
{
public:
    using Clock = std::chrono::steady_clock;

    explicit FaultPlan(const Faults& faults) : of_all_(faults, 0) { set(faults); }

    void set(const Faults& faults);
    /// `number` is the number of the request on its connection, from 1. Of the request only method and target matter.
    Fate next(Clock::time_point now, std::uint64_t number, const Request& request);
    /// How many concurrent streams a new HTTP/2 connection may have, if that is set.
    std::optional<std::uint32_t> max_streams();

private:
    /// The faults of all requests, or of those of one route. Each request uses the same number of random numbers, so
    /// that its faults do not depend on those of earlier requests.
    class Part
    {
    public:
        Part(const Faults& faults, std::uint64_t seed) : faults_(faults), random_(seed) {}

        void add_to(Fate& fate, Clock::time_point now, std::uint64_t number);

    private:
        double draw();
        bool happens(double rate);
        bool take_token(Clock::time_point now);

        Faults faults_;
        std::mt19937_64 random_;
        double tokens_ = 0;
        std::optional<Clock::time_point> filled_;
    };

    std::atomic<bool> any_;
    std::mutex mutex_;
    std::optional<std::uint32_t> max_streams_;
    Part of_all_;
    std::vector<std::pair<std::size_t, Part>> of_routes_; ///< by endpoint_of()
};

} // namespace passage::emulator
