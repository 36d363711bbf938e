#include "net/host_resolver.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace passage::net {
namespace {

Failure dns_failure(error_code cause, bool transient)
{
    Failure failure{Error{Errc::dns, "the host's name can't be resolved"}, transient};
    failure.error.stage = Stage::dns;
    failure.error.cause = cause;
    return failure;
}

/// Address families in turn, in the order of the system's preference (RFC 8305, section 4).
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
    if (status != 0) {
        const error_code cause = status == EAI_SYSTEM ? error_code{errno, boost::system::system_category()}
                                                      : error_code{status, asio::error::get_addrinfo_category()};
        // No answer, or this system is short of something: neither says anything about the name.
        const bool transient = status == EAI_AGAIN || status == EAI_MEMORY || status == EAI_SYSTEM;
        return unexpected{dns_failure(cause, transient)};
    }
    Addresses addresses;
    for (const addrinfo* info = found; info; info = info->ai_next) {
        Endpoint endpoint;
        if (info->ai_addrlen > endpoint.capacity())
            continue;
        std::memcpy(endpoint.data(), info->ai_addr, info->ai_addrlen);
        endpoint.resize(info->ai_addrlen);
        addresses.push_back(endpoint.address());
    }
    freeaddrinfo(found);
    if (addresses.empty())
        return unexpected{dns_failure(asio::error::no_data, false)};
    return interleave(addresses);
}

/// A look-up under way. The gate guards what the thread and the strand share, `resolver`; the rest is the strand's.
struct HostResolver::Job
{
    HostResolver* resolver; ///< None once it is gone.
    std::vector<Event*> waiting;
    std::optional<expected<Addresses, Failure>> answer;
};

HostResolver::HostResolver(const Executor& executor, std::string host, Lookup lookup)
    : executor_{executor},
      gate_{ContextGate::of(asio::query(executor, asio::execution::context))},
      host_{std::move(host)},
      lookup_{std::move(lookup)}
{
    error_code not_an_address;
    const auto address = asio::ip::make_address(host_, not_an_address);
    if (!not_an_address) {
        cache_.put_forever({address});
    } else if (host_ == "localhost") {
        // RFC 6761, section 6.3: the name is trusted, so no look-up may say what it is. IPv4 first: most local servers
        // listen there alone, and a stranger's program that listens on ::1 must not be asked in their place.
        cache_.put_forever({asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()});
    }
}

HostResolver::~HostResolver()
{
    if (job_) {
        const std::lock_guard lock{gate_->mutex};
        job_->resolver = nullptr;
    }
}

Task<expected<Addresses, Failure>> HostResolver::resolve()
{
    if (!origin_.is_here())
        co_return unexpected{Failure{Error{Errc::shut_down, "the client is another process's"}, false}};
    if (const Addresses* fresh = cache_.fresh(Clock::now()))
        co_return *fresh;

    if (!job_) {
        try {
            job_ = start();
        } catch (const std::system_error& error) { // no thread to be had
            co_return unexpected{dns_failure(error_code{error.code().value(), boost::system::system_category()}, true)};
        }
    }
    const std::shared_ptr<Job> job = job_;
    Event answered{executor_};
    job->waiting.push_back(&answered);
    co_await answered.wait();
    std::erase(job->waiting, &answered);
    co_return job->answer.value_or(Addresses{});
}

std::shared_ptr<HostResolver::Job> HostResolver::start()
{
    auto job = std::make_shared<Job>();
    job->resolver = this;
    // Detached, as nothing can interrupt a look-up: what waited for it must not have to wait for the thread.
    // It holds nothing of the execution context, which it may outlive.
    std::thread{[job, gate = gate_, host = host_, lookup = lookup_] {
        auto result = lookup(host);
        const std::lock_guard lock{gate->mutex};
        if (!gate->open || !job->resolver)
            return;
        asio::post(job->resolver->executor_, [job, result = std::move(result)]() mutable {
            if (job->resolver)
                job->resolver->finish(*job, std::move(result));
        });
    }}.detach();
    return job;
}

void HostResolver::finish(Job& job, expected<Addresses, Failure> result)
{
    const auto now = Clock::now();
    job_.reset();
    if (result)
        cache_.put(*result, now);
    else if (const Addresses* usable = cache_.usable(now))
        result = *usable;
    job.answer = std::move(result);
    for (Event* waiting : job.waiting)
        waiting->set();
}

} // namespace passage::net
