#include "net/strand.hpp"

namespace passage::net {

bool Strand::Queue::try_begin() noexcept
{
    Link* no_turn = nullptr;
    if (!top_.compare_exchange_strong(no_turn, &turn_, std::memory_order_acquire, std::memory_order_relaxed))
        return false;
    begin();
    return true;
}

bool Strand::Queue::push(Entry& entry) noexcept
{
    Link* const added = &entry;
    Link* top = top_.load(std::memory_order_relaxed);
    do {
        added->behind = top ? top : &turn_;
    } while (!top_.compare_exchange_weak(top, added, std::memory_order_acq_rel, std::memory_order_relaxed));
    return !top;
}

Strand::Entry* Strand::Queue::pop() noexcept
{
    if (!first_) {
        // Before another thread can take the turn.
        runner_.store({}, std::memory_order_relaxed);
        Link* top = &turn_;
        if (top_.compare_exchange_strong(top, nullptr, std::memory_order_release, std::memory_order_relaxed))
            return nullptr;
        begin();
        top = top_.exchange(&turn_, std::memory_order_acquire);
        while (top != &turn_) {
            Link* const before = std::exchange(top->behind, first_);
            first_ = std::exchange(top, before);
        }
    }
    return static_cast<Entry*>(std::exchange(first_, first_->behind));
}

void Strand::Queue::abandon() noexcept
{
    while (Entry* const entry = pop())
        entry->drop();
}

/// Marks that this thread is submitting a turn to the inner executor. A `Turn` that is destroyed meanwhile could not be
/// submitted, and is returned to this object; one that is destroyed later is destroyed with its execution context.
class Strand::Posting
{
public:
    explicit Posting(const Queue& queue) noexcept : queue_{queue}, outer_{std::exchange(current_, this)} {}
    ~Posting() { current_ = outer_; }
    Posting(const Posting&) = delete;
    Posting& operator=(const Posting&) = delete;

    /// Returns a queue's turn. False if this thread is not submitting it.
    static bool give_back(const Queue& queue) noexcept
    {
        if (!current_ || &current_->queue_ != &queue)
            return false;
        current_->has_turn_ = true;
        return true;
    }

    bool has_turn() const noexcept { return has_turn_; }

private:
    static inline constinit thread_local Posting* current_ = nullptr;

    const Queue& queue_;
    Posting* const outer_;
    bool has_turn_ = false;
};

void Strand::add(Entry& entry) const noexcept
{
    const Strand self = *this; // the entry may destroy this object
    if (!self.queue_->push(entry))
        return;
    try {
        self.begin_turn(true);
    } catch (...) {
        // the entry was dropped
    }
}

void Strand::enter_entry(Entry& entry) const
{
    if (queue_->is_here())
        entry.run();
    else if (queue_->try_begin())
        Turn{queue_}.run([&entry] { entry.run(); });
    else if (queue_->push(entry))
        Turn{queue_}(); // the other turn ended meanwhile
}

void Strand::begin_turn(bool never_in_this_call) const
{
    const std::shared_ptr<Queue> queue = queue_; // an entry may destroy this object
    Posting posting{*queue};
    try {
        if (never_in_this_call)
            boost::asio::require(queue->inner, boost::asio::execution::blocking.never).execute(Turn{queue});
        else
            queue->inner.execute(Turn{queue});
    } catch (...) {
        if (posting.has_turn()) {
            queue->begin();
            queue->pop()->drop();
            run_rest(queue);
        }
        throw;
    }
    if (posting.has_turn()) // the executor is shut down
        queue->abandon();
}

void Strand::run_rest(const std::shared_ptr<Queue>& queue) noexcept
{
    try {
        Turn{queue}();
    } catch (...) {
        // the exception of begin_turn is thrown instead
    }
}

Strand::Turn::~Turn()
{
    if (queue_ && !Posting::give_back(*queue_))
        queue_->abandon();
}

void Strand::Turn::run_waiting(std::exception_ptr thrown)
{
    const std::shared_ptr<Queue> queue = std::move(queue_);
    while (Entry* const entry = queue->pop()) {
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

} // namespace passage::net
