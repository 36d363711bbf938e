#include "net/parked_calls.hpp"

#include <utility>

namespace passage::net {

ParkedList::~ParkedList()
{
    while (!calls_.empty())
        take(calls_.front());
}

void ParkedList::park(std::shared_ptr<ParkedCall> call) noexcept
{
    ParkedCall& parking = *call;
    parking.self_ = std::move(call);
    calls_.push_back(parking);
}

std::shared_ptr<ParkedCall> ParkedList::take(ParkedCall& call) noexcept
{
    if (call.is_linked())
        call.unlink();
    return std::move(call.self_);
}

void ParkedCalls::park(std::shared_ptr<ParkedCall> call)
{
    auto parked = parked_.lock();
    if (!parked) {
        parked = std::make_shared<ParkedList>();
        timer_.expires_at(Clock::time_point::max());
        timer_.async_wait([parked](const error_code&) {});
        parked_ = parked;
    }
    parked->park(std::move(call));
}

void ParkedCalls::resume(ParkedCall& call) noexcept
{
    auto self = ParkedList::take(call);
    if (!self)
        return;
    if (const auto parked = parked_.lock(); parked && parked->empty()) {
        parked_.reset();
        timer_.cancel();
    }
    Resumable::add(strand_, std::move(self));
}

} // namespace passage::net
