#pragma once

#include "client/coroutine.hpp"

#include <passage/detail/batch_operation.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// Makes an awaitable of a batch. Cancellation of any type ends it with a result, not an exception.
template <class T>
asio::awaitable<T> await_batch(std::shared_ptr<detail::BatchOperation<T>> batch)
{
    using Ptr = std::shared_ptr<detail::BatchOperation<T>>;
    if (co_await accept_cancellation())
        co_return batch->cancelled();
    auto initiate = [](auto handler, Ptr started) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        started->start(typename detail::BatchOperation<T>::Handler{std::move(handler)}, std::move(executor));
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, T)>(
        std::move(initiate), asio::use_awaitable, std::move(batch));
}

} // namespace passage::client
