#include "client/connections.hpp"

#include "client/config_check.hpp"
#include "net/connect.hpp"
#include "net/http1_connection.hpp"
#include "policy/stop_reasons.hpp"
#if PASSAGE_HTTP2
#include "net/http2_connection.hpp"
#endif

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;
using net::Clock;
using net::Task;

namespace {

/// Streams of an HTTP/2 connection, until the first server has said how many it permits.
constexpr std::size_t assumed_streams = 100;

/// The expected places of the first connection.
std::size_t assumed_places(HttpVersion version, bool tls)
{
    const bool may_be_http2 = version == HttpVersion::http2 || (version == HttpVersion::automatic && tls);
    return may_be_http2 ? assumed_streams : 1;
}

} // namespace

class Connections::Stopwatch
{
public:
    /// Returns the time since the construction or the last call.
    std::chrono::microseconds lap()
    {
        const auto begin = std::exchange(last_, Clock::now());
        return std::chrono::duration_cast<std::chrono::microseconds>(last_ - begin);
    }

private:
    Clock::time_point last_ = Clock::now();
};

/// A connection that is being established.
struct Connections::Dial final : net::Deadlines::Watched
{
    void interrupt(net::Interrupt why) override
    {
        stop(why == net::Interrupt::expired ? Errc::timeout : Errc::shut_down);
    }

    void stop(Errc why)
    {
        stopped = why;
        signal.emit(asio::cancellation_type::terminal);
    }

    std::shared_ptr<net::TlsContext> tls; ///< Null for plain HTTP.
    std::size_t renewals = 0;             ///< Of the TLS settings, when it began.
    Stage stage = Stage::none;            ///< That it has reached.
    std::optional<Errc> stopped;
    ConnectionTimings timings;
    asio::cancellation_signal signal;
};

Connections::Lease::Lease(Lease&& other) noexcept
    : exchange{std::move(other.exchange)},
      idle_limit{other.idle_limit},
      can_return{other.can_return},
      connections_{std::exchange(other.connections_, nullptr)},
      slot_{other.slot_}
{}

Connections::Lease::~Lease()
{
    if (!connections_)
        return;
    net::Connection& connection = **this;
    bool is_fit = connection.end(exchange, can_return);
    if (connection.take_change())
        connections_->update_places(slot_);
    // While an execution context is destroyed, to lend the place would destroy the next call from within this one.
    is_fit = is_fit && !connections_->stopped_.load(std::memory_order_relaxed);
    if (is_fit)
        connections_->pool_.released(slot_, Clock::now(), idle_limit);
    else
        connections_->pool_.dropped(slot_);
    connections_->run_pool_actions();
}

Connections::Connections(const net::Strand& strand, const Config& config, Route route, net::Lookup lookup)
    : strand_{strand},
      options_{config.pool},
      connect_timeout_{config.timeouts.connect},
      server_host_{route.url.host},
      server_port_{route.url.port},
      limits_{response_limits(config)},
      version_{PASSAGE_HTTP2 ? config.http_version : HttpVersion::http1},
      http2_options_{config.http2},
      common_fields_{std::make_shared<http::CommonFields>(route.url.host_field(), config.api_key, config.user_agent)},
      writer_{*common_fields_},
      expected_streams_{assumed_streams},
      observer_{config.observer},
      tls_{std::move(route.tls)},
      proxy_{std::move(route.proxy)},
      unix_socket_{config.unix_socket},
      port_{(proxy_ ? proxy_->url() : route.url).port},
      resolver_{strand_, (proxy_ ? proxy_->url() : route.url).host, std::move(lookup)},
      idle_timer_{strand_},
      parked_calls_{strand_},
      pool_{{options_.max_connections, options_.max_waiting, options_.idle_timeout, config.http2.max_connections,
             assumed_places(version_, tls_ != nullptr)}},
      open_{options_.max_connections},
      numbers_(options_.max_connections),
      dials_(options_.max_connections),
      random_{std::random_device{}()}
{}

