#include "fault_plan.hpp"

#include <algorithm>

namespace passage::emulator {

FaultPlan::FaultPlan(const Faults& faults)
{
    set(faults);
}

void FaultPlan::set(const Faults& faults)
{
    const std::scoped_lock lock(mutex_);
    faults_ = faults;
    random_.seed(faults.seed_);
    filled_.reset();
    any_ = faults.any();
}

Fate FaultPlan::next(Clock::time_point now, std::uint64_t number)
{
    Fate fate;
    if (!any_) {
        return fate; // avoids the lock
    }
    const std::scoped_lock lock(mutex_);
    const auto jitter = std::chrono::duration<double, std::milli>{faults_.jitter_} * draw();
    fate.delay = faults_.latency_ + std::chrono::round<std::chrono::milliseconds>(jitter);
    for (const auto& [status, rate] : faults_.errors_) {
        if (happens(rate) && fate.refused_with == 0) {
            fate.refused_with = status;
        }
    }
    fate.reset = happens(faults_.reset_rate_);
    if (happens(faults_.cut_rate_)) {
        fate.cut_after = faults_.cut_after_;
    }
    if (!take_token(now)) {
        fate.refused_with = 429;
        fate.retry_after = faults_.retry_after_;
    }
    fate.last = faults_.close_after_ != 0 && number >= faults_.close_after_;
    fate.refused = faults_.refuse_rate_ > 0 && happens(faults_.refuse_rate_);
    fate.goaway = faults_.goaway_after_ != 0 && number >= faults_.goaway_after_;
    return fate;
}

std::optional<std::uint32_t> FaultPlan::max_streams()
{
    const std::scoped_lock lock(mutex_);
    return faults_.max_streams_;
}

/// Returns a number from 0 to less than 1.
double FaultPlan::draw()
{
    return static_cast<double>(random_() >> 11) * 0x1p-53;
}

bool FaultPlan::happens(double rate)
{
    return draw() < rate;
}

bool FaultPlan::take_token(Clock::time_point now)
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
