#include "server.hpp"

#include "socket_file.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

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

constexpr unsigned char protocols[] = "\x02h2\x08http/1.1"; // in order of preference
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

/// Requires a certificate from each client.
void demand_certificate(SSL_CTX* context, const std::filesystem::path& authority)
{
    ERR_clear_error();
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(authority.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, authority.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        throw std::runtime_error("the CA certificate of clients, " + authority.string() +
                                 ", cannot be used: check its name and permissions; it must be PEM");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // OpenSSL requires a name to resume sessions with verified clients.
    constexpr unsigned char name[] = "passage-emulator";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
}

/// Returns null without credentials.
Context make_context(const std::optional<Credentials>& credentials, Service& service)
{
    if (!credentials) {
        return nullptr;
    }
    const Identity& identity = credentials->identity;
    Context context(SSL_CTX_new(TLS_server_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(context.get(), identity.certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), identity.key.get()) != 1) {
        throw std::runtime_error("OpenSSL cannot serve with the certificate made");
    }
    if (!credentials->client_authority.empty()) {
        demand_certificate(context.get(), credentials->client_authority);
    }
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, &service);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return context;
}

/// Rethrows out of the thread, which ends the program: only a lack of memory or a bug gets here.
void rethrow(std::exception_ptr failure)
{
    if (failure) {
        std::rethrow_exception(failure);
    }
}

/// Blocks signals for the threads that are started meanwhile. The program handles signals, and a write of OpenSSL to a
/// closed connection must not raise SIGPIPE.
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

/// One thread and its connections. When it runs, other threads may only call serve() and drain().
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

    void serve(ByteStream::Socket socket) { asio::co_spawn(io_, run(std::move(socket)), rethrow); }

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
    /// Counts a connection during its lifetime.
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

    asio::awaitable<void> run(ByteStream::Socket socket)
    {
        Connection connection(std::move(socket), context_, service_);
        const Entry entry(*this, connection);
        if (draining_) {
            co_return;
        }
        co_await connection.run();
    }

    /// Checks deadlines. Returns, which ends the thread, when the server is stopping and the last connection is gone.
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
    SSL_CTX* context_; // null without TLS
    ServerCounters& counters_;
    std::list<Connection*> connections_;
    std::chrono::milliseconds sweep_period_{};
    Clock::time_point drain_until_;
    bool draining_ = false;
    asio::io_context io_{1};
    asio::steady_timer sweep_timer_;
    std::thread thread_;
};

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

/// Acceptors on the same port, which is 0 for a Unix domain socket.
struct Acceptors
{
    std::vector<Acceptor> all;
    std::uint16_t port = 0;

    void add(tcp::acceptor acceptor)
    {
        port = acceptor.local_endpoint().port();
        all.emplace_back(std::move(acceptor));
    }
};

/// Keeps child processes from inheriting a descriptor: they would keep its port or connection.
void close_on_exec(int descriptor)
{
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

tcp::acceptor listen(asio::io_context& io, const tcp::endpoint& endpoint)
{
    tcp::acceptor acceptor(io);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(asio::socket_base::max_listen_connections);
    return acceptor;
}

/// Listens on both addresses of `localhost`, on the same port: some clients try only one of them. IPv6 may be missing.
Acceptors listen_on_localhost(asio::io_context& io, std::uint16_t port)
{
    constexpr int max_attempts = 16;
    for (int attempt = 1;; ++attempt) {
        Acceptors acceptors;
        acceptors.add(listen(io, {asio::ip::address_v4::loopback(), port}));
        try {
            acceptors.add(listen(io, {asio::ip::address_v6::loopback(), acceptors.port}));
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
        acceptors.add(listen(io, {asio::ip::make_address(address), port}));
        return acceptors;
    } catch (const boost::system::system_error& failure) {
        std::string advice = "give another address or port";
        if (failure.code() == asio::error::address_in_use) {
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

std::string url_host(const Place& place)
{
    constexpr const char* localhost = "localhost";
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(place.address, error);
    if (!place.unix_socket.empty() || error || address.is_unspecified() ||
        address == asio::ip::address_v4::loopback() || address == asio::ip::address_v6::loopback()) {
        return localhost;
    }
    return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

class Server::Impl
{
public:
    Impl(Service& service, const std::optional<Credentials>& credentials, const Place& place, unsigned threads)
        : context_(make_context(credentials, service))
    {
        for (unsigned i = 0; i < std::max(1U, threads); ++i) {
            workers_.push_back(std::make_unique<Worker>(service, context_.get(), counters_));
        }
        asio::io_context& io = workers_.front()->io();
        if (place.unix_socket.empty()) {
            acceptors_ = listen_on(io, place.address, place.port);
        } else {
            SocketFile::Acceptor acceptor(io);
            socket_file_.emplace(acceptor, place.unix_socket, place.unix_socket_mode);
            acceptors_.all.emplace_back(std::move(acceptor));
        }
        for (Acceptor& acceptor : acceptors_.all) {
            close_on_exec(acceptor.native_handle());
            asio::co_spawn(io, accept(acceptor), rethrow);
        }
        const BlockedSignals blocked;
        for (const auto& worker : workers_) {
            worker->start();
        }
    }

    void stop()
    {
        std::call_once(stopped_, [this] {
            socket_file_.reset();
            asio::post(workers_.front()->io(), [this] {
                for (Acceptor& acceptor : acceptors_.all) {
                    acceptor.close();
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

    std::uint16_t port() const { return acceptors_.port; }
    const ServerCounters& counters() const { return counters_; }

private:
    asio::awaitable<void> accept(Acceptor& acceptor)
    {
        asio::steady_timer pause(workers_.front()->io());
        while (acceptor.is_open()) {
            Worker& worker = *workers_[next_worker_++ % workers_.size()];
            auto [error, socket] = co_await acceptor.async_accept(worker.io(), asio::as_tuple(asio::use_awaitable));
            if (error == asio::error::operation_aborted) {
                co_return;
            }
            if (error) {
                // Probably there is no free descriptor. Wait until some are closed.
                pause.expires_after(accept_pause);
                co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
                continue;
            }
            close_on_exec(socket.native_handle());
            ++counters_.connections_accepted;
            const std::uint64_t open = ++counters_.connections_open;
            if (open > counters_.most_connections_open) {
                counters_.most_connections_open = open;
            }
            if (open > max_connections) {
                --counters_.connections_open;
                continue;
            }
            socket.set_option(tcp::no_delay(true), error); // fails for a Unix domain socket
            worker.serve(std::move(socket));
        }
    }

    ServerCounters counters_;
    Context context_;
    std::vector<std::unique_ptr<Worker>> workers_;
    Acceptors acceptors_; // run by the first worker
    std::optional<SocketFile> socket_file_;
    std::size_t next_worker_ = 0;
    std::once_flag stopped_;
};

Server::Server(Service& service, const std::optional<Credentials>& credentials, const Place& place, unsigned threads)
    : impl_(std::make_unique<Impl>(service, credentials, place, threads))
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
