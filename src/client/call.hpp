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

/// A call under way: does what its machine says, and tells it what came of it.
///
/// An object rather than a coroutine, for thousands may wait: this is all that a call holds. It is owned by whatever it
/// waits for. From `start` to `complete` all of it belongs to the strand.
///
/// What is touched to wake a call that waits comes first, and near each other: with thousands of them, memory is what
/// costs.
class Call : public net::ParkedCall,
             private net::Deadlines::Watched,
             private Connections::Pending,
             public std::enable_shared_from_this<Call>
{
public:
    using Clock = net::Clock;

    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// Begins the call.
    void start();

    /// The caller wants no more. Total cancellation is for calls that left no trace: it comes too late once the request
    /// was sent.
    void cancel(asio::cancellation_type type);

protected:
    /// `before` is what earlier calls, which this one repeats, may have done.
    Call(std::shared_ptr<ClientState> client_state, const api::Operation& operation, http::Request&& request,
         bool retries, Effect before);
    virtual ~Call();

    /// The call is complete. The caller's side takes over, on the caller's executor. Called once for each `start`.
    virtual void complete() = 0;

    const std::shared_ptr<ClientState>& client_state() const noexcept { return client_state_; }

    /// To be set before `start`.
    Clock::time_point deadline;
    /// To be set before `start`; not null.
    std::shared_ptr<Observation> observation;

    const http::Request& request() const noexcept { return request_; }
    /// Puts another request in place, for the next `start`.
    void set_request(http::Request request) { request_ = std::move(request); }

    /// Why the call failed; null after a success, or if `is_out_of_memory`.
    const Error* error() const noexcept { return fsm_.error(); }
    bool is_out_of_memory() const noexcept { return out_of_memory_; }
    void set_out_of_memory() noexcept { out_of_memory_ = true; }
    /// What the service may have done.
    Effect effect() const noexcept;
    /// The response of a success.
    const http::Response& response() const noexcept { return *response_; }
    /// Attempts made, of all requests that were started.
    unsigned attempts() const noexcept { return fsm_.attempts(); }
    /// The connection that the last response came on.
    const ConnectionId& connection() const noexcept { return connection_; }

private:
    /// What is waited for.
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
    bool ended_ = true; ///< Not under way.
    bool out_of_memory_ = false;
    std::optional<Connections::Lease> lease_;
    Progress progress_; ///< Kept by the connection.
    std::optional<http::Response> response_;
    /// The connection that the response came on, and which of its exchanges that was, from 1 on.
    ConnectionId connection_;
    unsigned exchange_ = 0;
    std::unique_ptr<net::InnerTimer> backoff_; ///< Made when it is needed, which is seldom.
};

} // namespace passage::client
