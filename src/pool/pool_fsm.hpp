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

/// Where a connection is kept, from 0 on.
using Slot = std::uint32_t;

/// A call that waits for a place on a connection. Owned by the call; must stay where it is while it is queued.
class Waiter : public boost::intrusive::list_base_hook<>
{
public:
    /// The connection on which the call was given a place; none if it was turned away, or still waits.
    std::optional<Slot> slot;
    /// Nothing but a new connection will do. Not to be changed while the call is queued.
    bool wants_new = false;
};

/// How many connections there are and how long they live.
struct PoolRules
{
    std::size_t max_connections; ///< At least 1.
    std::size_t max_waiting;
    milliseconds idle_timeout;
    std::size_t max_multiplexed = 1; ///< Most connections while they are multiplexed; at least 1.
    std::size_t assumed_places = 1;  ///< Expected of a connection before the first one was made; at least 1.
};

/// What the pool wants done.
struct PoolAction
{
    enum class Kind {
        dial,  ///< Make a connection for `slot`; then say `dialled`, `dial_failed` or `dial_abandoned`.
        lend,  ///< `waiter` has a place on the connection of `slot` now; wake it.
        fail,  ///< `waiter` gets no place, as a connection could not be made, or the pool is closed; wake it.
        close, ///< Close the connection of `slot`, which is free again.
    };
    Kind kind;
    Slot slot = 0;
    Waiter* waiter = nullptr;
};

/// Who gets a place on which connection: the connection used last first, the longest waiting call first.
///
/// A connection has one place (HTTP/1.1), or as many as the server allows (HTTP/2). It lends none any more when it is
/// retired or too old, and is closed when the last place comes back.
///
/// A call that waits is not bound to the connection that is being made for it: it takes whichever place comes free
/// first. A connection is made only if those that are being made are expected to have too few places for all who wait;
/// what is expected is what the server last allowed. While connections can't be made, one at a time is tried, and each
/// failure is that of the call that waits longest: its retries decide what follows. No call waits while a place is
/// free, or while there is room for a connection and none is being made, except during `redial_pause`.
///
/// A pure state machine: time is an argument, and what is to be done comes out of `next_action`, which is to be drained
/// after each event. No event allocates memory. Not thread-safe.
class PoolFsm
{
public:
    explicit PoolFsm(const PoolRules& rules);

    /// Lends a place on the connection used last, of those that have one: the last one that was full and had a place
    /// come back. So calls gather on few connections, and the others go idle.
    std::optional<Slot> take_place(TimePoint now);

    /// Queues a call for which there was no place; or that wants a new connection, for which the one idle longest makes
    /// room. False if too many wait already, or the pool is closed.
    bool enqueue(Waiter& waiter);

    /// A queued call gives up.
    void cancel(Waiter& waiter);

    /// Whether a queued call waits for a connection that is being made, rather than for one that others use.
    bool is_dialled_for(const Waiter& waiter) const;

    /// A connection with so many places was made. It lends none after `retire_at`, except one now if a call waits.
    void dialled(Slot slot, TimePoint now, TimePoint retire_at, std::size_t places, bool multiplexed);

    /// A connection could not be made.
    void dial_failed(Slot slot, TimePoint now);

    /// A connection is not made after all, as nobody waited for it.
    void dial_abandoned(Slot slot);

    /// The server changed how many places a connection has. If more are lent, it lends none until enough came back. If
    /// it has none at all, it is kept as long as an idle one, but not closed to make room for another, which might
    /// have none either. No-op if the connection is retired.
    void resized(Slot slot, TimePoint now, std::size_t places);

    /// A connection lends no place any more. No-op if it is retired already.
    void retire(Slot slot);

    /// A place comes back; `idle_limit` is how long the server said it keeps the connection.
    void released(Slot slot, TimePoint now, std::optional<milliseconds> idle_limit = std::nullopt);

    /// A place comes back, and the connection is retired.
    void dropped(Slot slot);

    /// As `dropped`, for a connection that the call with the place found dead before it used it: the call waits on,
    /// before all others.
    void found_dead(Slot slot, Waiter& waiter);

    /// Closes the connections that were idle too long, and ends the pause before the next dial in time.
    void expire(TimePoint now);

    /// Turns away every waiting and later call; closes what is idle now and what comes back later.
    void close();

    /// What is to be done next, if anything; until it is asked again.
    const PoolAction* next_action()
    {
        if (!to_close_.empty())
            return close_next();
        if (!waiters_.empty())
            return serve_next();
        new_.reset();
        return nullptr;
    }

    /// Those being made included.
    std::size_t connections() const noexcept { return slots_.size() - free_.size(); }
    /// Connections with no place lent.
    std::size_t idle() const noexcept { return idle_; }
    /// When the first idle connection has been so too long; a little earlier at times, and far off if there is none.
    TimePoint next_expiry() const noexcept { return idle_ == 0 ? TimePoint::max() : nothing_due_before_; }
    /// Connections being made.
    std::size_t dialling() const noexcept { return dialling_; }
    std::size_t waiting() const noexcept { return waiters_.size(); }
    /// Whether there is room for connections that can't be made.
    bool is_failing() const noexcept { return failed_dials_ > 0 && in_use() < limit(); }
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
        TimePoint idle_until; ///< While no place is lent.
        std::size_t places = 0;
        std::size_t lent = 0;
        bool is_open = false; ///< Made, and not retired.

        bool has_place() const noexcept { return lent < places; }
    };

    std::size_t in_use() const noexcept { return connections() - dialling_ - idle_; }
    std::size_t limit() const noexcept;
    void expect(std::size_t places) noexcept;
    bool are_dialled_for(std::size_t calls) const noexcept;
    bool needs_dial() const noexcept;
    const PoolAction* close_next();
    const PoolAction* serve_next();
    const PoolAction* dial_next();
    Waiter* next_to_lend_to();
    void queued(const Waiter& waiter) noexcept { takers_ += waiter.wants_new ? 0 : 1; }
    void unqueue(Waiter& waiter);
    Slot lend_place();
    void withdraw(Slot slot);
    void go_idle(Slot slot, TimePoint now, milliseconds idle_limit, bool is_wanted);
    void free_slot(Slot slot);
    const PoolAction* act(const PoolAction& action) { return &(action_ = action); }

    PoolRules rules_;
    bool closed_ = false;
    std::size_t expected_places_; ///< Of the next connection.
    bool multiplexed_;            ///< The last connection that was made is.
    std::size_t dialling_ = 0;
    std::size_t idle_ = 0;
    std::size_t failed_dials_ = 0;       ///< In a row.
    std::optional<TimePoint> redial_at_; ///< Set during a pause.
    std::vector<Connection> slots_;
    std::vector<Slot> free_;
    std::vector<Slot> with_place_;                    ///< Connections with a place to lend; the next to lend one last.
    std::optional<Slot> new_;                         ///< Just made: new to all who wait until the actions are drained.
    TimePoint nothing_due_before_ = TimePoint::max(); ///< Neither the end of an idle connection nor that of the pause.
    boost::intrusive::list<Waiter> waiters_;
    std::size_t takers_ = 0;  ///< How many of those who wait take a place on any connection.
    std::size_t to_fail_ = 0; ///< How many of those who wait longest are to be turned away.
    std::vector<Slot> to_close_;
    std::size_t next_to_close_ = 0;
    PoolAction action_{};
};

} // namespace passage::pool
