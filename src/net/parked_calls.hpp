#pragma once

#include "net/executor.hpp"
#include "net/resumable.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>

namespace passage::net {

/// A call that another call, or a connection that calls share, will wake.
class ParkedCall : public Resumable,
                   public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
{
protected:
    ~ParkedCall() = default;

private:
    friend class ParkedList;
    std::shared_ptr<ParkedCall> self_; ///< Null unless it is parked.
};

/// A list of parked calls. A wait owns it.
class ParkedList
{
public:
    ParkedList() = default;
    ParkedList(const ParkedList&) = delete;
    ParkedList& operator=(const ParkedList&) = delete;
    ~ParkedList();

    void park(std::shared_ptr<ParkedCall> call) noexcept;

    /// Removes a call from its list. Returns null if it is in none.
    static std::shared_ptr<ParkedCall> take(ParkedCall& call) noexcept;

    bool empty() const noexcept { return calls_.empty(); }

private:
    boost::intrusive::list<ParkedCall, boost::intrusive::constant_time_size<false>> calls_;
};

/// Holds calls that no socket or timer of their own will wake. Used on the strand only.
///
/// One endless wait of a timer owns them all, so that the execution context destroys them when it is destroyed. A timer
/// for each would be expensive when thousands of calls are waiting.
class ParkedCalls
{
public:
    explicit ParkedCalls(const Strand& strand) : strand_{strand}, timer_{strand.inner()} {}

    /// Owns a call until it is resumed.
    void park(std::shared_ptr<ParkedCall> call);

    /// Resumes a parked call after the current function on the strand. A no-op if it is not parked. Does not allocate.
    void resume(ParkedCall& call) noexcept;

private:
    Strand strand_;
    InnerTimer timer_;
    std::weak_ptr<ParkedList> parked_; ///< Empty if no call is parked.
};

} // namespace passage::net
