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

/// Has the coroutine be cancelled by any type of cancellation from now on. True if it was cancelled before.
inline asio::awaitable<bool> accept_cancellation()
{
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return true;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return false;
}

/// The result of an operation; a lack of memory is thrown.
template <class Result>
Result take_or_throw(detail::Operation<Result>& operation)
{
    Result result = operation.take();
    if (!result && result.error().code == Errc::no_memory)
        throw std::bad_alloc{};
    return result;
}

/// An operation as an awaitable. Cancelling it is a result. All that a call costs but the call itself, so it is small.
template <class Result>
asio::awaitable<Result> await(std::shared_ptr<detail::Operation<Result>> operation)
{
    using Ptr = std::shared_ptr<detail::Operation<Result>>;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        operation->cancel(); // the coroutine stays cancelled, which a reset would make it forget
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
