#include "pool/pool_fsm.hpp"

#include <algorithm>

namespace passage::pool {

PoolFsm::PoolFsm(const PoolRules& rules)
    : rules_{rules}, expected_places_{rules.assumed_places}, multiplexed_{rules.assumed_places > 1}
{
    // Allocates all memory, so that no event can fail. Each slot is in each list at most once, because a connection is
    // closed before its slot is used again. Only `close` actions need a list; the others follow from the state.
    slots_.resize(rules.max_connections);
    free_.reserve(rules.max_connections);
    with_place_.reserve(rules.max_connections);
    to_close_.reserve(rules.max_connections);
    for (std::size_t slot = rules.max_connections; slot-- > 0;)
        free_.push_back(static_cast<Slot>(slot));
}

std::optional<Slot> PoolFsm::take_place(TimePoint now)
{
    expire(now);
    while (!with_place_.empty()) {
        const Slot slot = with_place_.back();
        if (now < slots_[slot].retire_at)
            return lend_place();
        retire(slot);
    }
    return std::nullopt;
}

bool PoolFsm::enqueue(Waiter& waiter)
{
    if (closed_ || waiters_.size() >= rules_.max_waiting)
        return false;
    waiter.slot.reset();
    waiter.turn_ = ++last_turn_;
    waiters_.push_back(waiter);
    queued(waiter);
    return true;
}

void PoolFsm::cancel(Waiter& waiter)
{
    unqueue(waiter);
    to_fail_ = std::min(to_fail_, waiters_.size());
}

bool PoolFsm::is_dialled_for(const Waiter& waiter) const
{
    if (in_use() == 0)
        return dialling_ > 0;
    std::size_t calls = 0;
    for (const Waiter& queued : waiters_) {
        if (!are_dialled_for(++calls))
            return false;
        if (&queued == &waiter)
            return true;
    }
    return false;
}

void PoolFsm::dialled(Slot slot, TimePoint now, TimePoint retire_at, std::size_t places, bool multiplexed)
{
    --dialling_;
    failed_dials_ = 0;
    redial_at_.reset();
    expect(places);
    multiplexed_ = multiplexed;
    if (closed_) {
        free_slot(slot);
        return;
    }
    // Even a connection without any lifetime serves one call.
    const std::size_t lendable = now < retire_at ? places : std::min<std::size_t>(places, 1);
    slots_[slot] = {retire_at, retire_at, lendable, 0, true};
    if (lendable > 0) {
        with_place_.push_back(slot);
        new_ = slot;
    }
    go_idle(slot, now, rules_.idle_timeout, lendable > 0 && !waiters_.empty());
}

void PoolFsm::dial_failed(Slot slot, TimePoint now)
{
    --dialling_;
    ++failed_dials_;
    free_.push_back(slot);
    if (failed_dials_ >= dials_until_down) {
        redial_at_ = now + redial_pause;
        nothing_due_before_ = std::min(nothing_due_before_, *redial_at_);
        if (in_use() == 0 && dialling_ == 0) {
            to_fail_ = waiters_.size();
            return;
        }
    }
    // Calls that other dials are expected to serve don't fail.
    if (!are_dialled_for(waiters_.size() - to_fail_))
        ++to_fail_;
}

void PoolFsm::dial_abandoned(Slot slot)
{
    --dialling_;
    free_.push_back(slot);
}

void PoolFsm::resized(Slot slot, TimePoint now, std::size_t places)
{
    Connection& connection = slots_[slot];
    if (!connection.is_open)
        return;
    expect(places);
    if (now >= connection.retire_at) {
        retire(slot);
        return;
    }
    const bool had_place = connection.has_place();
    connection.places = places;
    if (had_place && !connection.has_place())
        withdraw(slot);
    else if (!had_place && connection.has_place())
        with_place_.push_back(slot);
}

void PoolFsm::retire(Slot slot)
{
    Connection& connection = slots_[slot];
    if (!connection.is_open)
        return;
    if (connection.has_place())
        withdraw(slot);
    connection.is_open = false;
    if (connection.lent == 0) {
        --idle_;
        free_slot(slot);
    } else {
        ++draining_;
    }
}

void PoolFsm::released(Slot slot, TimePoint now, std::optional<milliseconds> idle_limit)
{
    Connection& connection = slots_[slot];
    if (!connection.is_open || now >= connection.retire_at) {
        dropped(slot);
        return;
    }
    if (connection.lent == connection.places)
        with_place_.push_back(slot);
    if (--connection.lent == 0)
        go_idle(slot, now, std::min(rules_.idle_timeout, idle_limit.value_or(rules_.idle_timeout)),
                connection.has_place() && takers_ > 0);
}

void PoolFsm::dropped(Slot slot)
{
    retire(slot);
    if (--slots_[slot].lent == 0) {
        --draining_;
        free_slot(slot);
    }
}

void PoolFsm::found_dead(Slot slot, Waiter& waiter)
{
    dropped(slot);
    queue_again(waiter);
}

void PoolFsm::found_overdrawn(Slot slot, TimePoint now, Waiter& waiter)
{
    released(slot, now);
    queue_again(waiter);
}

void PoolFsm::expire(TimePoint now)
{
    if (now < nothing_due_before_)
        return;
    nothing_due_before_ = TimePoint::max();
    if (redial_at_ && now >= *redial_at_)
        redial_at_.reset();
    else if (redial_at_)
        nothing_due_before_ = *redial_at_;
    for (Slot slot = 0; slot < slots_.size(); ++slot) {
        const Connection& connection = slots_[slot];
        if (!connection.is_open || connection.lent > 0)
            continue;
        if (now >= connection.idle_until)
            retire(slot);
        else
            nothing_due_before_ = std::min(nothing_due_before_, connection.idle_until);
    }
}

void PoolFsm::close()
{
    closed_ = true;
    to_fail_ = waiters_.size();
    for (Slot slot = 0; slot < slots_.size(); ++slot)
        retire(slot);
}

std::size_t PoolFsm::limit() const noexcept
{
    return multiplexed_ ? std::min(rules_.max_multiplexed, slots_.size()) : slots_.size();
}

/// Ignores connections without places: they say nothing about the next one.
void PoolFsm::expect(std::size_t places) noexcept
{
    if (places > 0)
        expected_places_ = places;
}

/// Whether the current dials are expected to result in places for `calls` calls.
bool PoolFsm::are_dialled_for(std::size_t calls) const noexcept
{
    return calls == 0 || (calls - 1) / expected_places_ < dialling_;
}

/// Precondition: there is no place for the call that waits longest.
bool PoolFsm::needs_dial() const noexcept
{
    if (redial_at_ && in_use() > 0)
        return false;
    // After a failure there is one dial at a time, which spares a server that restarts.
    return failed_dials_ == 0 ? !are_dialled_for(waiters_.size()) : dialling_ == 0;
}

/// Whether the call that waits longest needs a new connection, and no dial in progress will result in one.
bool PoolFsm::first_needs_dial() const noexcept
{
    const bool wants_new = takers_ < waiters_.size() && waiters_.front().wants_new;
    return wants_new && dialling_ == 0 && !has_new_place() && needs_dial();
}

const PoolAction* PoolFsm::close_next()
{
    const Slot slot = to_close_[next_to_close_++];
    if (next_to_close_ == to_close_.size()) {
        to_close_.clear();
        next_to_close_ = 0;
    }
    return act({PoolAction::Kind::close, slot, nullptr});
}

const PoolAction* PoolFsm::serve_next()
{
    if (to_fail_ > 0) {
        --to_fail_;
        Waiter& waiter = waiters_.front();
        unqueue(waiter);
        return act({PoolAction::Kind::fail, 0, &waiter});
    }
    // Before a place is lent: the calls behind that one could keep all connections in use for ever.
    if (first_needs_dial())
        if (const PoolAction* const action = dial_for_first())
            return action;
    if (Waiter* const waiter = next_to_lend_to()) {
        unqueue(*waiter);
        waiter->slot = lend_place();
        return act({PoolAction::Kind::lend, *waiter->slot, waiter});
    }
    new_.reset();
    return needs_dial() ? dial_next() : nullptr;
}

/// Dials for the call that waits longest, or makes room for that. Null if there is no room yet.
const PoolAction* PoolFsm::dial_for_first()
{
    if (const PoolAction* const action = dial_next())
        return action;
    // A connection with several places may never be idle. Once retired it doesn't count; only its slot is used until
    // its last place is returned. One such wait for a slot is enough.
    if (with_place_.empty() || (free_.empty() && draining_ > 0))
        return nullptr;
    retire(with_place_.front());
    return dial_next();
}

const PoolAction* PoolFsm::dial_next()
{
    if (free_.empty() || connections() - draining_ >= limit()) {
        const auto idle =
            std::find_if(with_place_.begin(), with_place_.end(), [&](Slot slot) { return slots_[slot].lent == 0; });
        if (idle == with_place_.end())
            return nullptr;
        retire(*idle);
        return close_next();
    }
    const Slot slot = free_.back();
    free_.pop_back();
    ++dialling_;
    return act({PoolAction::Kind::dial, slot, nullptr});
}

/// The queued call that gets the next place. Null if there is no such call or no place.
Waiter* PoolFsm::next_to_lend_to()
{
    if (has_new_place())
        return &waiters_.front();
    if (with_place_.empty() || takers_ == 0)
        return nullptr;
    return &*std::find_if(waiters_.begin(), waiters_.end(), [](const Waiter& queued) { return !queued.wants_new; });
}

void PoolFsm::unqueue(Waiter& waiter)
{
    waiters_.erase(waiters_.iterator_to(waiter));
    takers_ -= waiter.wants_new ? 0 : 1;
}

/// Queues a call again that was lent a place in vain.
void PoolFsm::queue_again(Waiter& waiter)
{
    waiter.slot.reset();
    // Others that wait longer may have lost their places, too.
    waiters_.insert(std::find_if(waiters_.begin(), waiters_.end(),
                                 [&](const Waiter& queued) { return queued.turn_ > waiter.turn_; }),
                    waiter);
    queued(waiter);
    if (closed_)
        to_fail_ = waiters_.size();
}

Slot PoolFsm::lend_place()
{
    const Slot slot = with_place_.back();
    Connection& connection = slots_[slot];
    if (connection.lent == 0)
        --idle_;
    if (++connection.lent == connection.places)
        with_place_.pop_back();
    return slot;
}

void PoolFsm::withdraw(Slot slot)
{
    const auto found = std::find(with_place_.rbegin(), with_place_.rend(), slot);
    with_place_.erase(std::next(found).base());
}

/// `is_wanted` is whether a queued call gets a place on it at once. If so, it may be past its idle time.
void PoolFsm::go_idle(Slot slot, TimePoint now, milliseconds idle_limit, bool is_wanted)
{
    Connection& connection = slots_[slot];
    ++idle_;
    connection.idle_until = std::min(connection.retire_at, now + idle_limit);
    nothing_due_before_ = std::min(nothing_due_before_, connection.idle_until);
    if (connection.idle_until <= now && !is_wanted)
        retire(slot);
}

void PoolFsm::free_slot(Slot slot)
{
    free_.push_back(slot);
    to_close_.push_back(slot);
}

} // namespace passage::pool
