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

/// The index of a connection, from 0.
using Slot = std::uint32_t;

/// A call that waits for a place on a connection. A member of the call. Must stay in place while it is queued.
class Waiter : public boost::intrusive::list_base_hook<>
{
public:
    /// The connection on which the call has a place. Empty while it waits, and after `fail`.
    std::optional<Slot> slot;
    /// The call needs a place on a new connection. Must not change while it is queued.
    bool wants_new = false;

private:
    friend class PoolFsm;
    std::uint64_t turn_ = 0; ///< Lower ones wait longer.
};

/// Limits of a pool.
struct PoolRules
{
    std::size_t max_connections; ///< At least 1.
    std::size_t max_waiting;
    milliseconds idle_timeout;
    /// Most connections if they are multiplexed, not counting retired ones with lent places. At least 1.
    std::size_t max_multiplexed = 1;
    std::size_t assumed_places = 1; ///< Places expected of the first connection. At least 1.
};

/// An action that the pool requests.
struct PoolAction
{
    enum class Kind {
        dial,  ///< Establish a connection for `slot`; then call `dialled`, `dial_failed` or `dial_abandoned`.
        lend,  ///< Resume `waiter`, which has a place on the connection of `slot` now.
        fail,  ///< Resume `waiter`, which gets no place: a dial failed, or the pool is closed.
        close, ///< Close the connection of `slot`, which may be used again.
    };
    Kind kind;
    Slot slot = 0;
    Waiter* waiter = nullptr;
};

/// Decides which call gets a place on which connection, and when connections are established and closed.
///
/// A connection has one place (HTTP/1.1), or as many as the server permits (HTTP/2). The connection that was used last
/// lends first, and the call that waits longest gets a place first. A retired connection, such as one that is too old,
/// lends no places, and is closed when the last place is returned.
///
/// A dial is not bound to a call: a queued call takes the first place that becomes free. The pool dials only if the
/// current dials are expected to result in too few places for all queued calls. It expects as many places as the server
/// permitted last. While dials fail, the pool dials one connection at a time, and each failure fails the call that
/// waits longest; the retries of that call cause the next dial. No call waits while there is a free place, or while a
/// dial is permitted and there is none, except during `redial_pause`.
///
/// A call that needs a new connection can't take a free place of another. When it waits longest and no dial is in
/// progress, connections in use make room for it at the limit: the calls behind it could keep all of them in use.
///
/// A pure state machine. Time is an argument. After each event the caller must perform the actions of `next_action`
/// until that returns null. No event allocates memory. Not thread-safe.
class PoolFsm
{
public:
    explicit PoolFsm(const PoolRules& rules);

    /// Lends a place on the connection that was used last, if any has one. With several places each, it is the
    /// connection that was full last. So calls share few connections, and the others become idle.
    std::optional<Slot> take_place(TimePoint now);

    /// Queues a call if there is no place, or if the call needs a new connection: at the limit the connection that was
    /// idle longest is closed for it. If none is idle when the call waits longest, the next one that becomes idle is
    /// closed, or one that has a free place is retired. Returns false if too many calls wait, or if the pool is closed.
    bool enqueue(Waiter& waiter);

    /// Removes a queued call.
    void cancel(Waiter& waiter);

    /// Whether a queued call is expected to get a place from a dial, rather than from another call.
    bool is_dialled_for(const Waiter& waiter) const;

    /// A dial succeeded. After `retire_at` the connection lends no places; if that has passed, it lends one to a queued
    /// call.
    void dialled(Slot slot, TimePoint now, TimePoint retire_at, std::size_t places, bool multiplexed);

    /// A dial failed.
    void dial_failed(Slot slot, TimePoint now);

    /// A dial was stopped because no call was waiting.
    void dial_abandoned(Slot slot);

    /// The server changed the number of places of a connection. If more are lent, it lends none until enough are
    /// returned. Without places it is kept as long as an idle connection, but not closed for a new one, which may have
    /// no places either. No-op if the connection is retired.
    void resized(Slot slot, TimePoint now, std::size_t places);

    /// The connection must lend no more places. No-op if it is retired.
    void retire(Slot slot);

    /// A place is returned. `idle_limit` is how long the server keeps the connection, if known.
    void released(Slot slot, TimePoint now, std::optional<milliseconds> idle_limit = std::nullopt);

    /// A place is returned, and the connection must lend no more places.
    void dropped(Slot slot);

    /// As `dropped`, if the connection was dead before the call could use it. Queues the call before all that have
    /// waited less.
    void found_dead(Slot slot, Waiter& waiter);

