#pragma once

#include "tls_stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace passage::emulator {

class FaultPlan;
class RequestReader;
class Store;
struct Fate;
struct Request;
struct Response;

/// How long the server is patient with one connection.
struct Patience
{
    std::chrono::milliseconds idle{75'000};     ///< for the next request to begin
    std::chrono::milliseconds request{30'000};  ///< from the first byte of a request to its last
    std::chrono::milliseconds response{30'000}; ///< for the client to take the answer
};

/// What all connections of a server share.
struct Service
{
    Store& store;
    FaultPlan& faults;
    Patience patience;
    bool verbose = false;
    std::atomic<std::uint64_t> requests_served{0};
};

/// One client: handshake, then request after request until either side ends it. Lives on one
/// thread, which runs its coroutine and calls its other functions.
class Connection
{
public:
    using Clock = TlsStream::Clock;

    Connection(boost::asio::ip::tcp::socket socket, SSL_CTX* context, Service& service);

    boost::asio::awaitable<void> run();

    /// Interrupts the connection if its time is up. To be called now and then.
    void check_deadline(Clock::time_point now) { stream_.check_deadline(now); }
    /// Ends the connection after the request that is on its way, at once if there is none.
    void drain();
    void abort();

private:
    /// What follows on a request.
    enum class After {
        next_request,
        goodbye, ///< An end in good order.
        silence, ///< The stream is not to be touched any more.
    };

    boost::asio::awaitable<bool> next_request_begins();
    boost::asio::awaitable<After> serve_request();
    boost::asio::awaitable<bool> receive(RequestReader& reader);
    boost::asio::awaitable<TlsStream::ErrorCode> read_more();
    boost::asio::awaitable<bool> send(std::string_view bytes);
    boost::asio::awaitable<void> wait(std::chrono::milliseconds time);
    Response answer_to(const Request& request, const Fate& fate);
    /// If it is wanted.
    void log(const Request& request, const Response& response, Clock::time_point start);

    TlsStream stream_;
    Service& service_;
    std::string input_;               // received and not yet parsed
    boost::asio::steady_timer delay_; // before an answer that is to be late
    std::uint64_t requests_ = 0;
    bool idle_ = true; // nothing is lost if it ends now
    bool draining_ = false;
};

} // namespace passage::emulator
