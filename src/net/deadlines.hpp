#pragma once

#include "net/executor.hpp"

#include <boost/intrusive/list.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

namespace passage::net {

/// Why a watched object is interrupted.
enum class Interrupt { expired, shut_down };

/// Interrupts objects whose deadline has passed. Uses one timer for all, as a timer for each call would cost more than
/// decoding its JSON.
///
/// The timer runs only while something is watched, and for one period after, so that an idle client does not keep the
/// execution context from running out of work. The memory for its wait is reused, so that it works without memory. Used
/// on the strand only. Owned by a shared pointer.
class Deadlines final : private Strand::Entry, public std::enable_shared_from_this<Deadlines>
{
public:
    /// An object with a deadline. May be destroyed while it is watched.
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
        /// Called at most once for each call of `watch`.
        virtual void interrupt(Interrupt why) = 0;

        Clock::time_point deadline_ = Clock::time_point::max();
    };

    /// Calls `sweep` regularly while something is watched, until `shut_down`.
    Deadlines(const Strand& strand, std::function<void()> sweep);

    /// Watches an object, or changes the deadline of a watched one.
    void watch(Watched& watched, Clock::time_point deadline);

    /// Interrupts all watched objects, and stops the timer. `watch` interrupts its object from then on.
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
    /// When the timer expires at the latest; `max()` if it is not set.
    Clock::time_point armed_for_ = Clock::time_point::max();
    /// No deadline is earlier. Usually far off, so that most ticks need not look at all objects.
    Clock::time_point none_before_ = Clock::time_point::max();
    bool shut_down_ = false;
    List watched_;
    std::shared_ptr<Deadlines> self_; ///< Set while a tick is queued on the strand.
    /// Memory for the timer's only wait.
    alignas(std::max_align_t) std::array<std::byte, 256> memory_;
    bool memory_is_used_ = false;
};

} // namespace passage::net
