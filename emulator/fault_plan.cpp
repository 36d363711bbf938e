#include "fault_plan.hpp"

#include "routes.hpp"

#include <algorithm>

namespace passage::emulator {

void FaultPlan::set(const Faults& faults)
{
    const std::scoped_lock lock(mutex_);
    std::uint64_t seed = faults.seed_.value_or(1);
    of_all_ = Part(faults, seed);
    of_routes_.clear();
    for (const auto& [endpoint, of_route] : faults.of_routes_) {
        of_routes_.emplace_back(endpoint, Part(of_route, ++seed));
    }
    max_streams_ = faults.max_streams_;
    any_ = faults.any();
}

Fate FaultPlan::next(Clock::time_point now, std::uint64_t number, const Request& request)
{
    Fate fate;
    if (!any_) {
        return fate; // avoids the lock
    }
    const std::scoped_lock lock(mutex_);
    of_all_.add_to(fate, now, number);
    if (!of_routes_.empty()) {
        const std::optional<std::size_t> endpoint = endpoint_of(request.method, request.target);
        for (auto& [route, part] : of_routes_) {
            if (route == endpoint) {
                part.add_to(fate, now, number);
            }
        }
    }
    return fate;
}

std::optional<std::uint32_t> FaultPlan::max_streams()
{
    const std::scoped_lock lock(mutex_);
    return max_streams_;
}

void FaultPlan::Part::add_to(Fate& fate, Clock::time_point now, std::uint64_t number)
{
    const auto jitter = std::chrono::duration<double, std::milli>{faults_.jitter_} * draw();
    fate.delay += faults_.latency_ + std::chrono::round<std::chrono::milliseconds>(jitter);
    for (const auto& [status, rate] : faults_.errors_) {
        if (happens(rate) && fate.refused_with == 0) {
            fate.refused_with = status;
        }
    }
    fate.reset |= happens(faults_.reset_rate_);
    if (happens(faults_.cut_rate_)) {
        fate.cut_after = std::min(fate.cut_after.value_or(faults_.cut_after_), faults_.cut_after_);
    }
    if (!take_token(now)) {
        fate.refused_with = 429;
        fate.retry_after = faults_.retry_after_;
    }
    fate.last |= faults_.close_after_ != 0 && number >= faults_.close_after_;
    fate.refused |= faults_.refuse_rate_ > 0 && happens(faults_.refuse_rate_);
    fate.goaway |= faults_.goaway_after_ != 0 && number >= faults_.goaway_after_;
}

/// Returns a number from 0 to less than 1.
double FaultPlan::Part::draw()
{
    return static_cast<double>(random_() >> 11) * 0x1p-53;
}

bool FaultPlan::Part::happens(double rate)
{
    return draw() < rate;
}

bool FaultPlan::Part::take_token(Clock::time_point now)
{
    if (faults_.requests_per_second_ == 0) {
        return true;
    }
    // The requests of one second may arrive at once.
    const double most = std::max(1.0, faults_.requests_per_second_);
    const std::chrono::duration<double> passed = now - filled_.value_or(now);
    tokens_ = filled_ ? std::min(most, tokens_ + passed.count() * faults_.requests_per_second_) : most;
    filled_ = now;
    if (tokens_ < 1) {
        return false;
    }
    tokens_ -= 1;
    return true;
}

} // namespace passage::emulator
