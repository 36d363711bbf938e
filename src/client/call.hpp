#pragma once

#include "api/operation.hpp"
#include "client/connections.hpp"
#include "client/observation.hpp"
#include "http/response.hpp"
#include "policy/attempt.hpp"

#include <passage/error.hpp>
#include <passage/secret.hpp>

#include <boost/asio/cancellation_type.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

namespace passage::client {

namespace asio = boost::asio;

class Core;

/// What a call came to.
struct Outcome
{
    /// A response of success, or why there is none.
    expected<http::Response> result = unexpected{Error{}};
    unsigned attempts = 0;
    /// The connection that the response came on, and which of its exchanges that was, from 1 on.
    ConnectionId connection;
    unsigned exchange = 0;
};

/// A call under way: attempts, each of which takes a connection and has an exchange on it, with waits between them.
///
/// A state machine rather than a coroutine, for thousands may wait: this object is all that a call holds. It is owned
/// by whatever it waits for. Until it is complete, all of it belongs to the strand.
///
/// What is touched to wake a call that waits comes first, and near each other: with thousands of them, memory is what
/// costs.
class Call : public net::Resumable,
             private net::Deadlines::Watched,
             private Connections::Pending,
             private net::WaitingRoom::Guest,
             public std::enable_shared_from_this<Call>
{
public:
    /// `observation` may be none. `before` is what earlier calls, which this one repeats, may have done.
    Call(std::shared_ptr<Core> core, const api::Operation& operation, Secret request, bool retries,
         net::Clock::time_point deadline, std::shared_ptr<Observation> observation, Effect before);
    virtual ~Call();

    void start();

    /// The bytes of the request.
    std::string_view request() const noexcept { return request_.reveal(); }

    /// The caller wants no more. Total cancellation is for calls that left no trace: it comes too late once the request
    /// was sent.
    void cancel(asio::cancellation_type type);

protected:
    /// Tells the caller, on the caller's executor. `error` is none, or what was thrown for want of memory. Called once.
    virtual void complete(std::exception_ptr error) = 0;

private:
    /// What is waited for.
    enum class Wait { nothing, connection, exchange, backoff };

    void interrupt(net::Interrupt why) override;
    void lent() override;
    void is_next() const noexcept override;
    void refused(const net::Failure& failure) override;
    void resume(const boost::system::error_code& ec) override;

    void begin_attempt();
    void fail_without_attempt(net::Failure failure);
    void wait_for_connection();
    void take_connection();
    void leave_queue();
    void begin_exchange(Connections::Lease lease, net::Clock::time_point now);
    void go_on_with_exchange(const boost::system::error_code& ec);
    void end_exchange(expected<http::Response, net::Failure>&& result);
    void end_attempt(expected<http::Response, net::Failure>&& result);
    void begin_backoff(std::chrono::milliseconds time);
    void end_backoff();
    void succeed(http::Response&& response);
    void fail(Error error);
    void end(std::exception_ptr error = nullptr);

    void stop(Errc reason);
    void break_off_wait();

    const std::shared_ptr<Core> core_;
    const api::Operation& operation_;
    const Secret request_;
    const bool retries_;
    const net::Clock::time_point deadline_;
    const std::shared_ptr<Observation> observation_;

    Wait waits_for_ = Wait::nothing;
    bool ended_ = false;
    /// Why the call is to end, if it is.
    std::optional<Errc> stopped_;
    /// The attempt took too long; the call may go on with another.
    bool attempt_expired_ = false;
    unsigned replays_ = 0;
    bool misdirected_ = false; ///< The service answered 421 before.
    int taken_from_budget_ = 0;
    bool repeats_if_in_step_ = false; ///< The next attempt is made only if the last answer was this request's.
    /// Of all attempts together, those of earlier calls included.
    Effect effect_;
    net::Progress progress_;
    policy::Attempt facts_;
    std::vector<FailedAttempt> earlier_attempts_;
    std::optional<Connections::Lease> lease_;
    std::unique_ptr<net::InnerTimer> backoff_; ///< Made when it is needed, which is seldom.

public:
    /// Complete when the caller is told so.
    Outcome outcome;
};

} // namespace passage::client
