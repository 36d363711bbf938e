#include "pool/pool_fsm.hpp"

#include <algorithm>

namespace passage::pool {

PoolFsm::PoolFsm(const PoolRules& rules) : rules_{rules}
{
    // All memory is taken here, so that no event can fail: none asks for more than closing all connections, or for two
    // things to be done. Turning calls away takes none.
    slots_.resize(rules.max_connections);
    free_.reserve(rules.max_connections);
    idle_.reserve(rules.max_connections);
    actions_.reserve(rules.max_connections + 2);
    for (std::size_t slot = rules.max_connections; slot-- > 0;)
        free_.push_back(static_cast<Slot>(slot));
}

std::optional<Slot> PoolFsm::take_idle(TimePoint now)
{
    expire(now);
    if (idle_.empty())
        return std::nullopt;
    const Slot slot = idle_.back();
    idle_.pop_back();
    return slot;
}

bool PoolFsm::enqueue(Waiter& waiter)
{
    if (closed_ || waiters_.size() >= rules_.max_waiting)
        return false;
    waiter.slot.reset();
    waiters_.push_back(waiter);
    dial_for_waiters();
    return true;
}

void PoolFsm::cancel(Waiter& waiter)
{
    waiters_.erase(waiters_.iterator_to(waiter));
}

bool PoolFsm::is_dialled_for(const Waiter& waiter) const
{
    if (lent() == 0)
        return dialling_ > 0;
    // The first so many calls in the queue have a connection being made each.
    std::size_t position = 0;
    for (const Waiter& queued : waiters_) {
        if (position++ >= dialling_)
            return false;
        if (&queued == &waiter)
            return true;
    }
    return false;
}

void PoolFsm::dialled(Slot slot, TimePoint now, TimePoint retire_at)
{
    --dialling_;
    failed_dials_ = 0;
    redial_at_.reset();
    slots_[slot].retire_at = retire_at;
    // Even one that is to live no time at all serves the call that it was made for.
    if (!closed_ && !waiters_.empty())
        lend(slot, waiters_.front());
    else
        keep(slot, now, rules_.idle_timeout);
    dial_for_waiters();
}

void PoolFsm::dial_failed(Slot slot, TimePoint now)
{
    --dialling_;
    ++failed_dials_;
    free_.push_back(slot);
    if (failed_dials_ >= dials_until_down) {
        redial_at_ = now + redial_pause;
        nothing_due_before_ = std::min(nothing_due_before_, *redial_at_);
        if (lent() == 0 && dialling_ == 0) {
            turning_away_ = true;
            return;
        }
    }
    // A call that another connection is being made for need not hear of it.
    if (waiters_.size() > dialling_)
        actions_.push_back({PoolAction::Kind::fail, slot, &take_first()});
    dial_for_waiters();
}

void PoolFsm::dial_abandoned(Slot slot)
{
    --dialling_;
    free_.push_back(slot);
    dial_for_waiters();
}

void PoolFsm::released(Slot slot, TimePoint now, std::optional<milliseconds> idle_limit)
{
    const auto waiter =
        std::find_if(waiters_.begin(), waiters_.end(), [](const Waiter& queued) { return !queued.wants_new; });
    if (!closed_ && waiter != waiters_.end() && now < slots_[slot].retire_at)
        lend(slot, *waiter);
    else
        keep(slot, now, std::min(rules_.idle_timeout, idle_limit.value_or(rules_.idle_timeout)));
    dial_for_waiters();
}

void PoolFsm::dropped(Slot slot)
{
    free_slot(slot);
    dial_for_waiters();
}

void PoolFsm::found_dead(Slot slot, Waiter& waiter)
{
    free_slot(slot);
    waiter.slot.reset();
    waiters_.push_front(waiter);
    turning_away_ = turning_away_ || closed_;
    dial_for_waiters();
}

void PoolFsm::discard_idle(Slot slot)
{
    if (std::erase(idle_, slot) > 0)
        free_slot(slot);
}

void PoolFsm::expire(TimePoint now)
{
    if (now < nothing_due_before_)
        return;
    nothing_due_before_ = TimePoint::max();
    if (redial_at_ && now >= *redial_at_) {
        redial_at_.reset();
        dial_for_waiters();
    } else if (redial_at_) {
        nothing_due_before_ = *redial_at_;
    }
    std::erase_if(idle_, [&](Slot slot) {
        const TimePoint until = slots_[slot].idle_until;
        if (until > now) {
            nothing_due_before_ = std::min(nothing_due_before_, until);
            return false;
        }
        free_slot(slot);
        return true;
    });
}

void PoolFsm::close()
{
    closed_ = true;
    turning_away_ = true;
    for (const Slot slot : idle_)
        free_slot(slot);
    idle_.clear();
}

const PoolAction* PoolFsm::next_action()
{
    if (next_action_ < actions_.size())
        return &actions_[next_action_++];
    actions_.clear();
    next_action_ = 0;
    return turning_away_ ? turn_away_next() : nullptr;
}

const PoolAction* PoolFsm::turn_away_next()
{
    turning_away_ = !waiters_.empty();
    if (!turning_away_)
        return nullptr;
    actions_.push_back({PoolAction::Kind::fail, 0, &take_first()});
    return &actions_[next_action_++];
}

Waiter& PoolFsm::take_first()
{
    Waiter& waiter = waiters_.front();
    waiters_.pop_front();
    return waiter;
}

void PoolFsm::lend(Slot slot, Waiter& waiter)
{
    waiters_.erase(waiters_.iterator_to(waiter));
    waiter.slot = slot;
    actions_.push_back({PoolAction::Kind::lend, slot, &waiter});
}

void PoolFsm::keep(Slot slot, TimePoint now, milliseconds idle_limit)
{
    Connection& connection = slots_[slot];
    if (closed_ || now >= connection.retire_at || idle_limit <= milliseconds{0}) {
        free_slot(slot);
    } else {
        connection.idle_until = std::min(connection.retire_at, now + idle_limit);
        nothing_due_before_ = std::min(nothing_due_before_, connection.idle_until);
        idle_.push_back(slot);
    }
}

void PoolFsm::free_slot(Slot slot)
{
    free_.push_back(slot);
    actions_.push_back({PoolAction::Kind::close, slot, nullptr});
}

void PoolFsm::dial_for_waiters()
{
    if (waiters_.empty() || (redial_at_ && lent() > 0))
        return;
    // Those who all lost their connections at once would not spare a server that comes up again.
    const std::size_t wanted = failed_dials_ == 0 ? waiters_.size() : std::min<std::size_t>(waiters_.size(), 1);
    while (!closed_ && dialling_ < wanted) {
        if (free_.empty() && !idle_.empty()) {
            free_slot(idle_.front());
            idle_.erase(idle_.begin());
        }
        if (free_.empty())
            break;
        const Slot slot = free_.back();
        free_.pop_back();
        ++dialling_;
        actions_.push_back({PoolAction::Kind::dial, slot, nullptr});
    }
}

} // namespace passage::pool
