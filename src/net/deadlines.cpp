#include "net/deadlines.hpp"

#include <algorithm>

namespace passage::net {

Deadlines::Deadlines(const Executor& executor, std::function<void()> sweep) : timer_{executor}, sweep_{std::move(sweep)}
{}

void Deadlines::watch(Watched& watched, Clock::time_point deadline)
{
    if (shut_down_) {
        watched.interrupt(Interrupt::shut_down);
        return;
    }
    watched.deadline_ = deadline;
    none_before_ = std::min(none_before_, deadline);
    if (!watched.is_linked())
        watched_.push_back(watched);
    if (deadline < armed_for_)
        arm(armed_for_ == Clock::time_point::max() ? std::min(deadline, Clock::now() + period) : deadline);
}

void Deadlines::shut_down()
{
    shut_down_ = true;
    timer_.cancel();
    interrupt_all(watched_, Interrupt::shut_down);
}

void Deadlines::interrupt_all(List& list, Interrupt why)
{
    while (!list.empty()) {
        Watched& watched = list.front();
        watched.unlink();
        watched.interrupt(why);
    }
}

void Deadlines::arm(Clock::time_point at)
{
    armed_for_ = Clock::time_point::max(); // until the wait has begun, which needs memory
    timer_.expires_at(at);
    timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
        if (const auto self = weak.lock(); self && !ec)
            self->fire();
    });
    armed_for_ = at;
}

void Deadlines::fire()
{
    const auto now = Clock::now();
    armed_for_ = Clock::time_point::max();
    if (none_before_ <= now)
        interrupt_late(now);
    sweep_();
    const auto next = std::min(none_before_, now + period);
    if (!shut_down_ && !watched_.empty() && next < armed_for_)
        arm(next);
}

void Deadlines::interrupt_late(Clock::time_point now)
{
    // What is late is taken out first: an interruption may watch anew, or end what else is watched.
    List late;
    none_before_ = Clock::time_point::max();
    for (auto at = watched_.begin(); at != watched_.end();) {
        Watched& watched = *at++;
        if (watched.deadline_ <= now) {
            watched.unlink();
            late.push_back(watched);
        } else {
            none_before_ = std::min(none_before_, watched.deadline_);
        }
    }
    interrupt_all(late, Interrupt::expired);
}

} // namespace passage::net
