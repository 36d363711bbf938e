#pragma once

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace passage::pool {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

/// A place for a connection, from 0 on.
using Slot = std::uint32_t;

/// A call that waits for a connection. Owned by the call; must stay in place while it is queued.
class Waiter : public boost::intrusive::list_base_hook<>
{
public:
    /// What the call was given; none if it was turned away, or still waits.
    std::optional<Slot> slot;
    /// Nothing but a new connection will do.
    bool wants_new = false;
};

/// How many connections there are and how long they live.
struct PoolRules
{
    std::size_t max_connections;
    std::size_t max_waiting;
    milliseconds idle_timeout;
};

/// What the pool wants done.
struct PoolAction
{
    enum class Kind {
        dial,  ///< Make a connection for `slot`; then say `dialled`, `dial_failed` or `dial_abandoned`.
        lend,  ///< `waiter` has `slot` now; wake it.
        fail,  ///< `waiter` gets no connection, as a connection could not be made, or the pool is closed; wake it.
        close, ///< Close the connection of `slot`, which is free again.
    };
    Kind kind;
    Slot slot = 0;
    Waiter* waiter = nullptr;
};

/// Who gets which connection: the last used one first, the longest waiting call first.
///
/// A call that waits is not bound to the connection that is being made for it: it takes whichever comes free first.
/// While connections can't be made, one at a time is tried, and each failure is that of the call that waits longest:
/// its retries decide what follows. No call waits while there is room for a connection and none is being made, except
/// during `redial_pause`. A pure state machine: time is an argument, and what is to be done comes out of `next_action`,
/// which is to be drained after each event. Not thread-safe.
class PoolFsm
{
public:
    explicit PoolFsm(const PoolRules& rules);

    /// Lends the connection used last, if one is idle.
    std::optional<Slot> take_idle(TimePoint now);

    /// Queues a call for which nothing was idle; or that wants a new connection, for which the one idle longest makes
    /// room. False if too many wait already, or the pool is closed.
    bool enqueue(Waiter& waiter);

    /// A queued call gives up.
    void cancel(Waiter& waiter);

    /// Whether a queued call waits for a connection that is being made, rather than for one that others use.
    bool is_dialled_for(const Waiter& waiter) const;

    /// A connection was made; it is not to be used again after `retire_at`.
    void dialled(Slot slot, TimePoint now, TimePoint retire_at);

    /// A connection could not be made.
    void dial_failed(Slot slot, TimePoint now);

    /// A connection is not made after all, as nobody waited for it.
    void dial_abandoned(Slot slot);

    /// A lent connection comes back; `idle_limit` is how long the server said it keeps it.
    void released(Slot slot, TimePoint now, std::optional<milliseconds> idle_limit = std::nullopt);

    /// A lent connection comes back and can't be used again.
    void dropped(Slot slot);

    /// A connection was found dead when the call that it was lent to looked at it: the call waits on, before all
    /// others.
    void found_dead(Slot slot, Waiter& waiter);

    /// Closes a connection if it is idle.
    void discard_idle(Slot slot);

    /// Closes the connections that were idle too long, and ends the pause before the next dial in time.
    void expire(TimePoint now);

    /// Turns away every waiting and later call; closes what is idle now and what comes back later.
    void close();

    /// What is to be done next, if anything; until it is asked again.
    const PoolAction* next_action();

    std::size_t connections() const noexcept { return slots_.size() - free_.size(); }
    std::size_t idle() const noexcept { return idle_.size(); }
    /// When the first idle connection has been so too long; a little earlier at times, and far off if there is none.
    TimePoint next_expiry() const noexcept { return idle_.empty() ? TimePoint::max() : nothing_due_before_; }
    std::size_t dialling() const noexcept { return dialling_; }
    std::size_t waiting() const noexcept { return waiters_.size(); }
    /// Whether there is room for connections that can't be made.
    bool is_failing() const noexcept { return failed_dials_ > 0 && lent() < slots_.size(); }
    /// The call that waits longest, if any does.
    const Waiter* first_waiter() const noexcept { return waiters_.empty() ? nullptr : &waiters_.front(); }

    /// So many failed dials in a row, while no connection is in use, are everybody's failure. While one is in use they
    /// are followed by a pause, in which it serves those who wait: the server may take no more connections.
    static constexpr std::size_t dials_until_down = 3;
    static constexpr milliseconds redial_pause{100};

private:
    struct Connection
    {
        TimePoint retire_at;
        TimePoint idle_until;
    };

    std::size_t lent() const noexcept { return connections() - dialling_ - idle_.size(); }
    const PoolAction* turn_away_next();
    Waiter& take_first();
    void lend(Slot slot, Waiter& waiter);
    void keep(Slot slot, TimePoint now, milliseconds idle_limit);
    void free_slot(Slot slot);
    void dial_for_waiters();

    PoolRules rules_;
    bool closed_ = false;
    bool turning_away_ = false; ///< All who wait.
    std::size_t dialling_ = 0;
    std::size_t failed_dials_ = 0;       ///< In a row.
    std::optional<TimePoint> redial_at_; ///< Set during a pause.
    std::vector<Connection> slots_;
    std::vector<Slot> free_;
    std::vector<Slot> idle_;                          ///< The last used one last.
    TimePoint nothing_due_before_ = TimePoint::max(); ///< Neither the end of an idle connection nor that of the pause.
    boost::intrusive::list<Waiter> waiters_;
    std::vector<PoolAction> actions_;
    std::size_t next_action_ = 0;
};

} // namespace passage::pool
