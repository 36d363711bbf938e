#include "client/call.hpp"

namespace passage::client {

void Call::cancel(asio::cancellation_type type)
{
    using asio::cancellation_type;
    const bool at_any_time =
        (type & (cancellation_type::terminal | cancellation_type::partial)) != cancellation_type::none;
    if (at_any_time || !progress.request_sent)
        stop(Errc::cancelled);
}

void Call::stop(Errc reason)
{
    if (stopped)
        return;
    stopped = reason;
    signal.emit(asio::cancellation_type::terminal);
}

void Call::interrupt(net::Interrupt why)
{
    if (why == net::Interrupt::shut_down) {
        stop(Errc::shut_down);
    } else if (net::Clock::now() >= deadline) {
        stop(Errc::timeout);
    } else {
        attempt_expired = true;
        signal.emit(asio::cancellation_type::terminal);
    }
}

} // namespace passage::client
