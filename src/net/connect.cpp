#include "net/connect.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace passage::net {
namespace {

constexpr std::chrono::milliseconds stagger{250};
constexpr std::size_t most_at_a_time = 6;
constexpr std::size_t most_addresses = 24;

/// The attempts to connect to all addresses. Shared with handlers, which may be pending when one attempt has won.
struct Race
{
    explicit Race(const Strand& executor) : timer{executor} {}

    Timer timer;
    std::vector<std::unique_ptr<Socket>> sockets;
    std::size_t pending = 0;
    std::optional<std::size_t> winner;
    error_code error;
};

/// Says only what this machine lacks, such as IPv6, and nothing of the server.
bool is_about_this_machine(const error_code& ec)
{
    return ec == asio::error::network_unreachable || ec == asio::error::address_family_not_supported ||
           ec == boost::system::errc::address_not_available;
}

/// Handler of an attempt. Asio destroys it without calling it if memory runs out, which also ends the attempt.
class Attempt
{
public:
    Attempt(std::shared_ptr<Race> race, std::size_t index) : race_{std::move(race)}, index_{index} { ++race_->pending; }
    Attempt(Attempt&&) noexcept = default;
    Attempt& operator=(Attempt&&) = delete;
    ~Attempt()
    {
        if (race_)
            end(make_error_code(Errc::no_memory));
    }

    void operator()(const error_code& ec) { end(ec); }

private:
    void end(const error_code& ec)
    {
        const auto race = std::move(race_);
        --race->pending;
        if (!ec && !race->winner)
            race->winner = index_;
        else if (ec && (!race->error || !is_about_this_machine(ec)))
            race->error = ec;
        race->timer.cancel();
    }

    std::shared_ptr<Race> race_; ///< Null once the attempt has ended.
    std::size_t index_;
};

error_code system_error(int number)
{
    return {number, boost::system::system_category()};
}

/// Makes a socket the owner of a descriptor, which is closed if that fails.
error_code assign(Socket& socket, const Socket::protocol_type& protocol, int descriptor)
{
    error_code ec;
    try {
        socket.assign(protocol, descriptor, ec);
    } catch (...) {
        ::close(descriptor);
        throw;
    }
    if (ec)
        ::close(descriptor);
    return ec;
}

/// As `Socket::open`, but child processes do not inherit the descriptor: it would keep the connection open.
error_code open(Socket& socket, const Socket::protocol_type& protocol)
{
    const int descriptor = ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC, protocol.protocol());
    return descriptor < 0 ? system_error(errno) : assign(socket, protocol, descriptor);
}

void start(const std::shared_ptr<Race>& race, const Endpoint& endpoint)
{
    const std::size_t index = race->sockets.size();
    race->sockets.push_back(std::make_unique<Socket>(race->timer.get_executor().inner()));
    Attempt attempt{race, index};
    if (const error_code failed = open(*race->sockets.back(), endpoint.protocol()))
        return asio::post(race->timer.get_executor(),
                          [attempt = std::move(attempt), failed]() mutable { attempt(failed); });
    race->sockets.back()->async_connect(endpoint, asio::bind_executor(race->timer.get_executor(), std::move(attempt)));
}

/// Ignores errors: not every system has all of these options.
void set_options(Socket& socket)
{
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
    socket.set_option(asio::socket_base::keep_alive{true}, ignored);
    const auto set = [&](int option, int value) {
        setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
    };
    set(TCP_KEEPIDLE, 15);
    set(TCP_KEEPINTVL, 15);
    set(TCP_KEEPCNT, 3);
    set(TCP_USER_TIMEOUT, 30'000);
}

/// Registers the socket with Asio again. Asio waited until it was writable, and would do so again with each later wait,
/// which would then wake the thread twice: the socket is nearly always writable.
error_code register_anew(Socket& socket, const Socket::protocol_type& protocol)
{
    error_code ec;
    const int descriptor = socket.release(ec);
    return ec ? ec : assign(socket, protocol, descriptor);
}

Failure connect_failure(error_code cause, bool transient = true)
{
    if (cause == Errc::no_memory)
        return out_of_memory(Stage::connect);
    Failure failure{Error{Errc::connect, "no connection could be made"}, transient};
    failure.error.stage = Stage::connect;
    failure.error.cause = cause;
    return failure;
}

/// Errors of the path of a Unix domain socket, which a retry does not mend.
constexpr std::array path_errors{ENAMETOOLONG, EACCES, EPERM, ENOTDIR, ELOOP, EPROTOTYPE, ENOTSOCK};

} // namespace

Task<expected<Socket, Failure>> connect(Addresses addresses, std::uint16_t port)
{
    if (addresses.size() > most_addresses)
        addresses.resize(most_addresses);
    const auto race = std::make_shared<Race>(co_await asio::this_coro::executor);
    std::size_t next = 0;
    bool cancelled = is_cancelled(co_await asio::this_coro::cancellation_state);
    while (!race->winner && !cancelled && (next < addresses.size() || race->pending > 0)) {
        if (next < addresses.size() && race->pending < most_at_a_time)
            start(race, {addresses[next++], port});
        race->timer.expires_after(next < addresses.size() ? Clock::duration{stagger} : Clock::duration::max());
        co_await race->timer.async_wait(as_tuple);
        cancelled = is_cancelled(co_await asio::this_coro::cancellation_state);
    }
    if (cancelled)
        race->error = asio::error::operation_aborted;

    std::optional<Socket> winner;
    if (race->winner)
        winner = std::move(*race->sockets[*race->winner]);
    for (const auto& socket : race->sockets) {
        error_code ignored;
        socket->close(ignored);
    }
    if (winner)
        race->error = register_anew(*winner, Endpoint{addresses[*race->winner], port}.protocol());
    if (!winner || race->error)
        co_return unexpected{connect_failure(race->error)};
    set_options(*winner);
    co_return std::move(*winner);
}

expected<Socket, Failure> connect_unix(const Strand& executor, const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return unexpected{connect_failure(system_error(ENAMETOOLONG), false)};
    path.copy(address.sun_path, path.size());

    Socket socket{executor.inner()};
    error_code ec = open(socket, {AF_UNIX, 0});
    if (!ec)
        socket.native_non_blocking(true, ec);
    // Without Asio, which would mistake a full queue for a connection in progress.
    if (!ec && ::connect(socket.native_handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        ec = system_error(errno);
    if (ec)
        return unexpected{connect_failure(ec, std::ranges::find(path_errors, ec.value()) == path_errors.end())};
    return socket;
}

Peer peer_of(const Socket& socket)
{
    error_code ec;
    const auto generic = socket.remote_endpoint(ec);
    Endpoint endpoint;
    if (ec || generic.size() > endpoint.capacity())
        return {};
    std::memcpy(endpoint.data(), generic.data(), generic.size());
    endpoint.resize(generic.size());
    return {endpoint.address().to_string(), endpoint.port()};
}

} // namespace passage::net
