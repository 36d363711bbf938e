#pragma once

#include <passage/batch_options.hpp>
#include <passage/detail/handler.hpp>
#include <passage/detail/unstarted.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace passage::detail {

/// What says how a batch completes that yields a `T`: a completion token for `void(std::exception_ptr, T)`.
template <class Token, class T>
concept batch_token_for = !std::convertible_to<Token, const BatchOptions&> &&
                          asio::completion_token_for<std::decay_t<Token>, void(std::exception_ptr, T)>;

/// A batch that has read its arguments, and begins when it is started. It yields a `T`, or what a function of the
/// caller's has thrown.
template <class T>
class BatchOperation
{
public:
    using Ptr = std::shared_ptr<BatchOperation>;
    using Handler = detail::Handler<std::exception_ptr, T>;

    /// Starts the batch on the handler's executor, which is `executor`. Called at most once.
    virtual void start(Handler handler, asio::any_io_executor executor) = 0;

    /// What the batch yields if it is cancelled and never started.
    virtual T cancelled() = 0;

protected:
    BatchOperation() = default;
    BatchOperation(const BatchOperation&) = default;
    BatchOperation& operator=(const BatchOperation&) = default;
    ~BatchOperation() = default;
};

/// Starts a batch with the handler that a completion token makes.
template <class T>
class BatchInitiation
{
public:
    /// The default of the handler's executor.
    using executor_type = asio::any_io_executor;

    explicit BatchInitiation(executor_type executor) noexcept : executor_{std::move(executor)} {}

    executor_type get_executor() const noexcept { return executor_; }

    template <class H>
    void operator()(H&& handler, Unstarted<BatchOperation<T>> batch) const
    {
        asio::any_io_executor executor = asio::get_associated_executor(handler, executor_);
        batch->start(typename BatchOperation<T>::Handler{std::forward<H>(handler)}, std::move(executor));
    }

private:
    executor_type executor_;
};

/// Begins a batch as a completion token says. `executor` is the default of the handler's.
template <class Token, class T>
auto initiate(std::shared_ptr<BatchOperation<T>> batch, asio::any_io_executor executor, Token&& token)
{
    return asio::async_initiate<Token, void(std::exception_ptr, T)>(BatchInitiation<T>{std::move(executor)}, token,
                                                                    Unstarted<BatchOperation<T>>{std::move(batch)});
}

} // namespace passage::detail
