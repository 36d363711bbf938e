#pragma once

#include <passage/detail/batch_operation.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// A batch as an awaitable. Cancelling it, by any type of cancellation, is a result.
template <class T>
asio::awaitable<T> await_batch(std::shared_ptr<detail::BatchOperation<T>> batch)
{
    using Ptr = std::shared_ptr<detail::BatchOperation<T>>;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return batch->cancelled();
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    auto initiate = [](auto handler, Ptr started) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        started->start(typename detail::BatchOperation<T>::Handler{std::move(handler)}, std::move(executor));
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, T)>(
        std::move(initiate), asio::use_awaitable, std::move(batch));
}

} // namespace passage::client
