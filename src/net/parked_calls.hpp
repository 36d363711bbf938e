#pragma once

#include "net/executor.hpp"
#include "net/resumable.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>

namespace passage::net {

/// Holds calls that another call, not a socket or a timer, will wake. Used on the strand only.
///
/// One wait without end keeps all of them, so that the execution context owns them as it owns everything that waits: a
/// timer for each would cost a call more than the pool does when thousands are waiting.
class ParkedCalls
{
public:
    /// A call's place here.
    class Entry : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
    private:
        friend class ParkedCalls;
        std::shared_ptr<Resumable> call_;
    };

    explicit ParkedCalls(const Strand& strand) : strand_{strand}, timer_{strand.inner()} {}

    /// Keeps a call until it is resumed.
    void park(Entry& entry, std::shared_ptr<Resumable> call);

    /// Resumes a parked call, after the function that is running; a no-op if the call is not parked. Allocates nothing.
    void resume(Entry& entry) noexcept;

private:
    using List = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;

    /// What the wait owns.
    struct Parked
    {
        ~Parked();
        List list;
    };

    Strand strand_;
    InnerTimer timer_;
    std::weak_ptr<Parked> parked_; ///< Empty if no call is parked.
};

} // namespace passage::net
