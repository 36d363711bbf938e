#pragma once

#include "http/request.hpp"
#include "http/response_parser.hpp"
#include "http/url.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/host_resolver.hpp"
#include "net/idle_timer.hpp"
#include "net/origin.hpp"
#include "net/parked_calls.hpp"
#include "net/proxy.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "pool/pool_fsm.hpp"

#include <passage/client.hpp>
#include <passage/config.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace passage::client {

/// Identifies a connection, even after it was closed.
struct ConnectionId
{
    pool::Slot slot = 0;
    std::uint64_t number = 0; ///< Counts all connections of the client, from 1.
};

/// The connections of a client. Performs the actions of `pool::PoolFsm`. Used on the strand only, except for `stats`.
///
/// `ClientState` and each dial own it. The last owner to release it has it destroyed on the strand. If there is no
/// memory to post that, it is destroyed in place, which is safe because functions on the strand use it through an
/// owner.
class Connections : public std::enable_shared_from_this<Connections>
{
public:
    /// A call that waits for a connection.
    class Pending : public pool::Waiter
    {
    public:
        /// The call has a place on the connection of `slot`.
        virtual void lent() = 0;
        /// The call is the next one to get a place.
        virtual void is_next() const noexcept = 0;
        /// The call gets no place.
        virtual void refused(const Failure& failure) = 0;

    protected:
        ~Pending() = default;
    };

    /// A place on a connection. The destructor returns it to the pool.
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

        /// How long the server keeps an idle connection, if known.
        std::optional<std::chrono::milliseconds> idle_limit;
        /// Whether other calls may use the connection, if it is reusable.
        bool can_return = true;

    private:
        Connections* connections_;
        pool::Slot slot_;
    };

    /// How the server is reached.
    struct Route
    {
        http::BaseUrl url;
        std::shared_ptr<net::TlsContext> tls; ///< Null without TLS.
        std::unique_ptr<net::Proxy> proxy;    ///< Null without a proxy.
    };

    ~Connections();

    /// Thread-safe.
    static std::shared_ptr<Connections> create(const net::Strand& strand, const Config& config, Route route,
                                               net::Lookup lookup);

    /// Replaces the TLS settings. Connections made with the former ones carry no further call: those that are idle or
    /// being established are closed, and the others when their calls end.
    /// `tls` is null without TLS with the server, and `proxy_tls` without TLS with a proxy; no-op if both are.
    void renew_tls(std::shared_ptr<net::TlsContext> tls, std::shared_ptr<net::TlsContext> proxy_tls);

    /// The proxy; null without one. Thread-safe, as is its URL.
    const net::Proxy* proxy() const noexcept { return proxy_.get(); }

    /// The deadlines of calls and dials.
    net::Deadlines& deadlines() const noexcept { return *deadlines_; }

    net::ParkedCalls& parked_calls() noexcept { return parked_calls_; }

    /// Counts the calls in flight. The end of the last one stops all dials, which no call needs then, so that they do
    /// not keep an execution context from running out of work.
    void begin_call()
    {
        ++calls_;
        if (stopped_.load(std::memory_order_relaxed))
            close(); // `ClientState::close` may have had no memory to post it
    }
    void end_call();

    /// Takes a place on the connection that was used last, is alive and still has the place.
    std::optional<Lease> take_idle(net::Clock::time_point now);

    /// Queues a call, and calls one of its functions later or at once. Returns false if too many calls wait, or after
    /// `close`.
    bool enqueue(Pending& pending);
    void cancel(Pending& pending);

    /// Takes the place that a queued call was lent, if the connection is alive and still has it. Otherwise queues the
    /// call before all others.
    std::optional<Lease> claim(Pending& pending);

    /// Retires a connection on which the response to another request was received. Over HTTP/1.1 the exchange on it
    /// fails. A no-op if it was closed.
    void distrust(const ConnectionId& id);

    /// The last response on the connection may have belonged to another request. A no-op if it was closed.
    void doubt(const ConnectionId& id);

    /// See `net::Connection::was_in_step`. False if the connection was closed.
    bool was_in_step(const ConnectionId& id, unsigned exchange) const;

    /// The stage of the dial that a queued call waits for; `pool` if it waits for a place that other calls use.
    Stage waits_for(const Pending& pending) const { return pool_.is_dialled_for(pending) ? dial_stage_ : Stage::pool; }

    /// The name of the proxy if a dial at this stage waits for it; otherwise empty.
    std::string_view proxy_dialled_at(Stage stage) const noexcept
    {
        return proxy_ && (stage == Stage::dns || stage == Stage::connect) ? proxy_->name() : std::string_view{};
    }

    /// Why dials fail. Null if they do not, or if no more connections are permitted.
    const Failure* failure_to_connect() const { return pool_.is_failing() ? &dial_failure_ : nullptr; }

    /// Prevents further calls and dials. Thread-safe.
    void stop() noexcept { stopped_.store(true); }

    /// To be called after `stop`. Fails queued calls, and interrupts calls in flight and dials.
    void close();

    /// Thread-safe.
    ClientStats stats() const noexcept;

