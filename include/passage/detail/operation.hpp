#pragma once

#include <passage/call_options.hpp>
#include <passage/detail/handler.hpp>
#include <passage/detail/unstarted.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace passage::detail {

/// A completion token for an operation that yields a `Result`, with the signature `void(Result)`.
template <class Token, class Result>
concept token_for =
    !std::convertible_to<Token, const CallOptions&> && asio::completion_token_for<std::decay_t<Token>, void(Result)>;

/// An operation that has read its arguments and is not started yet.
template <class Result>
class Operation
{
public:
    using Ptr = std::shared_ptr<Operation>;

    /// Starts the operation. Calls the handler with the operation itself on `executor`, which is the executor of the
    /// handler. `runs_executor` says whether this thread runs the executor. Called at most once.
    virtual void start(Handler<Ptr> handler, asio::any_io_executor executor, bool runs_executor) = 0;

    /// Returns the result. Called once, by the handler.
    virtual Result take() = 0;

    /// Cancels the operation, even if it is started afterwards. May be called from any thread, but not during `start`.
    virtual void cancel() = 0;

protected:
    Operation() = default;
    Operation(const Operation&) = default;
    Operation& operator=(const Operation&) = default;
    ~Operation() = default;
};

/// Returns the result of an operation and destroys the operation. The handler may then destroy everything that the
/// operation used.
template <class Result>
Result take_last(std::shared_ptr<Operation<Result>>&& operation)
{
    const auto last = std::move(operation);
    return last->take();
}

/// Calls a handler with the result of an operation.
template <class Result, class H>
struct ResultHandler
{
    void operator()(typename Operation<Result>::Ptr operation) &&
    {
        std::move(handler)(take_last<Result>(std::move(operation)));
    }

    H handler;
};

/// As `ResultHandler`, for a handler whose executor is not an I/O executor, such as `asio::any_completion_executor`. It
/// is called on the client's executor, and submits the handler to the executor of the handler.
template <class Result, class H>
class ForwardedHandler
{
public:
    using Executor = asio::associated_executor_t<H, asio::any_io_executor>;

    ForwardedHandler(H from, const Executor& executor)
        : handler{std::move(from)}, executor_{asio::prefer(executor, asio::execution::outstanding_work.tracked)}
    {}

    void operator()(typename Operation<Result>::Ptr operation) &&
    {
        executor_.execute([called = std::move(handler), result = take_last<Result>(std::move(operation))]() mutable {
            std::move(called)(std::move(result));
        });
    }

    H handler;

private:
    Executor executor_;
};

/// Starts an operation with the handler that a completion token makes.
template <class Result>
class Initiation
{
public:
    /// The type of the default executor of handlers.
    using executor_type = asio::any_io_executor;

    explicit Initiation(executor_type executor) noexcept : executor_{std::move(executor)} {}

    executor_type get_executor() const noexcept { return executor_; }

    template <class H>
    void operator()(H&& handler, Unstarted<Operation<Result>> operation) const
    {
        using Kept = std::decay_t<H>;
        using Ptr = typename Operation<Result>::Ptr;
        auto executor = asio::get_associated_executor(handler, executor_);
        if constexpr (std::is_convertible_v<decltype(executor), asio::any_io_executor>)
            operation->start(Handler<Ptr>{ResultHandler<Result, Kept>{std::forward<H>(handler)}}, std::move(executor),
                             false);
        else
            operation->start(Handler<Ptr>{ForwardedHandler<Result, Kept>{std::forward<H>(handler), executor}},
                             executor_, false);
    }

private:
    executor_type executor_;
};

/// Initiates an operation with a completion token. `executor` is the default executor of the handler.
template <class Token, class Result>
auto initiate(std::shared_ptr<Operation<Result>> operation, asio::any_io_executor executor, Token&& token)
{
    return asio::async_initiate<Token, void(Result)>(Initiation<Result>{std::move(executor)}, token,
                                                     Unstarted<Operation<Result>>{std::move(operation)});
}

} // namespace passage::detail

// The wrappers have the associated objects of the handlers that they wrap.

template <template <class, class> class Associator, class Result, class H, class Default>
struct boost::asio::associator<Associator, passage::detail::ResultHandler<Result, H>, Default> : Associator<H, Default>
{
    static auto get(const passage::detail::ResultHandler<Result, H>& from) noexcept
    {
        return Associator<H, Default>::get(from.handler);
    }
    static auto get(const passage::detail::ResultHandler<Result, H>& from, const Default& fallback) noexcept
    {
        return Associator<H, Default>::get(from.handler, fallback);
    }
};

template <template <class, class> class Associator, class Result, class H, class Default>
struct boost::asio::associator<Associator, passage::detail::ForwardedHandler<Result, H>, Default>
    : Associator<H, Default>
{
    static auto get(const passage::detail::ForwardedHandler<Result, H>& from) noexcept
    {
        return Associator<H, Default>::get(from.handler);
    }
    static auto get(const passage::detail::ForwardedHandler<Result, H>& from, const Default& fallback) noexcept
    {
        return Associator<H, Default>::get(from.handler, fallback);
    }
};
