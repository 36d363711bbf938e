#pragma once

#include "http/request.hpp"
#include "http/response_parser.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/host_resolver.hpp"
#include "net/idle_timer.hpp"
#include "net/parked_calls.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "pool/pool_fsm.hpp"

#include <passage/client.hpp>
#include <passage/config.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace passage::client {

/// Names a connection, also when it is no more.
struct ConnectionId
{
    pool::Slot slot = 0;
    std::uint64_t number = 0; ///< Of all that were made, from 1 on.
};

/// The connections of a client: what the pool decides, done to sockets. Used on the strand only, but for `stats`.
///
/// Kept alive by the client's client_state and by each connection that is being made, and destroyed on the strand
/// whoever lets go of it last. What runs on the strand uses it by one of these pointers only: if there is no memory to
/// post the destruction, it can be done in place.
class Connections : public std::enable_shared_from_this<Connections>
{
public:
    /// A call that waits for a connection.
    class Pending : public pool::Waiter
    {
    public:
        /// It has `slot` now.
        virtual void lent() = 0;
        /// It is the next to have one.
        virtual void is_next() const noexcept = 0;
        /// It gets no connection.
        virtual void refused(const Failure& failure) = 0;

    protected:
        ~Pending() = default;
    };

    /// A connection lent to a call; it goes back to the pool when this goes.
    class Lease
    {
    public:
        Lease(Connections& connections, pool::Slot slot) : connections_{&connections}, slot_{slot} {}
        Lease(Lease&& other) noexcept;
        Lease& operator=(Lease&&) = delete;
        ~Lease();

        net::Connection& operator*() const { return *connections_->open_[slot_]; }
        net::Connection* operator->() const { return connections_->open_[slot_].get(); }
        ConnectionId id() const { return {slot_, connections_->numbers_[slot_]}; }

        net::Exchange exchange;

        /// How long the server keeps the connection, if it said so.
        std::optional<std::chrono::milliseconds> idle_limit;
        /// Whether others may have it after this; if it is fit for that at all.
        bool can_return = true;

    private:
        Connections* connections_;
        pool::Slot slot_;
    };

    /// Any thread.
    static std::shared_ptr<Connections> create(const net::Strand& strand, const Config& config,
                                               const http::BaseUrl& url, std::unique_ptr<net::TlsContext> tls,
                                               net::Lookup lookup);

    /// Of the client's calls and of the connections that are being made.
    net::Deadlines& deadlines() const noexcept { return *deadlines_; }

    net::ParkedCalls& parked_calls() noexcept { return parked_calls_; }

    /// Counts the calls under way. With the last one the dials end, for nobody waits for them, and an execution context
    /// must not be kept busy by them.
    void begin_call()
    {
        ++calls_;
        if (stopped_.load(std::memory_order_relaxed))
            close(); // there may have been no memory to post it
    }
    void end_call();

    /// The connection used last, of those that are idle and alive.
    std::optional<Lease> take_idle(net::Clock::time_point now);

    /// Queues a call for a connection that is not idle now; it hears later, if not at once. False if too
    /// many wait already, or after `close`.
    bool enqueue(Pending& pending);
    void cancel(Pending& pending);

    /// The connection that a call was lent, if it is alive; else the call is queued as before, in front of all others.
    std::optional<Lease> claim(Pending& pending);

    /// Closes a connection, if it is still there, on which the answer to another request came. An exchange that goes on
    /// there fails.
    void distrust(const ConnectionId& id);

    /// An answer on a connection can't be told from one to another request.
    void doubt(const ConnectionId& id);

    /// Whether the answer to the exchange of this number on a connection was its own, as far as can be told: none came
    /// after it, or one that names whom it is for.
    bool was_in_step(const ConnectionId& id, unsigned exchange) const;

    /// What a queued call waits for: a connection that is being made, which is in this stage; or one that others use.
    Stage waits_for(const Pending& pending) const { return pool_.is_dialled_for(pending) ? dial_stage_ : Stage::pool; }

    /// Why connections that there is room for can't be made; null if they can, or there is no room.
    const Failure* failure_to_connect() const { return pool_.is_failing() ? &dial_failure_ : nullptr; }

    /// Lets nothing new begin, from now on. Any thread.
    void stop() noexcept { stopped_.store(true); }

    /// After `stop`: turns away all who wait, and ends all that has a deadline.
    void close();

    /// Any thread.
    ClientStats stats() const noexcept;

private:
    struct Dial;
    using ConnectionPtr = std::shared_ptr<net::Connection>;

    Connections(const net::Strand& strand, const Config& config, const http::BaseUrl& url,
                std::unique_ptr<net::TlsContext> tls, net::Lookup lookup);
    static void destroy(Connections* last) noexcept;

    /// Null if it is no more.
    net::Connection* find(const ConnectionId& id) const;
    /// The pool hears how many places a connection has now.
    void update_places(pool::Slot slot);
    bool check_alive(pool::Slot slot);
    void start_dial(pool::Slot slot);
    void end_dial(pool::Slot slot, Dial& dial, expected<ConnectionPtr, Failure> result);
    net::Task<expected<ConnectionPtr, Failure>> connect(std::shared_ptr<Dial> dial);
    expected<ConnectionPtr, Failure> make_connection(std::unique_ptr<net::Stream> stream);
    void fail_lost_dials();
    void refuse(Pending& pending, bool stopped) noexcept;
    void run_pool_actions();
    /// Connections over HTTP/2 hear whether calls wait for a place.
    void tell_of_waiting_calls();
    void publish_stats();
    void sweep();
    void sweep_when_quiet();

    net::Strand strand_;
    const PoolOptions options_;
    const std::chrono::milliseconds connect_timeout_;
    const std::uint16_t port_;
    const http::ResponseLimits limits_;
    const HttpVersion version_;
    const Http2Options http2_options_;
    const std::shared_ptr<const http::CommonFields> common_fields_;
    const http::RequestWriter writer_;
    std::size_t expected_streams_;             ///< That the server allows on the next connection.
    bool is_multiplexed_ = false;              ///< The last connection that was made speaks HTTP/2.
    bool places_wanted_ = false;               ///< As connections were told.
    const std::shared_ptr<Observer> observer_; ///< May be none.
    std::unique_ptr<net::TlsContext> tls_;     ///< None for plain HTTP.
    net::HostResolver resolver_;
    std::shared_ptr<net::Deadlines> deadlines_;
    net::IdleTimer idle_timer_; ///< For when nothing is under way that has a deadline.
    net::ParkedCalls parked_calls_;
    pool::PoolFsm pool_;
    std::vector<ConnectionPtr> open_;                       ///< By slot.
    std::vector<std::uint64_t> numbers_;                    ///< By slot: of the connection that is or was there.
    std::vector<std::optional<std::weak_ptr<Dial>>> dials_; ///< By slot: of the connection that is being made there.
    std::size_t calls_ = 0;
    Stage dial_stage_ =
        Stage::none;       ///< Where the connection is that is being made; of several, the last to get further.
    Failure dial_failure_; ///< The last one.
    std::atomic<bool> stopped_ = false;
    std::minstd_rand random_;
    ClientStats told_; ///< To the observer.
    struct
    {
        std::atomic<std::size_t> connections, idle, peak, waiting;
        std::atomic<std::uint64_t> made;
    } stats_{};
};

} // namespace passage::client