    /// Whether more places are lent than the connection has, because the server took some back.
    bool is_overdrawn(Slot slot) const noexcept { return slots_[slot].lent > slots_[slot].places; }

    /// As `released`, if the place was taken back before the call could use it. Queues the call as `found_dead` does.
    void found_overdrawn(Slot slot, TimePoint now, Waiter& waiter);

    /// Closes connections that were idle too long, and ends `redial_pause`.
    void expire(TimePoint now);

    /// Fails all queued and later calls. Closes all connections, those with lent places when these are returned.
    void close();

    /// Returns the next action, which is valid until the next call, or null.
    const PoolAction* next_action()
    {
        if (!to_close_.empty())
            return close_next();
        if (!waiters_.empty())
            return serve_next();
        new_.reset();
        return nullptr;
    }

    /// Includes dials.
    std::size_t connections() const noexcept { return slots_.size() - free_.size(); }
    /// Connections without lent places.
    std::size_t idle() const noexcept { return idle_; }
    /// When the first idle connection expires, or somewhat earlier; `TimePoint::max()` if none is idle.
    TimePoint next_expiry() const noexcept { return idle_ == 0 ? TimePoint::max() : nothing_due_before_; }
    /// Dials in progress.
    std::size_t dialling() const noexcept { return dialling_; }
    std::size_t waiting() const noexcept { return waiters_.size(); }
    /// Whether the limit permits more connections, but dials fail.
    bool is_failing() const noexcept
    {
        return failed_dials_ > 0 && in_use() < slots_.size() && in_use() - draining_ < limit();
    }
    /// The queued call that waits longest, or null.
    const Waiter* first_waiter() const noexcept { return waiters_.empty() ? nullptr : &waiters_.front(); }

    /// After this many failed dials in a row all queued calls fail, if no connection is in use. Otherwise there is no
    /// dial during `redial_pause`: the server may accept no more connections, and queued calls wait for those in use.
    static constexpr std::size_t dials_until_down = 3;
    static constexpr milliseconds redial_pause{100};

private:
    struct Connection
    {
        TimePoint retire_at;
        TimePoint idle_until; ///< Valid if no place is lent.
        std::size_t places = 0;
        std::size_t lent = 0;
        bool is_open = false; ///< Established and not retired.

        bool has_place() const noexcept { return lent < places; }
    };

    std::size_t in_use() const noexcept { return connections() - dialling_ - idle_; }
    std::size_t limit() const noexcept;
    void expect(std::size_t places) noexcept;
    bool are_dialled_for(std::size_t calls) const noexcept;
    bool needs_dial() const noexcept;
    bool has_new_place() const noexcept { return !with_place_.empty() && new_ == with_place_.back(); }
    bool first_needs_dial() const noexcept;
    const PoolAction* close_next();
    const PoolAction* serve_next();
    const PoolAction* dial_for_first();
    const PoolAction* dial_next();
    Waiter* next_to_lend_to();
    void queued(const Waiter& waiter) noexcept { takers_ += waiter.wants_new ? 0 : 1; }
    void unqueue(Waiter& waiter);
    void queue_again(Waiter& waiter);
    Slot lend_place();
    void withdraw(Slot slot);
    void go_idle(Slot slot, TimePoint now, milliseconds idle_limit, bool is_wanted);
    void free_slot(Slot slot);
    const PoolAction* act(const PoolAction& action) { return &(action_ = action); }

    PoolRules rules_;
    bool closed_ = false;
    std::size_t expected_places_; ///< Places expected of the next connection.
    bool multiplexed_;            ///< Whether the last established connection is.
    std::size_t dialling_ = 0;
    std::size_t idle_ = 0;
    std::size_t draining_ = 0;           ///< Retired, with places lent.
    std::size_t failed_dials_ = 0;       ///< In a row.
    std::optional<TimePoint> redial_at_; ///< Set during a pause.
    std::vector<Connection> slots_;
    std::vector<Slot> free_;
    std::vector<Slot> with_place_; ///< Connections with a place to lend. The last one lends next.
    std::optional<Slot> new_;      ///< The connection of the last `dialled`, until `next_action` returns null.
    TimePoint nothing_due_before_ = TimePoint::max(); ///< `expire` is a no-op before.
    boost::intrusive::list<Waiter> waiters_;
    std::uint64_t last_turn_ = 0;
    std::size_t takers_ = 0;  ///< Queued calls without `wants_new`.
    std::size_t to_fail_ = 0; ///< How many queued calls must fail, those that wait longest first.
    std::vector<Slot> to_close_;
    std::size_t next_to_close_ = 0;
    PoolAction action_{};
};

} // namespace passage::pool
