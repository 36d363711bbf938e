#include <passage/detail/strand.hpp>

namespace passage::detail {

bool Strand::Queue::try_begin() noexcept
{
    Link* nobody = nullptr;
    if (!top_.compare_exchange_strong(nobody, &turn_, std::memory_order_acquire, std::memory_order_relaxed))
        return false;
    begin();
    return true;
}

bool Strand::Queue::push(std::unique_ptr<Entry> entry) noexcept
{
    Link* const added = entry.release();
    Link* top = top_.load(std::memory_order_relaxed);
    do {
        added->next = top ? top : &turn_;
    } while (!top_.compare_exchange_weak(top, added, std::memory_order_acq_rel, std::memory_order_relaxed));
    return !top;
}

std::unique_ptr<Strand::Entry> Strand::Queue::pop() noexcept
{
    if (!first_) {
        // Before somebody else can begin.
        runner_.store({}, std::memory_order_relaxed);
        Link* top = &turn_;
        if (top_.compare_exchange_strong(top, nullptr, std::memory_order_release, std::memory_order_relaxed))
            return nullptr;
        begin();
        top = top_.exchange(&turn_, std::memory_order_acquire);
        while (top != &turn_) {
            Link* const before = std::exchange(top->next, first_);
            first_ = std::exchange(top, before);
        }
    }
    return std::unique_ptr<Entry>{static_cast<Entry*>(std::exchange(first_, first_->next))};
}

void Strand::Queue::abandon() noexcept
{
    while (pop()) {
    }
}

Strand::Turn::~Turn()
{
    if (queue_)
        queue_->abandon();
}

void Strand::Turn::run_waiting(std::exception_ptr thrown)
{
    const std::shared_ptr<Queue> queue = std::move(queue_);
    while (const std::unique_ptr<Entry> entry = queue->pop()) {
        try {
            entry->run();
        } catch (...) {
            if (!thrown)
                thrown = std::current_exception();
        }
    }
    if (thrown)
        std::rethrow_exception(std::move(thrown));
}

} // namespace passage::detail
