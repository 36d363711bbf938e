#pragma once

#include <passage/batch_options.hpp>
#include <passage/call_options.hpp>
#include <passage/detail/batch_operation.hpp>
#include <passage/detail/reorder_buffer.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

// The implementation of `passage::for_each`; not for use by programs.

namespace passage::detail {

template <class Awaitable>
struct AwaitedResult;
template <class T>
struct AwaitedResult<asio::awaitable<expected<T>>>
{
    using Type = expected<T>;
};

/// The result of an operation on an item.
template <class Operation, class Item>
using OperationResult = typename AwaitedResult<std::invoke_result_t<Operation&, Item&, const CallOptions&>>::Type;

/// The part of a batch that does not depend on the type of its items. It decides when items are begun, and when the
/// batch completes.
///
/// Workers are coroutines on a strand of the handler's executor. They call all functions except `start` and
/// `cancelled`. They own the batch, which owns the handler, so an execution context that is destroyed destroys all of
/// them.
class PASSAGE_EXPORT BatchCore : public BatchOperation<BatchSummary>, public std::enable_shared_from_this<BatchCore>
{
public:
    BatchCore(const BatchCore&) = delete;
    BatchCore& operator=(const BatchCore&) = delete;
    virtual ~BatchCore();

    void start(Handler handler, asio::any_io_executor executor) final;
    BatchSummary cancelled() final;

protected:
    explicit BatchCore(BatchOptions options);

    /// Returns whether an item is left that was not begun.
    virtual bool has_next() = 0;
    /// Begins items until none is left or the batch stops. Does not throw when it is cancelled.
    virtual asio::awaitable<void> work() = 0;

    /// Returns the options of the call for each item.
    const CallOptions& call_options() const noexcept { return call_options_; }
    bool is_in_order() const noexcept { return options_.in_order(); }

    /// Returns whether nothing more may be begun. The deadline applies from its time on, even if its timer has not
    /// fired.
    bool is_over();

    /// Returns whether the batch is paused because the service throttles.
    bool is_paused() const;
    /// Waits for the end of the pause.
    asio::awaitable<void> pace();

    /// Returns whether no item may be begun until earlier results are delivered.
    bool is_full(std::size_t undelivered) const;
    /// Waits until a result is delivered. Each delivered result resumes one waiting worker.
    asio::awaitable<void> wait_for_room();
    /// Resumes one worker in `wait_for_room`, after a result was delivered.
    void make_room();

    /// Returns whether the call of an item that ended with this error is repeated, after `pace`. `times` is the number
    /// of earlier repetitions.
    bool asks_again(const Error& error, unsigned times);
    /// Adds the attempts and the effect of the earlier calls of an item, which are in `before`, to the error of its
    /// last call.
    static void add_earlier(Error& error, const Error& before);
    /// Counts the result of an item. `error` is null if the item succeeded.
    void settle(Error* error);
    /// Calls `BatchOptions::on_progress`.
    void report() const;

private:
    class Running;

    const BatchOptions options_;
    CallOptions call_options_;
    std::unique_ptr<Running> running_; ///< Null until the batch is started.
};

/// Returns a batch as an awaitable.
PASSAGE_EXPORT asio::awaitable<BatchSummary> await_batch(BatchOperation<BatchSummary>::Ptr batch);

template <class Range, class Operation, class Deliver>
class BatchRun final : public BatchCore
{
public:
    BatchRun(Range range, Operation operation, Deliver deliver, BatchOptions options)
        : BatchCore{std::move(options)},
          range_{std::move(range)},
          operation_{std::move(operation)},
          deliver_{std::move(deliver)}
    {}

private:
    using Item = std::ranges::range_value_t<Range>;
    using Result = OperationResult<Operation, Item>;

    bool has_next() override
    {
        if (!next_)
            next_.emplace(std::ranges::begin(range_));
        return *next_ != std::ranges::end(range_);
    }

    asio::awaitable<void> work() override
    {
        for (;;) {
            while (is_full(begun_ - results_.next()))
                co_await wait_for_room();
            if (is_over() || !has_next())
                co_return;
            Item item = **next_;
            ++*next_;
            const std::size_t index = begun_++;
            std::optional<Result> result; // of the last call; an error includes the earlier ones
            std::optional<CallOptions> repeating;
            for (unsigned times = 0;; ++times) {
                if (is_paused())
                    co_await pace();
                if (is_over())
                    break;
                Result last = co_await operation_(item, repeating ? *repeating : call_options());
                if (!last && result)
                    add_earlier(last.error(), result->error());
                result.emplace(std::move(last));
                if (*result || !asks_again(result->error(), times))
                    break;
                repeating = call_options();
                repeating->repeats(result->error());
            }
            if (!result) {
                if (is_in_order())
                    deliver_in_order(index, std::nullopt);
                co_return;
            }
            settle(*result ? nullptr : &result->error());
            if (is_in_order())
                deliver_in_order(index, std::move(*result));
            else
                deliver_(index, std::move(*result));
            report();
        }
    }

    /// Takes the result of an item, which is absent if the item has no result.
    void deliver_in_order(std::size_t index, std::optional<Result> result)
    {
        results_.put(index, std::move(result), [this](std::size_t number, std::optional<Result>&& value) {
            make_room();
            if (value)
                deliver_(number, std::move(*value));
        });
    }

    Range range_;
    Operation operation_;
    Deliver deliver_;
    std::optional<std::ranges::iterator_t<Range>> next_; ///< Absent until the range is read.
    std::size_t begun_ = 0;
    ReorderBuffer<std::optional<Result>> results_; ///< Used only if results are delivered in order.
};

} // namespace passage::detail
