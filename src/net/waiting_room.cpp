#include "net/waiting_room.hpp"

#include <utility>

namespace passage::net {

WaitingRoom::Guests::~Guests()
{
    while (!list.empty()) {
        const auto who = std::move(list.front().who_);
        list.pop_front();
    }
}

void WaitingRoom::enter(Guest& guest, std::shared_ptr<Resumable> who)
{
    auto guests = guests_.lock();
    if (!guests) {
        guests = std::make_shared<Guests>();
        timer_.expires_at(Clock::time_point::max());
        timer_.async_wait([guests](const error_code&) {});
        guests_ = guests;
    }
    guest.who_ = std::move(who);
    guests->list.push_back(guest);
}

void WaitingRoom::wake(Guest& guest) noexcept
{
    if (!guest.is_linked())
        return;
    auto who = std::move(guest.who_);
    guest.unlink();
    if (const auto guests = guests_.lock(); guests && guests->list.empty()) {
        guests_.reset();
        timer_.cancel();
    }
    Resumable::add(strand_, std::move(who));
}

} // namespace passage::net
