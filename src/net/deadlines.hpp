#pragma once

#include "net/executor.hpp"

#include <boost/intrusive/list.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

namespace passage::net {

/// Why something under way is interrupted.
enum class Interrupt { expired, shut_down };

/// Interrupts what is under way when its time is over, with one timer for all.
///
/// Timers of their own would cost each call more than its JSON does. The timer runs only while something is watched,
/// and for one period beyond: a quiet client keeps no execution context from running out of work. The memory of its
/// wait is kept, so that it goes on when there is none to be had. Used on the strand only; owned by a shared pointer.
class Deadlines final : private Strand::Entry, public std::enable_shared_from_this<Deadlines>
{
public:
    /// Something with a deadline; may be destroyed at any time.
    class Watched : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
    public:
        Watched() = default;
        Watched(const Watched&) = delete;
        Watched& operator=(const Watched&) = delete;

    protected:
        ~Watched() = default;

    private:
        friend class Deadlines;
        /// Called at most once for each deadline set.
        virtual void interrupt(Interrupt why) = 0;

        Clock::time_point deadline_ = Clock::time_point::max();
    };

    /// `sweep` is called now and then while something is watched, and never after `shut_down`.
    Deadlines(const Strand& strand, std::function<void()> sweep);

    /// Begins to watch, or changes the deadline of what is watched.
    void watch(Watched& watched, Clock::time_point deadline);

    /// Interrupts all that is watched, and what is to be watched later, and stops the timer for good.
    void shut_down();

private:
    using List = boost::intrusive::list<Watched, boost::intrusive::constant_time_size<false>>;
    class Tick;
    template <class T>
    struct Allocator;

    static void interrupt_all(List& list, Interrupt why);
    void arm_by(Clock::time_point time);
    void run() override;
    void drop() noexcept override;
    void fire();
    void interrupt_late(Clock::time_point now);

    static constexpr std::chrono::milliseconds period{100};

    Strand strand_;
    InnerTimer timer_;
    std::function<void()> sweep_;
    /// By when a tick comes; the far end of time if none does.
    Clock::time_point armed_for_ = Clock::time_point::max();
    /// No deadline is earlier; mostly far off, which spares a look at all that is watched.
    Clock::time_point none_before_ = Clock::time_point::max();
    bool shut_down_ = false;
    List watched_;
    std::shared_ptr<Deadlines> self_; ///< Null unless a tick is queued on the strand.
    /// Of the one wait that there is at a time.
    alignas(std::max_align_t) std::array<std::byte, 256> memory_;
    bool memory_is_used_ = false;
};

} // namespace passage::net
