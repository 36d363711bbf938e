#include "connection_watch.hpp"

namespace passage::ctl {

/// A call's attempts; the watch outlives the calls of its client.
class ConnectionWatch::Attempts : public CallObserver
{
public:
    explicit Attempts(ConnectionWatch& watch) : watch_{watch} {}

    void attempt_ended(const AttemptEnded& attempt) noexcept override
    {
        if (!attempt.http_version)
            return;
        watch_.http_version_ = attempt.http_version;
        watch_.peer_ = attempt.peer_address;
        if (attempt.peer_port != 0)
            watch_.peer_ += ':' + std::to_string(attempt.peer_port);
    }

private:
    ConnectionWatch& watch_;
};

std::shared_ptr<CallObserver> ConnectionWatch::call_started(const CallStarted&) noexcept
{
    return std::make_shared<Attempts>(*this);
}

} // namespace passage::ctl
