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

// How `passage::for_each` does its work; not for use.

namespace passage::detail {

template <class Awaitable>
struct AwaitedResult;
template <class T>
struct AwaitedResult<asio::awaitable<expected<T>>>
{
    using Type = expected<T>;
};

/// What an operation on an item yields.
template <class Operation, class Item>
using OperationResult = typename AwaitedResult<std::invoke_result_t<Operation&, Item&, const CallOptions&>>::Type;

/// The part of a batch that does not depend on its items: when something is begun, and when all ends.
///
/// Workers, which are coroutines on a strand of the handler's executor, call all functions but `start` and `cancelled`.
/// They own the batch, which owns the handler: a context that is destroyed takes all of them along.
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

    /// Whether an item is left to be begun.
    virtual bool has_next() = 0;
    /// Begins items until there is none, or the batch stopped. Cancelling it throws nothing.
    virtual asio::awaitable<void> work() = 0;

    /// The settings of each item's call.
    const CallOptions& call_options() const noexcept { return call_options_; }
    bool is_in_order() const noexcept { return options_.in_order(); }

    /// Whether nothing more may be begun. The deadline holds from its time on, not from when its timer fires.
    bool is_over();

    /// Whether the service throttles, so that nothing may be begun yet.
    bool is_paused() const;
    /// Returns when the pause is over.
    asio::awaitable<void> pace();

    /// Whether no item may be begun before the results of those before it are delivered.
    bool is_full(std::size_t undelivered) const;
    /// Returns to one of those who wait when a result was delivered.
    asio::awaitable<void> wait_for_room();
    /// Says that a result is delivered.
    void make_room();

    /// Whether an item whose call ended with an error is to be asked for again, after `pace`.
    bool asks_again(const Error& error, unsigned times);
    /// Adds to the error of an item that was asked for again what `before` tells of the earlier calls.
    static void add_earlier(Error& error, const Error& before);
    /// Counts an item's result. `error` is null if it is none.
    void settle(Error* error);
    /// Tells `BatchOptions::on_progress`.
    void report() const;

private:
    class Running;

    const BatchOptions options_;
    CallOptions call_options_;
    std::unique_ptr<Running> running_; ///< Null until it is started.
};

/// A batch as an awaitable.
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
            std::optional<Result> result; // of the last call; an error tells of those before it too
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

    /// Takes the result of an item; absent if there will be none.
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
    std::optional<std::ranges::iterator_t<Range>> next_; ///< Absent before the first item.
    std::size_t begun_ = 0;
    ReorderBuffer<std::optional<Result>> results_; ///< Unused unless they are to be in order.
};

} // namespace passage::detail
