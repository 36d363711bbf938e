#pragma once

#include "model/failure.hpp"
#include "net/address_cache.hpp"
#include "net/context_lifetime.hpp"
#include "net/event.hpp"

#include <passage/expected.hpp>

#include <functional>
#include <memory>
#include <string>

namespace passage::net {

/// Looks a name up and blocks meanwhile. Called on a thread of its own.
using Lookup = std::function<expected<Addresses, Failure>(const std::string& host)>;

/// `getaddrinfo` (POSIX).
expected<Addresses, Failure> system_lookup(const std::string& host);

/// Resolves the name of one host. Does not look up addresses and the name `localhost`.
///
/// Lookups run one at a time on a detached thread, which goes on if no coroutine waits any more. `AddressCache` keeps
/// their results. Used on the strand only; may be destroyed on any thread when no `resolve` is pending.
class HostResolver
{
public:
    HostResolver(const Strand& executor, std::string host, Lookup lookup);

    /// Returns the addresses in the order of preference; any list if the coroutine was cancelled. Waits for a slow
    /// lookup only as long as `AddressCache::patience` says. Fails with `Errc::dns`, or `Errc::no_memory` if the
    /// lookup ran out of memory.
    Task<expected<Addresses, Failure>> resolve();

    /// Must be called regularly while `resolve` is pending: notices a result that there was no memory to post.
    void poll();

    /// See `AddressCache`.
    void suspect() noexcept { cache_.suspect(); }
    void trust() noexcept { cache_.trust(); }

private:
    struct Job;

    std::shared_ptr<Job> start();
    /// Stores the result of the last lookup, if it has ended.
    void take_answer();

    /// Lookup threads have a weak pointer to it: they must not keep the executor of a destroyed context.
    std::shared_ptr<const Strand> strand_;
    std::shared_ptr<ContextLifetime> lifetime_;
    std::string host_;
    Lookup lookup_;
    std::shared_ptr<Job> job_; ///< A lookup that is running, or whose result was not stored yet.
    AddressCache cache_;
};

} // namespace passage::net
