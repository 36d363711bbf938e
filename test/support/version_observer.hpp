#pragma once

#include <passage/observer.hpp>

#include <cstddef>
#include <memory>
#include <set>
#include <utility>

namespace passage::test {

/// Collects the versions of HTTP that attempts are made over.
class VersionObserver : public Observer, public std::enable_shared_from_this<VersionObserver>
{
public:
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        return std::make_shared<Call>(shared_from_this());
    }

    std::set<HttpVersion> versions;
    std::size_t attempts = 0; ///< To a port of 127.0.0.1.

private:
    class Call : public CallObserver
    {
    public:
        explicit Call(std::shared_ptr<VersionObserver> observer) : observer_{std::move(observer)} {}
        void attempt_ended(const AttemptEnded& attempt) noexcept override
        {
            if (attempt.http_version)
                observer_->versions.insert(*attempt.http_version);
            if (attempt.peer_address == "127.0.0.1" && attempt.peer_port != 0)
                ++observer_->attempts;
        }

    private:
        std::shared_ptr<VersionObserver> observer_;
    };
};

} // namespace passage::test
