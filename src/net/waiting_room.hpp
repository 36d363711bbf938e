#pragma once

#include "net/executor.hpp"
#include "net/resumable.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>

namespace passage::net {

/// Where those wait who are woken by others, and not by a socket or a clock. Used on the strand only.
///
/// One endless wait keeps all of them, so that the execution context owns them as it owns all who wait: a timer for
/// each costs a call more than the pool does, when thousands are waiting.
class WaitingRoom
{
public:
    /// Somebody who may wait here.
    class Guest : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
    private:
        friend class WaitingRoom;
        std::shared_ptr<Resumable> who_;
    };

    explicit WaitingRoom(const Executor& strand) : strand_{strand}, timer_{strand.inner()} {}

    /// Keeps `who` until it is woken.
    void enter(Guest& guest, std::shared_ptr<Resumable> who);

    /// Resumes what waits, after the function that is running; no-op if it does not wait. Needs no memory.
    void wake(Guest& guest) noexcept;

private:
    using List = boost::intrusive::list<Guest, boost::intrusive::constant_time_size<false>>;

    /// What the endless wait owns.
    struct Guests
    {
        ~Guests();
        List list;
    };

    Executor strand_;
    InnerTimer timer_;
    std::weak_ptr<Guests> guests_; ///< None if nobody waits.
};

} // namespace passage::net
