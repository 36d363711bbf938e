#pragma once

#include "net/executor.hpp"

#include <memory>
#include <utility>

namespace passage::net {

/// What goes on when a wait is over. It is kept alive by the wait, and so owned by the execution context: one that is
/// destroyed destroys what waits.
///
/// It waits for one thing at a time, so one place on the strand is enough, and is part of it: no memory is needed to
/// end a wait.
class Resumable : private Strand::Entry
{
public:
    /// Ends a wait, from a thread of the context; on the strand, in this call if that can be. `ec` is
    /// `operation_aborted` if the wait was cancelled.
    static void enter(const Strand& strand, std::shared_ptr<Resumable> who, const error_code& ec)
    {
        strand.enter_entry(queued(std::move(who), ec));
    }

    /// Ends a wait, from a function on the strand, after which it resumes.
    static void add(const Strand& strand, std::shared_ptr<Resumable> who) noexcept
    {
        strand.add(queued(std::move(who), {}));
    }

protected:
    ~Resumable() = default;

private:
    virtual void resume(const error_code& ec) = 0;

    static Resumable& queued(std::shared_ptr<Resumable> who, const error_code& ec) noexcept
    {
        Resumable& self = *who;
        self.ec_ = ec;
        self.self_ = std::move(who);
        return self;
    }

    void run() final
    {
        const auto self = std::move(self_);
        const error_code ec = ec_;
        resume(ec);
    }
    void drop() noexcept final { const auto self = std::move(self_); }

    error_code ec_;
    std::shared_ptr<Resumable> self_; ///< Null unless it is queued on the strand.
};

} // namespace passage::net
