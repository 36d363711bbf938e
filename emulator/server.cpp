#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace passage::emulator {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds longest_sweep{250};
constexpr std::chrono::seconds drain_time{5};
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::uint64_t max_connections = 16'384;

using Clock = Connection::Clock;

struct ContextFree
{
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;

constexpr unsigned char protocols[] = "\x02h2\x08http/1.1"; // in the order of preference
constexpr std::size_t protocols_size = sizeof protocols - 1;
constexpr std::size_t http2_size = 3;

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void* service)
{
    const std::size_t begin = static_cast<const Service*>(service)->http2 ? 0 : http2_size;
    unsigned char* name = nullptr;
    const int outcome = SSL_select_next_proto(&name, size, protocols + begin,
                                              static_cast<unsigned>(protocols_size - begin), offered, offered_size);
    *chosen = name;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Context make_context(const Identity& identity, Service& service)
{
    Context context(SSL_CTX_new(TLS_server_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(context.get(), identity.certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), identity.key.get()) != 1) {
        throw std::runtime_error("OpenSSL cannot serve with the certificate made");
    }
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, &service);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return context;
}

/// A failure of memory or of the program itself: better seen than survived.
void rethrow(std::exception_ptr failure)
{
    if (failure) {
        std::rethrow_exception(failure);
    }
}

/// Signals belong to the program around the server; and OpenSSL's writes to a client that has left
/// must not raise SIGPIPE. Threads inherit what is blocked where they are started.
class BlockedSignals
{
public:
    BlockedSignals()
    {
        sigset_t all;
        sigfillset(&all);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
            sigdelset(&all, fault);
        }
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

/// One thread with the connections that live on it. Once it runs, others may call serve() and drain() only.
class Worker
{
public:
    Worker(Service& service, SSL_CTX* context, ServerCounters& counters)
        : service_(service), context_(context), counters_(counters), sweep_timer_(io_)
    {
        const Patience& patience = service.patience;
        const auto shortest = std::min({patience.idle, patience.request, patience.response});
        sweep_period_ = std::clamp(shortest / 4, std::chrono::milliseconds{1}, longest_sweep);
        asio::co_spawn(io_, sweep(), rethrow);
    }

    asio::io_context& io() { return io_; }

    void start()
    {
        thread_ = std::thread([this] { io_.run(); });
    }
    void join() { thread_.join(); }

    void serve(tcp::socket socket) { asio::co_spawn(io_, run(std::move(socket)), rethrow); }

    void drain()
    {
        asio::post(io_, [this] {
            drain_until_ = Clock::now() + drain_time;
            draining_ = true;
            for (Connection* connection : connections_) {
                connection->drain();
            }
            sweep_timer_.cancel();
        });
    }

private:
    /// Counts a connection for as long as it is there, however it ends.
    class Entry
    {
    public:
        Entry(Worker& worker, Connection& connection)
            : worker_(worker), place_(worker.connections_.insert(worker.connections_.end(), &connection))
        {}
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry()
        {
            worker_.connections_.erase(place_);
            --worker_.counters_.connections_open;
            if (worker_.draining_) {
                worker_.sweep_timer_.cancel();
            }
        }

    private:
        Worker& worker_;
        std::list<Connection*>::iterator place_;
    };

    asio::awaitable<void> run(tcp::socket socket)
    {
        Connection connection(std::move(socket), context_, service_);
        const Entry entry(*this, connection);
        if (draining_) {
            co_return;
        }
        co_await connection.run();
    }

    /// Looks after deadlines, and lets the thread end once the last connection of a server that
    /// stops is gone.
    asio::awaitable<void> sweep()
    {
        while (!draining_ || !connections_.empty()) {
            sweep_timer_.expires_after(sweep_period_);
            co_await sweep_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
            const auto now = Clock::now();
            for (Connection* connection : connections_) {
                connection->check_deadline(now);
                if (draining_ && now >= drain_until_) {
                    connection->abort();
                }
            }
        }
    }

