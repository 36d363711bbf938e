#pragma once

#include "net/strand.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace passage::net {

namespace asio = boost::asio;
using boost::system::error_code;

/// A coroutine on the client's strand.
template <class T>
using Task = asio::awaitable<T, Strand>;

/// Completion token of a coroutine on the strand. Returns the error code in a tuple instead of throwing.
inline constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable_t<Strand>{});

/// Whether a coroutine was cancelled, given its `this_coro::cancellation_state`. Check before each wait: a cancellation
/// between the end of one wait and the beginning of the next interrupts neither.
inline bool is_cancelled(const asio::cancellation_state& state)
{
    return state.cancelled() != asio::cancellation_type::none;
}

using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Strand>;
/// A timer on the inner executor: handlers must enter the strand themselves.
using InnerTimer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::any_io_executor>;
/// A socket of TCP or a Unix domain socket, on the inner executor: handlers must enter the strand themselves, or be
/// bound to it.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::any_io_executor>;
using Endpoint = asio::ip::tcp::endpoint;

} // namespace passage::net
