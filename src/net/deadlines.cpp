#include "net/deadlines.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace passage::net {

/// Allocates the timer's wait in the memory kept for it, or on the heap if it does not fit.
template <class T>
struct Deadlines::Allocator
{
    using value_type = T;

    explicit Allocator(Deadlines& owner) noexcept : deadlines{&owner} {}
    template <class U>
    Allocator(const Allocator<U>& other) noexcept : deadlines{other.deadlines}
    {}

    T* allocate(std::size_t count)
    {
        if (count * sizeof(T) > deadlines->memory_.size() || std::exchange(deadlines->memory_is_used_, true))
            return static_cast<T*>(::operator new(count * sizeof(T)));
        return static_cast<T*>(static_cast<void*>(deadlines->memory_.data()));
    }
    void deallocate(T* memory, std::size_t) noexcept
    {
        if (static_cast<void*>(memory) == deadlines->memory_.data())
            deadlines->memory_is_used_ = false;
        else
            ::operator delete(memory);
    }
    template <class U>
    bool operator==(const Allocator<U>& other) const noexcept
    {
        return deadlines == other.deadlines;
    }

    Deadlines* deadlines;
};

/// Handler of the timer's wait: enters the strand, whether the timer expired or was cancelled.
class Deadlines::Tick
{
public:
    explicit Tick(std::shared_ptr<Deadlines> deadlines) : allocator_{*deadlines}, deadlines_{std::move(deadlines)} {}

    using allocator_type = Allocator<void>;
    allocator_type get_allocator() const noexcept { return allocator_; } // valid even after a move

    void operator()(const error_code&)
    {
        Deadlines& self = *deadlines_;
        self.self_ = std::move(deadlines_);
        self.strand_.enter_entry(self);
    }

private:
    allocator_type allocator_;
    std::shared_ptr<Deadlines> deadlines_;
};

Deadlines::Deadlines(const Strand& strand, std::function<void()> sweep)
    : strand_{strand}, timer_{strand.inner()}, sweep_{std::move(sweep)}
{}

void Deadlines::watch(Watched& watched, Clock::time_point deadline)
{
    if (shut_down_) {
        watched.interrupt(Interrupt::shut_down);
        return;
    }
    watched.deadline_ = deadline;
    none_before_ = std::min(none_before_, deadline);
    if (!watched.is_linked())
        watched_.push_back(watched);
    if (deadline < armed_for_)
        arm_by(armed_for_ == Clock::time_point::max() ? std::min(deadline, Clock::now() + period) : deadline);
}

void Deadlines::shut_down()
{
    shut_down_ = true;
    timer_.cancel();
    interrupt_all(watched_, Interrupt::shut_down);
}

void Deadlines::interrupt_all(List& list, Interrupt why)
{
    while (!list.empty()) {
        Watched& watched = list.front();
        watched.unlink();
        watched.interrupt(why);
    }
}

void Deadlines::arm_by(Clock::time_point time)
{
    if (armed_for_ == Clock::time_point::max()) {
        timer_.expires_at(time);
        timer_.async_wait(Tick{shared_from_this()});
    } else {
        timer_.cancel(); // the tick sets it again
    }
    armed_for_ = time;
}

void Deadlines::run()
{
    const auto self = std::move(self_);
    armed_for_ = Clock::time_point::max();
    if (!shut_down_)
        fire();
}

void Deadlines::drop() noexcept
{
    const auto self = std::move(self_);
}

void Deadlines::fire()
{
    const auto now = Clock::now();
    if (none_before_ <= now)
        interrupt_late(now);
    sweep_();
    const auto next = std::min(none_before_, now + period);
    if (!shut_down_ && !watched_.empty() && next < armed_for_)
        arm_by(next);
}

void Deadlines::interrupt_late(Clock::time_point now)
{
    // Collected first, as an interruption may watch, or destroy, other objects.
    List late;
    none_before_ = Clock::time_point::max();
    for (auto at = watched_.begin(); at != watched_.end();) {
        Watched& watched = *at++;
        if (watched.deadline_ <= now) {
            watched.unlink();
            late.push_back(watched);
        } else {
            none_before_ = std::min(none_before_, watched.deadline_);
        }
    }
    interrupt_all(late, Interrupt::expired);
}

} // namespace passage::net
