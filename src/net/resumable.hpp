#pragma once

#include "net/executor.hpp"

#include <memory>
#include <utility>

namespace passage::net {

/// Something that is resumed at the end of a wait. The wait owns it, so that the execution context destroys it when it
/// is destroyed.
///
/// It has one wait at a time. It is its own entry of the strand, so that ending a wait needs no memory.
class Resumable : private Strand::Entry
{
public:
    /// Resumes `waiter` on the strand, inside this call if possible. Only on a thread of the inner executor. `ec` is
    /// `operation_aborted` if the wait was cancelled.
    static void enter(const Strand& strand, std::shared_ptr<Resumable> waiter, const error_code& ec)
    {
        strand.enter_entry(queued(std::move(waiter), ec));
    }

    /// Resumes `waiter` after the current function on the strand.
    static void add(const Strand& strand, std::shared_ptr<Resumable> waiter) noexcept
    {
        strand.add(queued(std::move(waiter), {}));
    }

protected:
    ~Resumable() = default;

private:
    virtual void resume(const error_code& ec) = 0;

    static Resumable& queued(std::shared_ptr<Resumable> waiter, const error_code& ec) noexcept
    {
        Resumable& self = *waiter;
        self.ec_ = ec;
        self.self_ = std::move(waiter);
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
    std::shared_ptr<Resumable> self_; ///< Set while it is queued on the strand.
};

} // namespace passage::net
