#include <passage/detail/strand.hpp>

namespace passage::detail {

Strand::Queue::~Queue()
{
    abandon();
}

bool Strand::Queue::try_begin()
{
    const std::lock_guard lock{mutex_};
    if (taken_)
        return false;
    taken_ = true;
    begin();
    return true;
}

bool Strand::Queue::push(std::unique_ptr<Entry> entry)
{
    const std::lock_guard lock{mutex_};
    Entry* const added = entry.get();
    (last_ ? last_->next : first_) = std::move(entry);
    last_ = added;
    return !std::exchange(taken_, true);
}

std::unique_ptr<Strand::Entry> Strand::Queue::pop() noexcept
{
    const std::lock_guard lock{mutex_};
    std::unique_ptr<Entry> entry = std::move(first_);
    if (!entry) {
        // Before somebody else can begin.
        runner_.store({}, std::memory_order_relaxed);
        taken_ = false;
        return entry;
    }
    first_ = std::move(entry->next);
    if (!first_)
        last_ = nullptr;
    return entry;
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