std::shared_ptr<Connections> Connections::create(const net::Strand& strand, const Config& config, Route route,
                                                 net::Lookup lookup)
{
    const std::shared_ptr<Connections> made{new Connections{strand, config, std::move(route), std::move(lookup)},
                                            &Connections::destroy};
    made->deadlines_ = std::make_shared<net::Deadlines>(strand, [weak = std::weak_ptr{made}] {
        if (const auto self = weak.lock())
            self->sweep();
    });
    return made;
}

void Connections::destroy(Connections* last) noexcept
try {
    const net::Strand strand = last->strand_;
    strand.execute([owned = std::unique_ptr<Connections>{last}] {});
} catch (const std::bad_alloc&) {
    // The function was destroyed, and `last` with it.
}

Connections::~Connections()
{
    if (!observer_)
        return;
    // An execution context that is destroyed takes connections along without a word to the pool.
    ClientStats last = told_;
    last.connections = last.connecting = last.idle_connections = last.waiting_calls = 0;
    tell_of_pool(last);
}

std::optional<Connections::Lease> Connections::take_idle(Clock::time_point now)
{
    for (;;) {
        const std::optional<pool::Slot> slot = pool_.take_place(now);
        const bool alive = slot && check_alive(*slot);
        const bool has_place = alive && !pool_.is_overdrawn(*slot);
        if (slot && !alive)
            pool_.dropped(*slot);
        else if (slot && !has_place)
            pool_.released(*slot, now);
        run_pool_actions();
        if (!slot)
            return std::nullopt;
        if (has_place)
            return std::optional<Lease>{std::in_place, *this, *slot};
    }
}

bool Connections::check_alive(pool::Slot slot)
try {
    net::Connection& connection = *open_[slot];
    const bool alive = connection.check_alive();
    if (connection.take_change())
        update_places(slot);
    return alive;
} catch (const std::bad_alloc&) {
    return false; // The caller returns the place.
}

bool Connections::enqueue(Pending& pending)
{
    const bool queued = pool_.enqueue(pending);
    run_pool_actions();
    return queued;
}

void Connections::cancel(Pending& pending)
{
    pool_.cancel(pending);
    tell_of_waiting_calls();
}

std::optional<Connections::Lease> Connections::claim(Pending& pending)
{
    const pool::Slot slot = *std::exchange(pending.slot, std::nullopt);
    // A new connection is not checked: otherwise there would be endless dials to a server that closes each at once.
    const bool alive = !open_[slot]->was_used() || check_alive(slot);
    const bool has_place = alive && !pool_.is_overdrawn(slot);
    if (!alive)
        pool_.found_dead(slot, pending);
    else if (!has_place)
        pool_.found_overdrawn(slot, Clock::now(), pending);
    run_pool_actions();
    return has_place ? std::optional<Lease>{std::in_place, *this, slot} : std::nullopt;
}

net::Connection* Connections::find(const ConnectionId& id) const
{
    return numbers_[id.slot] == id.number ? open_[id.slot].get() : nullptr;
}

void Connections::distrust(const ConnectionId& id)
{
    net::Connection* connection = find(id);
    if (!connection)
        return;
    connection->distrust();
    pool_.retire(id.slot);
    run_pool_actions();
}

void Connections::doubt(const ConnectionId& id)
{
    if (net::Connection* connection = find(id))
        connection->set_in_step(false);
}

bool Connections::was_in_step(const ConnectionId& id, unsigned exchange) const
{
    net::Connection* connection = find(id);
    return connection && connection->was_in_step(exchange);
}

void Connections::update_places(pool::Slot slot)
{
    const net::Connection& connection = *open_[slot];
    // All connections are to the same server.
    if (connection.version() == HttpVersion::http2 && connection.max_places() > 0)
        expected_streams_ = connection.max_places();
    if (connection.is_draining())
        pool_.retire(slot);
    else
        pool_.resized(slot, Clock::now(), connection.places());
}

void Connections::end_call()
{
    if (--calls_ > 0)
        return;
    cancel_dials();
    sweep_when_quiet();
}