    Service& service_;
    SSL_CTX* context_;
    ServerCounters& counters_;
    std::list<Connection*> connections_;
    std::chrono::milliseconds sweep_period_{};
    Clock::time_point drain_until_;
    bool draining_ = false;
    asio::io_context io_{1};
    asio::steady_timer sweep_timer_;
    std::thread thread_;
};

using Acceptors = std::vector<std::unique_ptr<tcp::acceptor>>;

std::unique_ptr<tcp::acceptor> listen(asio::io_context& io, const tcp::endpoint& endpoint)
{
    auto acceptor = std::make_unique<tcp::acceptor>(io);
    acceptor->open(endpoint.protocol());
    acceptor->set_option(asio::socket_base::reuse_address(true));
    acceptor->bind(endpoint);
    acceptor->listen(asio::socket_base::max_listen_connections);
    return acceptor;
}

/// Both addresses that the name may stand for, on one port: clients differ in which they try first,
/// and not all try the other. A machine may have but the first.
Acceptors listen_on_localhost(asio::io_context& io, std::uint16_t port)
{
    constexpr int max_attempts = 16;
    for (int attempt = 1;; ++attempt) {
        Acceptors acceptors;
        acceptors.push_back(listen(io, {asio::ip::address_v4::loopback(), port}));
        const std::uint16_t shared = acceptors.front()->local_endpoint().port();
        try {
            acceptors.push_back(listen(io, {asio::ip::address_v6::loopback(), shared}));
            return acceptors;
        } catch (const boost::system::system_error& failure) {
            if (failure.code() != asio::error::address_in_use) {
                return acceptors;
            }
            if (port != 0 || attempt == max_attempts) {
                throw;
            }
        }
    }
}

Acceptors listen_on(asio::io_context& io, const std::string& address, std::uint16_t port)
{
    try {
        if (address == "localhost") {
            return listen_on_localhost(io, port);
        }
        Acceptors acceptors;
        acceptors.push_back(listen(io, {asio::ip::make_address(address), port}));
        return acceptors;
    } catch (const boost::system::system_error& failure) {
        std::string advice = "give another address or port";
        if (failure.code() == asio::error::invalid_argument) {
            advice = "the address must be localhost or an IP address";
        } else if (failure.code() == asio::error::address_in_use) {
            advice = "another program has this port; end it, or give another one (0 takes any that "
                     "is free)";
        } else if (failure.code() == asio::error::access_denied) {
            advice = "ports below 1024 need privileges; give another one";
        }
        throw std::runtime_error("cannot listen on " + address + " port " + std::to_string(port) + ": " + advice +
                                 " (" + failure.code().message() + ")");
    }
}

} // namespace

class Server::Impl
{
public:
    Impl(Service& service, const Identity& identity, const std::string& address, std::uint16_t port, unsigned threads)
        : context_(make_context(identity, service))
    {
        for (unsigned i = 0; i < std::max(1U, threads); ++i) {
            workers_.push_back(std::make_unique<Worker>(service, context_.get(), counters_));
        }
        asio::io_context& io = workers_.front()->io();
        acceptors_ = listen_on(io, address, port);
        port_ = acceptors_.front()->local_endpoint().port();
        for (const auto& acceptor : acceptors_) {
            asio::co_spawn(io, accept(*acceptor), rethrow);
        }
        const BlockedSignals blocked;
        for (const auto& worker : workers_) {
            worker->start();
        }
    }

    void stop()
    {
        std::call_once(stopped_, [this] {
            asio::post(workers_.front()->io(), [this] {
                for (const auto& acceptor : acceptors_) {
                    acceptor->close();
                }
            });
            for (const auto& worker : workers_) {
                worker->drain();
            }
            for (const auto& worker : workers_) {
                worker->join();
            }
        });
    }

    std::uint16_t port() const { return port_; }
    const ServerCounters& counters() const { return counters_; }

private:
    asio::awaitable<void> accept(tcp::acceptor& acceptor)
    {
        asio::steady_timer pause(workers_.front()->io());
        while (acceptor.is_open()) {
            Worker& worker = *workers_[next_worker_++ % workers_.size()];
            auto [error, socket] = co_await acceptor.async_accept(worker.io(), asio::as_tuple(asio::use_awaitable));
            if (error == asio::error::operation_aborted) {
                co_return;
            }
            if (error) {
                // Out of descriptors, most likely: some must be closed first.
                pause.expires_after(accept_pause);
                co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
                continue;
            }
            ++counters_.connections_accepted;
            const std::uint64_t open = ++counters_.connections_open;
            if (open > counters_.most_connections_open) {
                counters_.most_connections_open = open;
            }
            if (open > max_connections) {
                --counters_.connections_open;
                continue;
            }
            socket.set_option(tcp::no_delay(true), error);
            worker.serve(std::move(socket));
        }
    }

    ServerCounters counters_;
    Context context_;
    std::vector<std::unique_ptr<Worker>> workers_;
    Acceptors acceptors_; // run by the first worker
    std::size_t next_worker_ = 0;
    std::uint16_t port_ = 0;
    std::once_flag stopped_;
};

Server::Server(Service& service, const Identity& identity, const std::string& address, std::uint16_t port,
               unsigned threads)
    : impl_(std::make_unique<Impl>(service, identity, address, port, threads))
{}

Server::~Server()
{
    stop();
}

void Server::stop()
{
    impl_->stop();
}

std::uint16_t Server::port() const
{
    return impl_->port();
}

const ServerCounters& Server::counters() const
{
    return impl_->counters();
}

} // namespace passage::emulator
