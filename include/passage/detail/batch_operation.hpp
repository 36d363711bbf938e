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

/// A completion token for a batch that yields a `T`, with the signature `void(std::exception_ptr, T)`.
template <class Token, class T>
concept batch_token_for = !std::convertible_to<Token, const BatchOptions&> &&
                          asio::completion_token_for<std::decay_t<Token>, void(std::exception_ptr, T)>;

/// A batch that has read its arguments and is not started yet. It yields a `T`, or the exception that a function of the
/// caller threw.
template <class T>
class BatchOperation
{
public:
    using Ptr = std::shared_ptr<BatchOperation>;
    using Handler = detail::Handler<std::exception_ptr, T>;

    /// Starts the batch on `executor`, which is the executor of the handler. Called at most once.
    virtual void start(Handler handler, asio::any_io_executor executor) = 0;

    /// Returns what the batch yields if it is cancelled before it is started.
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
    /// The type of the default executor of handlers.
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

/// Initiates a batch with a completion token. `executor` is the default executor of the handler.
template <class Token, class T>
auto initiate(std::shared_ptr<BatchOperation<T>> batch, asio::any_io_executor executor, Token&& token)
{
    return asio::async_initiate<Token, void(std::exception_ptr, T)>(BatchInitiation<T>{std::move(executor)}, token,
                                                                    Unstarted<BatchOperation<T>>{std::move(batch)});
}

} // namespace passage::detail
