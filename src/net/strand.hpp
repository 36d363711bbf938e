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

/// An executor that runs functions one at a time, in FIFO order, on an inner executor.
///
/// Like `asio::strand`, with two additions. `enter` runs a function without an allocation when called on a thread of
/// the inner executor, as completion handlers of sockets and timers are. An `Entry` has its own memory, so that
/// a function on the strand can always add it.
///
/// Small enough for `any_io_executor` to store it without the heap. Does not track outstanding work: its users have an
/// operation pending, or track work themselves.
class Strand
{
public:
    /// A template, so that `any_io_executor` is not implicitly made of a strand here.
    template <std::same_as<boost::asio::any_io_executor> Inner>
    explicit Strand(Inner inner) : queue_{std::make_shared<Queue>(std::move(inner))}
    {}

    /// The executor that runs the functions.
    const boost::asio::any_io_executor& inner() const noexcept { return queue_->inner; }

private:
    struct Link
    {
        Link* behind = nullptr;
    };

public:
    /// A function in memory of its owner. Must not be moved or destroyed until it was run or dropped.
    class Entry : private Link
    {
    protected:
        Entry() = default;
        ~Entry() = default;

    private:
        friend class Strand;
        /// Called on the strand. May destroy this entry or add it again.
        virtual void run() = 0;
        /// Called instead of `run` if the execution context is being destroyed, or if memory runs out.
        virtual void drop() noexcept = 0;
    };

    /// Runs a function, inside this call if possible, unless `require(blocking.never)` returned this strand.
    /// Thread-safe. Throws `std::bad_alloc`, and does not run the function then.
    template <class Function>
    void execute(Function&& function) const
    {
        if (!never_blocks_ && queue_->is_here())
            return std::forward<Function>(function)();
        if (queue_->push(make_entry(std::forward<Function>(function))))
            begin_turn(never_blocks_);
    }

    /// Runs an entry, never inside this call. Needs no memory when called on the strand; elsewhere it drops the entry
    /// if memory for the inner executor runs out. Thread-safe.
    void add(Entry& entry) const noexcept;

    /// Runs a function, inside this call unless another thread is on the strand. Only on a thread of the inner
    /// executor.
    template <class Function>
    void enter(Function&& function) const
    {
        if (queue_->is_here())
            std::forward<Function>(function)();
        else if (queue_->try_begin())
            Turn{queue_}.run(std::forward<Function>(function));
        else if (queue_->push(make_entry(std::forward<Function>(function))))
            Turn{queue_}(); // the other turn ended meanwhile
    }

    /// As `enter`, for an entry. Does not allocate.
    void enter_entry(Entry& entry) const;

    // Requirements of boost::asio::execution::executor.

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

    /// The queued entries, and whether a thread has the turn to run them.
    class Queue
    {
    public:
        explicit Queue(boost::asio::any_io_executor executor) : inner{std::move(executor)} {}

        bool is_here() const noexcept { return runner_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
        /// Takes the turn for this thread, if no thread has it.
        bool try_begin() noexcept;
        /// Adds an entry. If no thread had the turn, returns true and the caller must have the entries run.
        bool push(Entry& entry) noexcept;
        /// Gives the turn to this thread.
        void begin() noexcept { runner_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
        /// Removes the next entry. If there is none, ends the turn and returns null.
        Entry* pop() noexcept;
        /// Drops all entries and ends the turn.
        void abandon() noexcept;

        const boost::asio::any_io_executor inner;

    private:
        std::atomic<std::thread::id> runner_;
        Link turn_; ///< The end of the list while a thread has the turn.
        /// Null if no thread has the turn; else the new entries, the last one first, and then `turn_`.
        std::atomic<Link*> top_{nullptr};
        Link* first_ = nullptr; ///< Entries that the turn has taken from `top_`, in FIFO order.
    };

    /// The right and duty to run the entries until none is left.
    class Turn
    {
    public:
        explicit Turn(std::shared_ptr<Queue> queue) noexcept : queue_{std::move(queue)} {}
        Turn(Turn&&) noexcept = default;
        ~Turn();

        /// Runs the entries, as a function that the inner executor calls.
        void operator()()
        {
            queue_->begin();
            run([] {});
        }

        /// Runs a function and then the entries. Rethrows the first exception after the last entry.
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

        std::shared_ptr<Queue> queue_; ///< Null once it runs the queued entries.
    };

    class Posting;

    /// Submits a turn to the inner executor, after this thread added the first entry. If that throws, drops this entry
    /// and rethrows. Runs the entries that other threads added meanwhile inside this call, as they rely on the turn.
    void begin_turn(bool never_in_this_call) const;
    static void run_rest(const std::shared_ptr<Queue>& queue) noexcept;

    std::shared_ptr<Queue> queue_;
    bool never_blocks_ = false;
};

} // namespace passage::net
