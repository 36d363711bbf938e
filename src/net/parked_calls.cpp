#include "net/parked_calls.hpp"

#include <utility>

namespace passage::net {

ParkedCalls::Parked::~Parked()
{
    while (!list.empty()) {
        const auto call = std::move(list.front().call_);
        list.pop_front();
    }
}

void ParkedCalls::park(Entry& entry, std::shared_ptr<Resumable> call)
{
    auto parked = parked_.lock();
    if (!parked) {
        parked = std::make_shared<Parked>();
        timer_.expires_at(Clock::time_point::max());
        timer_.async_wait([parked](const error_code&) {});
        parked_ = parked;
    }
    entry.call_ = std::move(call);
    parked->list.push_back(entry);
}

void ParkedCalls::resume(Entry& entry) noexcept
{
    if (!entry.is_linked())
        return;
    auto call = std::move(entry.call_);
    entry.unlink();
    if (const auto parked = parked_.lock(); parked && parked->list.empty()) {
        parked_.reset();
        timer_.cancel();
    }
    Resumable::add(strand_, std::move(call));
}

} // namespace passage::net
