#pragma once

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace passage::net {

using Addresses = std::vector<boost::asio::ip::address>;

/// For how long the addresses of a host are used. Pure: time is an argument.
class AddressCache
{
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// A look-up is spared for so long.
    static constexpr std::chrono::seconds fresh_for{60};
    /// While look-ups fail, addresses are used for so long.
    static constexpr std::chrono::seconds usable_for{5 * 60};
    /// Addresses that can't be reached are looked up anew, but not more often than this.
    static constexpr std::chrono::seconds suspect_after{1};

    /// Takes what a look-up came to.
    void put(Addresses addresses, TimePoint now)
    {
        addresses_ = std::move(addresses);
        fresh_until_ = now + fresh_for;
        usable_until_ = now + usable_for;
        suspect_from_ = now + suspect_after;
    }

    /// Takes addresses that no look-up says, and that stay.
    void put_forever(Addresses addresses)
    {
        addresses_ = std::move(addresses);
        fresh_until_ = usable_until_ = suspect_from_ = TimePoint::max();
    }

    /// None of the addresses could be reached: the host may have moved.
    void suspect() noexcept { fresh_until_ = std::min(fresh_until_, suspect_from_); }

    /// The addresses, if no look-up is due; else null.
    const Addresses* fresh(TimePoint now) const noexcept { return now < fresh_until_ ? &addresses_ : nullptr; }

    /// The addresses, if they are good enough while a look-up fails; else null.
    const Addresses* usable(TimePoint now) const noexcept { return now < usable_until_ ? &addresses_ : nullptr; }

private:
    Addresses addresses_;
    TimePoint fresh_until_ = TimePoint::min();
    TimePoint usable_until_ = TimePoint::min();
    TimePoint suspect_from_ = TimePoint::min();
};

} // namespace passage::net