private:
    struct Dial;
    class Stopwatch;
    using ConnectionPtr = std::shared_ptr<net::Connection>;

    Connections(const net::Strand& strand, const Config& config, Route route, net::Lookup lookup);
    static void destroy(Connections* last) noexcept;

    /// Null if the connection was closed.
    net::Connection* find(const ConnectionId& id) const;
    /// Tells the pool how many places the connection has.
    void update_places(pool::Slot slot);
    bool check_alive(pool::Slot slot);
    void start_dial(pool::Slot slot);
    void end_dial(pool::Slot slot, Dial& dial, expected<ConnectionPtr, Failure> result);
    net::Task<expected<ConnectionPtr, Failure>> connect(std::shared_ptr<Dial> dial);
    net::Task<expected<net::Socket, Failure>> open_socket(Dial& dial, Stopwatch& watch);
    expected<ConnectionPtr, Failure> make_connection(std::unique_ptr<net::Stream> stream);
    void cancel_dials();
    void fail_lost_dials();
    void refuse(Pending& pending, bool stopped) noexcept;
    void run_pool_actions();
    /// Tells HTTP/2 connections whether calls wait for a place.
    void tell_of_waiting_calls();
    void publish_stats();
    void tell_of_pool(const ClientStats& now) noexcept;
    void sweep();
    void sweep_when_quiet();

    net::Strand strand_;
    const PoolOptions options_;
    const std::chrono::milliseconds connect_timeout_;
    const std::string server_host_;
    const std::uint16_t server_port_;
    const http::ResponseLimits limits_;
    const HttpVersion version_;
    const Http2Options http2_options_;
    const std::shared_ptr<const http::CommonFields> common_fields_;
    const http::RequestWriter writer_;
    std::size_t expected_streams_; ///< Assumed until the server of a new connection says how many it permits.
    bool is_multiplexed_ = false;  ///< Whether the last connection uses HTTP/2.
    bool places_wanted_ = false;   ///< The last argument of `Connection::want_places`.
    const std::shared_ptr<Observer> observer_; ///< May be null.
    std::shared_ptr<net::TlsContext> tls_;     ///< Null without TLS.
    std::size_t renewals_ = 0;                 ///< Of the TLS settings.
    const std::unique_ptr<net::Proxy> proxy_;  ///< Null without a proxy.
    const std::string unix_socket_;            ///< The path of the socket; empty for TCP.
    const std::uint16_t port_;                 ///< The port of the proxy, or of the server.
    net::HostResolver resolver_;               ///< Of the name of the proxy, or of the server.
    net::Origin origin_;
    std::shared_ptr<net::Deadlines> deadlines_;
    net::IdleTimer idle_timer_; ///< Closes idle connections while no deadline is watched.
    net::ParkedCalls parked_calls_;
    pool::PoolFsm pool_;
    std::vector<ConnectionPtr> open_;                       ///< By slot.
    std::vector<std::uint64_t> numbers_;                    ///< By slot: of the current or last connection.
    std::vector<std::optional<std::weak_ptr<Dial>>> dials_; ///< By slot.
    std::size_t calls_ = 0;
    Stage dial_stage_ = Stage::none; ///< The stage that a dial reached last.
    Failure dial_failure_;           ///< Of the last dial that failed.
    std::atomic<bool> stopped_ = false;
    std::minstd_rand random_;
    ClientStats told_; ///< What the observer was told last.
    struct
    {
        std::atomic<std::size_t> connections, connecting, idle, peak, waiting;
        std::atomic<std::uint64_t> made;
    } stats_{};
};

} // namespace passage::client
