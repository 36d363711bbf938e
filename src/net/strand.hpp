#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <atomic>
#include <concepts>
#include <exception>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

namespace passage::net {

/// An executor that runs functions one at a time, in the order in which they came, on another executor.
///
/// As `asio::strand` does, with two additions. `enter` runs a function without an allocation if the caller is on the
/// other executor's thread, as all completion handlers of sockets and timers are. An `Entry` is a function that brings
/// its own memory, so that it can be added when there is none.
///
/// Small enough for `any_io_executor` to hold it without the heap. It tracks no outstanding work: who waits here waits
/// for an operation, which is work itself, or keeps the context running by himself.
class Strand
{
public:
    /// A template, so that a strand itself is not tried as what `any_io_executor` is made of.
    template <std::same_as<boost::asio::any_io_executor> Inner>
    explicit Strand(Inner inner) : queue_{std::make_shared<Queue>(std::move(inner))}
    {}

    /// What the functions run on.
    const boost::asio::any_io_executor& inner() const noexcept { return queue_->inner; }

private:
    struct Link
    {
        Link* behind = nullptr;
    };

public:
    /// A function that waits, in memory of its owner's; stays in place until it was run or dropped.
    class Entry : private Link
    {
    protected:
        Entry() = default;
        ~Entry() = default;

    private:
        friend class Strand;
        /// Called on the strand, which no longer refers to this entry.
        virtual void run() = 0;
        /// Called in place of `run` if the execution context is being destroyed, or there is no memory to run it.
        virtual void drop() noexcept = 0;
    };

    /// Runs a function, in this call if that can be; never in it if this strand is one that `require(blocking.never)`
    /// returned. Any thread. Throws `std::bad_alloc`; then the function was not run.
    template <class Function>
    void execute(Function&& function) const
    {
        if (!never_blocks_ && queue_->is_here())
            return std::forward<Function>(function)();
        if (queue_->push(make_entry(std::forward<Function>(function))))
            begin_turn(never_blocks_);
    }

    /// Runs an entry after the function that is running. Called on the strand it needs no memory; elsewhere the entry
    /// is dropped if there is none to have the other executor run it. Any thread.
    void add(Entry& entry) const noexcept;

    /// Runs a function, in this call unless others are on the strand. Only for a thread that runs the inner executor.
    template <class Function>
    void enter(Function&& function) const
    {
        if (queue_->is_here())
            std::forward<Function>(function)();
        else if (queue_->try_begin())
            Turn{queue_}.run(std::forward<Function>(function));
        else if (queue_->push(make_entry(std::forward<Function>(function))))
            Turn{queue_}(); // the others have left meanwhile
    }

    /// Runs an entry, in this call unless others are on the strand; allocates nothing. Only for a thread that runs the
    /// inner executor.
    void enter_entry(Entry& entry) const;

    // What makes this an executor of Asio's (boost::asio::execution::executor).

    friend bool operator==(const Strand& left, const Strand& right) noexcept
    {
        return left.queue_ == right.queue_ && left.never_blocks_ == right.never_blocks_;
    }
    boost::asio::execution_context& query(boost::asio::execution::context_t what) const noexcept
    {
        return boost::asio::query(queue_->inner, what);
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept
    {
        return never_blocks_ ? boost::asio::execution::blocking_t{boost::asio::execution::blocking.never}
                             : boost::asio::execution::blocking_t{boost::asio::execution::blocking.possibly};
    }
    Strand require(boost::asio::execution::blocking_t::never_t) const
    {
        Strand other = *this;
        other.never_blocks_ = true;
        return other;
    }
    Strand require(boost::asio::execution::blocking_t::possibly_t) const
    {
        Strand other = *this;
        other.never_blocks_ = false;
        return other;
    }

private:
    template <class Function>
    static Entry& make_entry(Function&& function)
    {
        struct EntryOf final : Entry
        {
            explicit EntryOf(Function&& from) : of{std::forward<Function>(from)} {}
            void run() override
            {
                const std::unique_ptr<EntryOf> self{this};
                std::move(of)();
            }
            void drop() noexcept override { delete this; }
            std::decay_t<Function> of;
        };
        return *new EntryOf{std::forward<Function>(function)};
    }

    /// Who waits, and whether somebody has the turn.
    class Queue
    {
    public:
        explicit Queue(boost::asio::any_io_executor executor) : inner{std::move(executor)} {}

        bool is_here() const noexcept { return runner_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
        /// Takes the turn for this thread, if nobody has it.
        bool try_begin() noexcept;
        /// Adds an entry. True if nobody had the turn: it is the caller's to have somebody run the entries.
        bool push(Entry& entry) noexcept;
        /// The turn is this thread's.
        void begin() noexcept { runner_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
        /// The next entry; if there is none, none, and the turn is over.
        Entry* pop() noexcept;
        /// Ends a turn that does not come, and drops the entries.
        void abandon() noexcept;

        const boost::asio::any_io_executor inner;

    private:
        std::atomic<std::thread::id> runner_;
        Link turn_; ///< Stands for the turn itself.
        /// None if nobody has the turn; else who came, the last first, then `turn_`.
        std::atomic<Link*> top_{nullptr};
        Link* first_ = nullptr; ///< Whom the turn has taken from there, in the order in which they came.
    };

    /// A turn: what was added is run until nothing is left.
    class Turn
    {
    public:
        explicit Turn(std::shared_ptr<Queue> queue) noexcept : queue_{std::move(queue)} {}
        Turn(Turn&&) noexcept = default;
        ~Turn();

        /// As a function of the inner executor.
        void operator()()
        {
            queue_->begin();
            run([] {});
        }

        /// With a function that comes before those that wait. What is thrown first comes out when all have run.
        template <class Function>
        void run(Function&& function)
        {
            std::exception_ptr thrown;
            try {
                std::forward<Function>(function)();
            } catch (...) {
                thrown = std::current_exception();
            }
            run_waiting(std::move(thrown));
        }

    private:
        void run_waiting(std::exception_ptr thrown);

        std::shared_ptr<Queue> queue_; ///< None once the turn is over.
    };

    class Posting;

    /// Has the inner executor run the entries, the first of which this thread has added. If there is no memory for
    /// that, drops this one entry and throws. What other threads have added meanwhile is run in this call: they were
    /// not told.
    void begin_turn(bool never_in_this_call) const;
    static void run_rest(const std::shared_ptr<Queue>& queue) noexcept;

    std::shared_ptr<Queue> queue_;
    bool never_blocks_ = false;
};

} // namespace passage::net