void Connections::cancel_dials()
{
    if (pool_.dialling() == 0)
        return;
    for (const auto& weak : dials_)
        if (const auto dial = weak ? weak->lock() : nullptr)
            dial->stop(Errc::cancelled);
}

void Connections::renew_tls(std::shared_ptr<net::TlsContext> tls, std::shared_ptr<net::TlsContext> proxy_tls)
{
    if (!tls && !proxy_tls)
        return;
    tls_ = std::move(tls);
    if (proxy_)
        proxy_->renew_tls(std::move(proxy_tls));
    ++renewals_;
    cancel_dials();
    for (pool::Slot slot = 0; slot < open_.size(); ++slot)
        if (open_[slot])
            pool_.retire(slot);
    run_pool_actions();
}

void Connections::start_dial(pool::Slot slot)
try {
    const auto dial = std::make_shared<Dial>();
    dial->tls = tls_;
    dial->renewals = renewals_;
    dials_[slot] = dial;
    deadlines_->watch(*dial, Clock::now() + connect_timeout_);
    asio::co_spawn(strand_, connect(dial),
                   asio::bind_cancellation_slot(dial->signal.slot(),
                                                [this, self = shared_from_this(), dial, slot](
                                                    std::exception_ptr error, expected<ConnectionPtr, Failure> result) {
                                                    if (error) // only `std::bad_alloc` is possible
                                                        result = unexpected{out_of_memory(dial->stage)};
                                                    end_dial(slot, *dial, std::move(result));
                                                }));
} catch (const std::bad_alloc&) {
    // The pool needs to know the end of each dial.
    dials_[slot].reset();
    dial_failure_ = out_of_memory(dial_stage_);
    pool_.dial_failed(slot, Clock::now());
}

void Connections::end_dial(pool::Slot slot, Dial& dial, expected<ConnectionPtr, Failure> result)
{
    dials_[slot].reset();
    const ConnectionTimings& timings = dial.timings;
    if (observer_) {
        ConnectionMade made;
        made.server_address = server_host_;
        made.server_port = server_port_;
        made.timings = timings;
        if (!result)
            made.failure = failed_attempt(result.error().error);
        observer_->connection_made(made);
    }
    if (dial.renewals != renewals_ || (!result && dial.stopped == Errc::cancelled)) {
        pool_.dial_abandoned(slot); // and another is made, if calls wait
    } else if (result) {
        numbers_[slot] = 1 + stats_.made.fetch_add(1, std::memory_order_relaxed);
        open_[slot] = std::move(*result);
        open_[slot]->timings = timings;
        open_[slot]->want_places(places_wanted_);
        is_multiplexed_ = open_[slot]->version() == HttpVersion::http2;
        open_[slot]->on_change([this, slot] {
            update_places(slot);
            run_pool_actions();
        });
        // Random, so that connections that were established together are not replaced together.
        std::uniform_real_distribution<> spread{0.9, 1.1};
        const auto lifetime = std::chrono::duration<double, std::milli>{options_.max_lifetime} * spread(random_);
        const auto now = Clock::now();
        pool_.dialled(slot, now, now + std::chrono::duration_cast<Clock::duration>(lifetime), open_[slot]->places(),
                      is_multiplexed_);
    } else {
        dial_failure_ = std::move(result.error());
        pool_.dial_failed(slot, Clock::now());
    }
    run_pool_actions();
}

