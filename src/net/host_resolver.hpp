#pragma once

#include "model/failure.hpp"
#include "net/address_cache.hpp"
#include "net/context_lifetime.hpp"
#include "net/event.hpp"
#include "net/origin.hpp"

#include <passage/expected.hpp>

#include <functional>
#include <memory>
#include <string>

namespace passage::net {

/// Looks a name up and blocks for as long as it takes; called on a thread of its own.
using Lookup = std::function<expected<Addresses, Failure>(const std::string& host)>;

/// `getaddrinfo` (POSIX).
expected<Addresses, Failure> system_lookup(const std::string& host);

/// The addresses of one host. An address, and the name `localhost`, are never looked up.
///
/// Look-ups run on a thread, one at a time, and are left to themselves when nobody waits any more. `AddressCache` says
/// how long their results are used. Used on the strand only; destroyed on any thread when no `resolve` is under way.
class HostResolver
{
public:
    HostResolver(const Strand& executor, std::string host, Lookup lookup);

    /// The addresses, in the order of preference; an empty list if the coroutine was cancelled. `Errc::shut_down` in a
    /// child made by fork(): a client's calls were copied with it, and would be made twice.
    Task<expected<Addresses, Failure>> resolve();

    /// To be called now and then while `resolve` is under way: takes in an answer that there was no memory to post.
    void poll();

    /// None of the addresses could be reached.
    void suspect() noexcept { cache_.suspect(); }

private:
    struct Job;

    std::shared_ptr<Job> start();
    /// Takes in what the last look-up came to, if it has ended.
    void take_answer();

    /// A look-up's thread has a weak pointer to it: it must not keep the executor of a context that is gone.
    std::shared_ptr<const Strand> strand_;
    std::shared_ptr<ContextLifetime> lifetime_;
    Origin origin_;
    std::string host_;
    Lookup lookup_;
    std::shared_ptr<Job> job_; ///< The look-up under way, or one whose answer was not taken in yet.
    AddressCache cache_;
};

} // namespace passage::net
