#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace passage::stress {

/// What a server does wrong with a request that it has read whole.
enum class Fault {
    none,
    reset,         ///< Resets the connection in place of an answer.
    half_answer,   ///< Ends the connection within the answer.
    unavailable,   ///< 503.
    broken,        ///< 500 with HTML.
    throttled,     ///< 429: not done, and says so.
    garbage,       ///< Bytes that are no response.
    closes,        ///< Answers, and says that it closes.
    closes_unsaid, ///< Answers, and closes a moment later.
    surplus,       ///< Answers, and sends another answer that nobody asked for.
};
inline constexpr std::size_t fault_count = 10;

std::string_view to_string(Fault fault);

/// The share of requests that each fault befalls; the rest is answered well.
struct FaultRates
{
    std::array<double, fault_count> rates{};

    double& operator[](Fault fault) { return rates[static_cast<std::size_t>(fault)]; }
    /// The same share for all, so much together.
    static FaultRates all(double together);
};

/// A service over TLS that knows every user by number: `get_user("7")` yields the user 7, and `create_user` with the
/// address `7@example.com` makes it. It keeps account of what it did, also of what it never answered.
///
/// Runs on a thread of its own. The account may be read once the calls are over.
class LedgerServer
{
public:
    /// For numbers below `numbers`; equal seeds give equal faults to requests that come in equal order.
    LedgerServer(std::size_t numbers, const FaultRates& rates, std::uint32_t seed);
    ~LedgerServer();

    std::string base_url() const;
    std::string ca_pem() const;

    /// Closes the listener and every connection, and listens again on the same port.
    void restart();

    /// How often a request for this number was carried out.
    unsigned done(std::size_t number) const;
    /// How many requests were hit by a fault.
    std::uint64_t count(Fault fault) const;
    std::uint64_t requests() const;
    std::uint64_t connections() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::stress
