#include <passage/observer.hpp>

#include <utility>

namespace passage {
namespace {

class JoinedCall final : public CallObserver
{
public:
    explicit JoinedCall(std::vector<std::shared_ptr<CallObserver>> observers) : observers_{std::move(observers)} {}

    std::optional<TraceParent> attempt_started(const AttemptStarted& attempt) noexcept override
    {
        std::optional<TraceParent> first;
        for (const auto& observer : observers_) {
            auto place = observer->attempt_started(attempt);
            if (!first)
                first = place;
        }
        return first;
    }
    void attempt_ended(const AttemptEnded& attempt) noexcept override
    {
        for (const auto& observer : observers_)
            observer->attempt_ended(attempt);
    }
    void retrying(const Retrying& retry) noexcept override
    {
        for (const auto& observer : observers_)
            observer->retrying(retry);
    }
    void ended(const CallEnded& call) noexcept override
    {
        for (const auto& observer : observers_)
            observer->ended(call);
    }

private:
    const std::vector<std::shared_ptr<CallObserver>> observers_;
};

class JoinedObserver final : public Observer
{
public:
    explicit JoinedObserver(std::vector<std::shared_ptr<Observer>> observers) : observers_{std::move(observers)}
    {
        std::erase(observers_, nullptr);
    }

    std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept override
    try {
        std::vector<std::shared_ptr<CallObserver>> of_call;
        of_call.reserve(observers_.size());
        for (const auto& observer : observers_)
            if (auto made = observer->call_started(call))
                of_call.push_back(std::move(made));
        return of_call.empty() ? nullptr : std::make_shared<JoinedCall>(std::move(of_call));
    } catch (...) {
        return nullptr; // no memory
    }
    void connection_made(const ConnectionMade& connection) noexcept override
    {
        for (const auto& observer : observers_)
            observer->connection_made(connection);
    }
    void pool_changed(const PoolChanged& change) noexcept override
    {
        for (const auto& observer : observers_)
            observer->pool_changed(change);
    }

private:
    std::vector<std::shared_ptr<Observer>> observers_;
};

} // namespace

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

std::shared_ptr<Observer> join_observers(std::vector<std::shared_ptr<Observer>> observers)
{
    return std::make_shared<JoinedObserver>(std::move(observers));
}

} // namespace passage
