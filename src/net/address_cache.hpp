#pragma once

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace passage::net {

using Addresses = std::vector<boost::asio::ip::address>;

/// Caches the addresses of a host. Pure: time is an argument.
class AddressCache
{
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// How long addresses are used without a lookup.
    static constexpr std::chrono::seconds fresh_for{60};
    /// How long addresses are used while lookups fail.
    static constexpr std::chrono::seconds usable_for{5 * 60};
    /// How long a lookup may take before addresses are used as if it had failed.
    static constexpr std::chrono::seconds slow_after{1};
    /// The same if none of the addresses could be reached, as the host may have moved.
    static constexpr std::chrono::seconds slow_after_suspicion{3};
    /// Minimum time between lookups if the addresses can't be reached.
    static constexpr std::chrono::seconds suspect_after{1};

    /// Stores the result of a lookup.
    void put(Addresses addresses, TimePoint now)
    {
        addresses_ = std::move(addresses);
        fresh_until_ = now + fresh_for;
        usable_until_ = now + usable_for;
        suspect_from_ = now + suspect_after;
        is_suspect_ = false;
    }

    /// Stores addresses that never expire.
    void put_forever(Addresses addresses)
    {
        addresses_ = std::move(addresses);
        fresh_until_ = usable_until_ = suspect_from_ = TimePoint::max();
    }

    /// Makes a lookup due, as none of the addresses could be reached and the host may have moved.
    void suspect() noexcept
    {
        fresh_until_ = std::min(fresh_until_, suspect_from_);
        is_suspect_ = true;
    }

    /// The addresses; null if a lookup is due.
    const Addresses* fresh(TimePoint now) const noexcept { return now < fresh_until_ ? &addresses_ : nullptr; }

    /// One of the addresses was reached.
    void trust() noexcept { is_suspect_ = false; }

    /// How long to wait for a lookup while there are addresses.
    std::chrono::seconds patience() const noexcept { return is_suspect_ ? slow_after_suspicion : slow_after; }

    /// The addresses to use if a lookup failed or is slow; null if they are too old.
    const Addresses* usable(TimePoint now) const noexcept { return now < usable_until_ ? &addresses_ : nullptr; }

private:
    Addresses addresses_;
    TimePoint fresh_until_ = TimePoint::min();
    TimePoint usable_until_ = TimePoint::min();
    TimePoint suspect_from_ = TimePoint::min();
    bool is_suspect_ = false;
};

} // namespace passage::net
