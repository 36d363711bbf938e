#pragma once

#include "api/operation.hpp"
#include "client/connections.hpp"
#include "client/observation.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "policy/call_fsm.hpp"

#include <passage/error.hpp>

#include <boost/asio/cancellation_type.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

class ClientState;

/// A call in flight. Performs the actions of its `policy::CallFsm` and reports the results to it.
///
/// An object and not a coroutine, because that takes less memory. What the call waits for owns it. It is used on the
/// strand only from `start` to `complete`.
///
/// Bases and members that are needed to resume a waiting call come first and next to each other: with thousands of
/// waiting calls, cache misses dominate.
class Call : public net::ParkedCall,
             private net::Deadlines::Watched,
             private Connections::Pending,
             public std::enable_shared_from_this<Call>
{
public:
    using Clock = net::Clock;

    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// Starts the call.
    void start();

    /// Cancels the call. Total cancellation is a no-op if the service may have acted.
    void cancel(asio::cancellation_type type);

protected:
    /// `before` is the effect of earlier calls that this one repeats.
    Call(std::shared_ptr<ClientState> client_state, const api::Operation& operation, http::Request&& request,
         bool retries, Effect before);
    virtual ~Call();

    /// Called once for each `start`, when the call is complete. Continues on the caller's executor.
    virtual void complete() = 0;

    const std::shared_ptr<ClientState>& client_state() const noexcept { return client_state_; }

    /// To be set before `start`.
    Clock::time_point deadline;
    /// To be set before `start`. Not null.
    std::shared_ptr<Observation> observation;

    const http::Request& request() const noexcept { return request_; }
    /// Replaces the request, for the next `start`.
    void set_request(http::Request request) { request_ = std::move(request); }

    /// The error of the call. Null after a success, and if `is_out_of_memory`.
    const Error* error() const noexcept { return fsm_.error(); }
    bool is_out_of_memory() const noexcept { return out_of_memory_; }
    void set_out_of_memory() noexcept { out_of_memory_ = true; }
    /// Whether the service may have acted.
    Effect effect() const noexcept;
    /// Precondition: the call succeeded.
    const http::Response& response() const noexcept { return *response_; }
    /// Attempts for all requests of the call.
    unsigned attempts() const noexcept { return fsm_.attempts(); }
    /// The connection of the last response.
    const ConnectionId& connection() const noexcept { return connection_; }

private:
    /// What the call waits for.
    enum class Wait { nothing, connection, exchange, backoff };

    void interrupt(net::Interrupt why) override;
    void lent() override;
    void is_next() const noexcept override;
    void refused(const Failure& failure) override;
    void resume(const boost::system::error_code& ec) override;

    void perform(policy::CallAction action, Clock::time_point now);
    // Each performs an action, or ends a wait, and returns the next action.
    policy::CallAction take_place(const policy::CallAction& action, Clock::time_point now);
    policy::CallAction look_for_place(Clock::time_point now);
    policy::CallAction use(Connections::Lease&& lease, Clock::time_point now);
    policy::CallAction prepare_exchange(const policy::CallAction& action, Clock::time_point now);
    policy::CallAction send(Clock::time_point now);
    policy::CallAction advance_exchange(const boost::system::error_code& ec, Clock::time_point now);
    policy::CallAction take(http::Response&& response, Clock::time_point now);
    policy::CallAction end_attempt(const policy::CallAction& action, Clock::time_point now);
    policy::CallAction end_backoff(Clock::time_point now);
    void back_off(const policy::CallAction& action);
    void break_off();
    void leave_queue();
    void end();

    const std::shared_ptr<ClientState> client_state_;
    http::Request request_;
    policy::CallFsm fsm_;

    Wait waits_for_ = Wait::nothing;
    bool ended_ = true; ///< The call is not in flight.
    bool out_of_memory_ = false;
    std::optional<Connections::Lease> lease_;
    Progress progress_; ///< Updated by the connection.
    std::optional<http::Response> response_;
    /// The connection of the last response, and the number of the exchange on it, from 1.
    ConnectionId connection_;
    unsigned exchange_ = 0;
    std::unique_ptr<net::InnerTimer> backoff_; ///< Created when needed, which is rare.
};

} // namespace passage::client