Task<expected<Connections::ConnectionPtr, Failure>> Connections::connect(std::shared_ptr<Dial> dial)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    // Until the tunnel is open, failures are the proxy's.
    bool is_at_proxy = proxy_ != nullptr;
    const auto failed = [&](Failure failure) {
        if (dial->stopped) {
            failure = policy::stopped_failure(*dial->stopped, dial->stage);
            if (dial->stopped == Errc::timeout)
                failure.error.message = "establishing the connection took too long";
            failure.transient = dial->stopped == Errc::timeout;
        }
        const Errc code = failure.error.code;
        if (is_at_proxy && (code == Errc::dns || code == Errc::connect || code == Errc::tls || code == Errc::timeout))
            proxy_->name_in(failure);
        return unexpected{std::move(failure)};
    };

    Stopwatch watch;
    expected<net::Socket, Failure> socket = co_await open_socket(*dial, watch);
    if (dial->stopped || !socket)
        co_return failed(socket ? Failure{} : std::move(socket.error()));
    net::Peer peer = unix_socket_.empty() ? net::peer_of(*socket) : net::Peer{unix_socket_, 0};
    auto stream = std::make_unique<net::Stream>(strand_, std::move(*socket));

    if (proxy_) {
        std::optional<Failure> failure = co_await proxy_->open_tunnel(*stream);
        dial->timings.proxy = watch.lap();
        if (dial->stopped || failure)
            co_return failed(std::move(failure).value_or(Failure{}));
        is_at_proxy = false;
    }

    dial_stage_ = dial->stage = Stage::tls;
    if (dial->tls) {
        stream->start_tls(dial->tls->make_ssl(Clock::now()));
        std::optional<Failure> failure = co_await stream->secure();
        dial->timings.tls = watch.lap();
        if (dial->stopped || failure)
            co_return failed(std::move(failure).value_or(Failure{}));
    }
    auto connection = make_connection(std::move(stream));
    if (connection)
        (*connection)->peer = std::move(peer);
    co_return connection;
}

/// Returns a socket that is connected to the server, or to the proxy.
Task<expected<net::Socket, Failure>> Connections::open_socket(Dial& dial, Stopwatch& watch)
{
    // In a child made by fork() a client's calls were copied with it, and would be made twice.
    if (!origin_.is_here())
        co_return unexpected{Failure{Error{Errc::shut_down, "the client is another process's"}, false}};

    if (!unix_socket_.empty()) {
        dial_stage_ = dial.stage = Stage::connect;
        expected<net::Socket, Failure> socket = net::connect_unix(strand_, unix_socket_);
        dial.timings.connect = watch.lap();
        co_return socket;
    }

    dial_stage_ = dial.stage = Stage::dns;
    expected<net::Addresses, Failure> addresses = co_await resolver_.resolve();
    dial.timings.dns = watch.lap();
    if (!addresses)
        co_return unexpected{std::move(addresses.error())};
    if (dial.stopped)
        co_return unexpected{Failure{}};

    dial_stage_ = dial.stage = Stage::connect;
    expected<net::Socket, Failure> socket = co_await net::connect(std::move(*addresses), port_);
    dial.timings.connect = watch.lap();
    if (socket)
        resolver_.trust();
    else if (dial.stopped != Errc::cancelled) // nobody waits any more, whatever the addresses are
        resolver_.suspect();
    co_return socket;
}

expected<Connections::ConnectionPtr, Failure> Connections::make_connection(std::unique_ptr<net::Stream> stream)
{
    const std::string_view chosen = stream->protocol();
    const bool http2 = tls_ ? chosen == "h2" : version_ == HttpVersion::http2;
    const bool http1 = tls_ ? chosen == "http/1.1" || chosen.empty() : version_ != HttpVersion::http2;
    if (!(http2 && version_ != HttpVersion::http1) && !(http1 && version_ != HttpVersion::http2)) {
        Failure failure{Error{Errc::tls, "the server does not speak HTTP/2"}, false};
        if (!http1)
            failure.error.message = "the server chose a protocol that was not offered (ALPN)";
        failure.error.stage = Stage::tls;
        return unexpected{std::move(failure)};
    }
#if PASSAGE_HTTP2
    if (http2)
        return net::Http2Connection::create(strand_, std::move(stream), common_fields_,
                                            {tls_ ? "https" : "http", http2_options_.stream_window,
                                             http2_options_.connection_window, limits_, expected_streams_},
                                            http2_options_, deadlines_);
#endif
    return std::make_shared<net::Http1Connection>(std::move(stream), writer_, limits_);
}

/// If there is no memory to resume a coroutine, Asio destroys it and thus the dial.
void Connections::fail_lost_dials()
{
    for (pool::Slot slot = 0; slot < dials_.size(); ++slot) {
        if (!dials_[slot] || !dials_[slot]->expired())
            continue;
        dials_[slot].reset();
        dial_failure_ = out_of_memory(dial_stage_);
        pool_.dial_failed(slot, Clock::now());
        run_pool_actions();
    }
}

