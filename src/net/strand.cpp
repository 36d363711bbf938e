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

bool Strand::Queue::push(Entry& entry) noexcept
{
    Link* const added = &entry;
    Link* top = top_.load(std::memory_order_relaxed);
    do {
        added->next_link = top ? top : &turn_;
    } while (!top_.compare_exchange_weak(top, added, std::memory_order_acq_rel, std::memory_order_relaxed));
    return !top;
}

Strand::Entry* Strand::Queue::pop() noexcept
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
            Link* const before = std::exchange(top->next_link, first_);
            first_ = std::exchange(top, before);
        }
    }
    return static_cast<Entry*>(std::exchange(first_, first_->next_link));
}

void Strand::Queue::abandon() noexcept
{
    while (Entry* const entry = pop())
        entry->drop();
}

/// While one lives, its thread hands a turn to the inner executor. It gets back a turn that is destroyed meanwhile, as
/// there was no memory for it; one that is destroyed later goes with its execution context.
class Strand::Posting
{
public:
    explicit Posting(const Queue& queue) noexcept : queue_{queue}, outer_{std::exchange(current_, this)} {}
    ~Posting() { current_ = outer_; }
    Posting(const Posting&) = delete;
    Posting& operator=(const Posting&) = delete;

    /// Gives a queue's turn back. False if this thread is not handing it over.
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
    const Strand self = *this; // which the entry may destroy
    if (!self.queue_->push(entry))
        return;
    Posting posting{*self.queue_};
    try {
        self.post_turn(posting);
    } catch (...) {
        if (posting.has_turn())
            Turn{self.queue_}.run_here();
    }
}

void Strand::enter(Entry& entry) const
{
    if (queue_->is_here())
        entry.run();
    else if (queue_->try_begin())
        Turn{queue_}.run([&entry] { entry.run(); });
    else if (queue_->push(entry))
        Turn{queue_}(); // the others have left meanwhile
}

void Strand::begin_turn() const
{
    Posting posting{*queue_};
    try {
        post_turn(posting);
    } catch (...) {
        if (posting.has_turn()) {
            queue_->begin();
            queue_->pop()->drop();
            Turn{queue_}.run_here(); // what other threads have added meanwhile
        }
        throw;
    }
}

void Strand::post_turn(Posting& posting) const
{
    {
        Turn turn{queue_};
        if (never_blocks_)
            boost::asio::require(queue_->inner, boost::asio::execution::blocking.never).execute(std::move(turn));
        else
            queue_->inner.execute(std::move(turn));
    }
    if (posting.has_turn()) // the executor takes nothing any more
        queue_->abandon();
}

Strand::Turn::~Turn()
{
    if (queue_ && !Posting::give_back(*queue_))
        queue_->abandon();
}

void Strand::Turn::run_here() noexcept
{
    try {
        (*this)();
    } catch (...) {
    }
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

} // namespace passage::detail
