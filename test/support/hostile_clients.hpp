#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace passage::test {

/// What a client does that has no key and means no good.
enum class Attack {
    empty_lines,      ///< Sends empty lines without end.
    header,           ///< Sends a header without end.
    after_the_end,    ///< Goes on to send after it was refused.
    requests,         ///< Sends requests without end, and reads no answer.
    body,             ///< Announces a body and sends it, again and again.
    key_updates,      ///< Sends nothing but TLS 1.3's KeyUpdate.
    trickle,          ///< Sends a request byte by byte.
    silence,          ///< Connects and says nothing.
    broken_handshake, ///< Sends what is no TLS.
    broken_request,   ///< Sends half a request and resets the connection.
};
constexpr std::size_t attack_count = 10;
constexpr std::array<const char*, attack_count> attack_names{
    "empty lines", "header",  "after the end", "requests",         "body",
    "key updates", "trickle", "silence",       "broken handshake", "broken request"};

/// Clients on a thread of their own that connect to a server on the loopback interface and attack it, again whenever
/// they are cut off, until this is destroyed.
class HostileClients
{
public:
    explicit HostileClients(std::uint16_t port);
    HostileClients(const HostileClients&) = delete;
    HostileClients& operator=(const HostileClients&) = delete;
    ~HostileClients();

    void add(Attack attack, std::size_t count = 1);

    /// How often something was sent, or a connection was made that says nothing. Any thread.
    std::uint64_t steps(Attack attack) const { return steps_[static_cast<std::size_t>(attack)]; }

private:
    boost::asio::awaitable<void> run(Attack attack);
    boost::asio::awaitable<void> attack_once(Attack attack);

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::ssl::context tls_;
    std::uint16_t port_;
    std::array<std::atomic<std::uint64_t>, attack_count> steps_{};
    std::thread thread_;
};

} // namespace passage::test
