#include "net/host_resolver.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <new>
#include <system_error>
#include <thread>

namespace passage::net {
namespace {

Failure dns_failure(error_code cause, bool transient)
{
    Failure failure{Error{Errc::dns, "the host's name can't be resolved"}, transient};
    failure.error.stage = Stage::dns;
    failure.error.cause = cause;
    return failure;
}

/// The error that Asio's own resolver reports for a status of `getaddrinfo`.
error_code resolver_error(int status)
{
    switch (status) {
    case EAI_SYSTEM:
        return {errno, boost::system::system_category()};
    case EAI_AGAIN:
        return asio::error::host_not_found_try_again;
    case EAI_FAIL:
        return asio::error::no_recovery;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return asio::error::host_not_found;
    default:
        return {status, asio::error::get_addrinfo_category()};
    }
}

/// Alternates address families, beginning with the system's first choice (RFC 8305, section 4).
Addresses interleave(const Addresses& sorted)
{
    Addresses first, second;
    for (const auto& address : sorted)
        (address.is_v6() == sorted.front().is_v6() ? first : second).push_back(address);
    Addresses result;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size())
            result.push_back(first[i]);
        if (i < second.size())
            result.push_back(second[i]);
    }
    return result;
}

} // namespace

expected<Addresses, Failure> system_lookup(const std::string& host)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (status == EAI_MEMORY || (status == EAI_SYSTEM && errno == ENOMEM))
        return unexpected{out_of_memory(Stage::dns)};
    if (status != 0) {
        const error_code cause = resolver_error(status);
        // The name server did not answer, or the system lacks a resource: the name may exist.
        const bool transient = status == EAI_AGAIN || status == EAI_SYSTEM;
        return unexpected{dns_failure(cause, transient)};
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{found, &freeaddrinfo};
    Addresses addresses;
    for (const addrinfo* info = found; info; info = info->ai_next) {
        Endpoint endpoint;
        if (info->ai_addrlen > endpoint.capacity())
            continue;
        std::memcpy(endpoint.data(), info->ai_addr, info->ai_addrlen);
        endpoint.resize(info->ai_addrlen);
        addresses.push_back(endpoint.address());
    }
    if (addresses.empty())
        return unexpected{dns_failure(asio::error::no_data, false)};
    return interleave(addresses);
}

/// A lookup, shared by its thread and the strand.
struct HostResolver::Job
{
    struct Waiting : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
        explicit Waiting(const Strand& executor) : answered{executor} {}
        Event answered;
    };

    void wake()
    {
        for (Waiting& one : waiting)
            one.answered.set();
    }

    /// Used by the thread until it sets `has_answer`, and by the strand after that.
    expected<Addresses, Failure> answer = unexpected{out_of_memory(Stage::dns)};
    const Clock::time_point begun_at = Clock::now();
    Clock::time_point answered_at;
    std::atomic<bool> has_answer = false;
    boost::intrusive::list<Waiting, boost::intrusive::constant_time_size<false>> waiting; ///< Used by the strand.
};

HostResolver::HostResolver(const Strand& executor, std::string host, Lookup lookup)
    : strand_{std::make_shared<const Strand>(executor)},
      lifetime_{ContextLifetime::of(asio::query(executor, asio::execution::context))},
      host_{std::move(host)},
      lookup_{std::move(lookup)}
{
    error_code not_an_address;
    const auto address = asio::ip::make_address(host_, not_an_address);
    if (!not_an_address) {
        cache_.put_forever({address});
    } else if (host_ == "localhost") {
        // The name is trusted, so no lookup may redirect it (RFC 6761, section 6.3). IPv4 first: most local servers
        // listen only there, and another user's program may listen on ::1.
        cache_.put_forever({asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()});
    }
}

Task<expected<Addresses, Failure>> HostResolver::resolve()
{
    take_answer();
    if (const Addresses* fresh = cache_.fresh(Clock::now()))
        co_return *fresh;

    if (!job_) {
        try {
            job_ = start();
        } catch (const std::system_error& error) { // no thread available
            co_return unexpected{dns_failure(error_code{error.code().value(), boost::system::system_category()}, true)};
        }
    }
    const std::shared_ptr<Job> job = job_;
    Job::Waiting waiting{*strand_};
    job->waiting.push_back(waiting);
    // A name server that is down seldom says so.
    const auto slow_at = std::max(Clock::now(), job->begun_at + cache_.patience());
    if (cache_.usable(slow_at))
        waiting.answered.give_up_at(slow_at);
    co_await waiting.answered.wait();
    take_answer();
    if (!job->has_answer.load(std::memory_order_acquire)) {
        const Addresses* const usable = cache_.usable(slow_at);
        co_return usable ? *usable : Addresses{};
    }
    // Copies the parts: tl::expected ends the program if its copy throws.
    if (!job->answer)
        co_return unexpected{Failure{job->answer.error()}};
    co_return Addresses{*job->answer};
}

std::shared_ptr<HostResolver::Job> HostResolver::start()
{
    auto job = std::make_shared<Job>();
    // Detached, as a lookup can't be interrupted, and destroying the client must not wait for it. May outlive the
    // execution context, so it locks the context's lifetime to post.
    std::thread{[job, lifetime = lifetime_, weak = std::weak_ptr{strand_}, host = host_, lookup = lookup_] {
        try {
            job->answer = lookup(host);
        } catch (const std::bad_alloc&) {
            // the initial answer says so
        }
        job->answered_at = Clock::now();
        job->has_answer.store(true, std::memory_order_release);
        const std::lock_guard lock{lifetime->mutex};
        if (!lifetime->open)
            return;
        try {
            if (const auto strand = weak.lock())
                asio::post(*strand, [job] { job->wake(); });
        } catch (const std::bad_alloc&) {
            // the next poll notices the answer
        }
    }}.detach();
    return job;
}

void HostResolver::poll()
{
    if (job_ && job_->has_answer.load(std::memory_order_acquire))
        job_->wake();
}

void HostResolver::take_answer()
{
    if (!job_ || !job_->has_answer.load(std::memory_order_acquire))
        return;
    const std::shared_ptr<Job> job = std::move(job_);
    if (job->answer)
        cache_.put(*job->answer, job->answered_at);
    else if (const Addresses* usable = cache_.usable(Clock::now()))
        job->answer = Addresses{*usable};
}

} // namespace passage::net