void Connections::refuse(Pending& pending, bool stopped) noexcept
try {
    pending.refused(stopped ? policy::stopped_failure(Errc::shut_down, Stage::pool) : dial_failure_);
} catch (const std::bad_alloc&) {
    Failure failure = out_of_memory(Stage::pool);
    if (stopped)
        failure = Failure{Error{Errc::shut_down}, false};
    pending.refused(failure);
}

void Connections::run_pool_actions()
{
    using Kind = pool::PoolAction::Kind;
    // Nothing may begin after `stop`, in particular not while the execution context is destroyed.
    const bool stopped = stopped_.load(std::memory_order_relaxed);
    while (const pool::PoolAction* action = pool_.next_action()) {
        switch (action->kind) {
        case Kind::dial:
            if (stopped)
                pool_.dial_failed(action->slot, Clock::now());
            else
                start_dial(action->slot);
            break;
        case Kind::close:
            std::exchange(open_[action->slot], nullptr)->close();
            break;
        case Kind::fail:
            refuse(static_cast<Pending&>(*action->waiter), stopped);
            break;
        case Kind::lend:
            static_cast<Pending&>(*action->waiter).lent();
            if (const pool::Waiter* next = pool_.first_waiter())
                static_cast<const Pending&>(*next).is_next();
            break;
        }
    }
    tell_of_waiting_calls();
    publish_stats();
}

void Connections::tell_of_waiting_calls()
{
    const bool wanted = pool_.waiting() > 0;
    if (wanted == places_wanted_ || (wanted && !is_multiplexed_))
        return;
    places_wanted_ = wanted;
    for (const ConnectionPtr& connection : open_)
        if (connection)
            connection->want_places(wanted);
}

void Connections::publish_stats()
{
    constexpr auto relaxed = std::memory_order_relaxed;
    stats_.connections.store(pool_.connections(), relaxed);
    stats_.connecting.store(pool_.dialling(), relaxed);
    stats_.idle.store(pool_.idle(), relaxed);
    stats_.waiting.store(pool_.waiting(), relaxed);
    stats_.peak.store(std::max(stats_.peak.load(relaxed), pool_.connections()), relaxed);
    if (observer_)
        tell_of_pool(stats());
}

void Connections::tell_of_pool(const ClientStats& now) noexcept
{
    if (now == told_)
        return;
    PoolChanged change;
    change.server_address = server_host_;
    change.server_port = server_port_;
    change.before = std::exchange(told_, now);
    change.now = now;
    observer_->pool_changed(change);
}

void Connections::sweep()
{
    if (stopped_.load(std::memory_order_relaxed))
        return close();
    resolver_.poll();
    fail_lost_dials();
    pool_.expire(Clock::now());
    run_pool_actions();
}

void Connections::sweep_when_quiet()
try {
    if (pool_.idle() == 0 || idle_timer_.is_set_by(pool_.next_expiry()))
        return;
    idle_timer_.set(pool_.next_expiry(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->idle_timer_.expired();
            self->sweep();
            self->sweep_when_quiet();
        }
    });
} catch (const std::bad_alloc&) {
    // The end of the next call tries again, and the start of the next call expires idle connections by itself.
}

void Connections::close()
{
    pool_.close();
    run_pool_actions();
    deadlines_->shut_down();
}

ClientStats Connections::stats() const noexcept
{
    constexpr auto relaxed = std::memory_order_relaxed;
    ClientStats stats;
    stats.connections = stats_.connections.load(relaxed);
    stats.connecting = stats_.connecting.load(relaxed);
    stats.idle_connections = stats_.idle.load(relaxed);
    stats.peak_connections = stats_.peak.load(relaxed);
    stats.connections_made = stats_.made.load(relaxed);
    stats.waiting_calls = stats_.waiting.load(relaxed);
    return stats;
}

} // namespace passage::client
