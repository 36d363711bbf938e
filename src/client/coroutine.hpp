#pragma once

#include <passage/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <new>

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

} // namespace passage::client
