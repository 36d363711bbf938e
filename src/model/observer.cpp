#include <passage/observer.hpp>

namespace passage {

CallObserver::~CallObserver() = default;

std::optional<TraceParent> CallObserver::attempt_started(const AttemptStarted&) noexcept
{
    return std::nullopt;
}

void CallObserver::attempt_ended(const AttemptEnded&) noexcept {}
void CallObserver::retrying(const Retrying&) noexcept {}
void CallObserver::ended(const CallEnded&) noexcept {}

Observer::~Observer() = default;

std::shared_ptr<CallObserver> Observer::call_started(const CallStarted&) noexcept
{
    return nullptr;
}

void Observer::connection_made(const ConnectionMade&) noexcept {}
void Observer::pool_changed(const PoolChanged&) noexcept {}

} // namespace passage
