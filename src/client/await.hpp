#pragma once

#include <passage/detail/operation.hpp>
#include <passage/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <new>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// Enables all cancellation types for the current coroutine. Returns true, and does nothing, if it is cancelled
/// already.
inline asio::awaitable<bool> accept_cancellation()
{
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return true;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return false;
}

/// Throws `std::bad_alloc` if a result is `Errc::no_memory`. Called for the results of awaitables.
template <class Result>
void throw_if_no_memory(const Result& result)
{
    if (!result && result.error().code == Errc::no_memory)
        throw std::bad_alloc{};
}

/// Returns the result of an operation. A function, because a local variable of a coroutine would cost a move.
template <class Result>
Result take_or_throw(detail::Operation<Result>& operation)
{
    Result result = operation.take();
    throw_if_no_memory(result);
    return result;
}

/// Makes an awaitable of an operation. Cancellation ends it with a result, not an exception. Kept small, as every call
/// has such a coroutine.
template <class Result>
asio::awaitable<Result> await(std::shared_ptr<detail::Operation<Result>> operation)
{
    using Ptr = std::shared_ptr<detail::Operation<Result>>;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        operation->cancel(); // without a reset, which would clear the state
    else
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    auto initiate = [](auto handler, Ptr started) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        started->start(detail::Handler<Ptr>{std::move(handler)}, std::move(executor), true);
    };
    operation = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Ptr)>(
        std::move(initiate), asio::use_awaitable, std::move(operation));
    co_return take_or_throw(*operation);
}

} // namespace passage::client
