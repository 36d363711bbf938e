#include "client/observation.hpp"

#include "model/failure.hpp"

#include <utility>

namespace passage::client {

using net::Clock;
using std::chrono::microseconds;

namespace {

microseconds between(Clock::time_point begin, Clock::time_point end)
{
    return std::chrono::duration_cast<microseconds>(end - begin);
}

class CallObservation final : public Observation
{
public:
    CallObservation(std::shared_ptr<CallObserver> observer, std::shared_ptr<CallReport> report,
                    std::optional<TraceParent> trace_parent)
        : observer_{std::move(observer)}, report_{std::move(report)}, given_{trace_parent}
    {}

    void begin_attempt(const http::Request& request, Clock::time_point now, unsigned charged) override;
    void begin_exchange(const net::Connection& connection, Clock::time_point now) override;
    std::string_view trace_parent() override;
    void advance(const Progress& progress) override;
    void end_attempt(int http_status, const Error* error) override;
    void retry(const Error& reason, std::chrono::milliseconds wait, bool is_replay) override;
    void end(unsigned attempts, microseconds elapsed, const Error* error) override;

private:
    const std::shared_ptr<CallObserver> observer_; ///< May be null.
    const std::shared_ptr<CallReport> report_;     ///< May be null.
    const std::optional<TraceParent> given_;
    std::optional<TraceParent> sent_; ///< Sent in the current attempt.
    std::string trace_parent_;        ///< `sent_` as text.
    AttemptEnded attempt_;
    bool in_attempt_ = false;  ///< The observer was told of its start, but not of its end.
    std::string peer_address_; ///< What `attempt_` refers to.
    Clock::time_point attempt_begin_;
    std::optional<Clock::time_point> exchange_begin_;
    std::optional<Clock::time_point> first_byte_;
};

} // namespace

void CallReport::begin_attempt(unsigned number)
{
    const std::lock_guard lock{mutex_};
    attempts_ = number;
    stage_ = Stage::pool;
}

void CallReport::stage(Stage stage)
{
    const std::lock_guard lock{mutex_};
    stage_ = stage;
}

void CallReport::retry(const Error& reason)
{
    const std::lock_guard lock{mutex_};
    stage_ = Stage::backoff;
    last_ = reason;
    failed_.push_back(failed_attempt(reason));
}

void CallReport::add_to(Error& error) const
{
    const std::lock_guard lock{mutex_};
    error.stage = stage_;
    error.attempts = attempts_;
    error.http_status = last_.code == Errc::connect ? 0 : last_.http_status; // `connect` has the proxy's
    error.api_code = last_.api_code;
    error.request_id = last_.request_id;
    error.cause = last_.cause;
    error.retry_after = last_.retry_after;
    error.earlier_attempts = failed_;
}

void CallObservation::begin_attempt(const http::Request& request, Clock::time_point now, unsigned charged)
{
    const unsigned number = attempt_.number + 1;
    attempt_ = {};
    attempt_.number = number;
    attempt_begin_ = now;
    exchange_begin_.reset();
    first_byte_.reset();
    sent_ = given_;
    if (report_)
        report_->begin_attempt(charged);
    if (observer_) {
        in_attempt_ = true;
        AttemptStarted started;
        started.number = number;
        started.method = request.method;
        started.path_template = request.path_template;
        if (const auto own = observer_->attempt_started(started))
            sent_ = own;
    }
}

void CallObservation::begin_exchange(const net::Connection& connection, Clock::time_point now)
{
    exchange_begin_ = now;
    if (report_)
        report_->stage(Stage::write);
    attempt_.connection_reused = connection.was_used();
    attempt_.http_version = connection.version();
    attempt_.peer_address = peer_address_ = connection.peer.address;
    attempt_.peer_port = connection.peer.port;
    if (!attempt_.connection_reused)
        attempt_.connection = connection.timings;
}

std::string_view CallObservation::trace_parent()
{
    trace_parent_ = sent_ && sent_->is_valid() ? to_string(*sent_) : std::string{};
    return trace_parent_;
}

void CallObservation::advance(const Progress& progress)
{
    if (report_)
        report_->stage(progress.stage);
    if (progress.response_begun && !first_byte_)
        first_byte_ = progress.response_begun_at ? *progress.response_begun_at : Clock::now();
}

void CallObservation::end_attempt(int http_status, const Error* error)
{
    if (!observer_)
        return;
    in_attempt_ = false;
    const auto now = Clock::now();
    attempt_.waited = between(attempt_begin_, exchange_begin_.value_or(now));
    if (exchange_begin_)
        attempt_.first_byte = between(*exchange_begin_, first_byte_.value_or(now));
    if (first_byte_)
        attempt_.body = between(*first_byte_, now);
    attempt_.http_status = exchange_begin_ ? http_status : 0; // without an exchange it is a proxy's
    if (error)
        attempt_.failure = failed_attempt(*error);
    observer_->attempt_ended(attempt_);
}

void CallObservation::retry(const Error& reason, std::chrono::milliseconds wait, bool is_replay)
{
    if (report_ && !is_replay)
        report_->retry(reason);
    if (!observer_)
        return;
    Retrying retrying;
    retrying.reason = failed_attempt(reason);
    retrying.wait = wait;
    retrying.is_replay = is_replay;
    observer_->retrying(retrying);
}

void CallObservation::end(unsigned attempts, microseconds elapsed, const Error* error)
{
    if (!observer_)
        return;
    if (in_attempt_) // memory ran out
        end_attempt(0, error);
    CallEnded ended;
    ended.attempts = attempts;
    ended.elapsed = elapsed;
    if (error) {
        ended.failure = failed_attempt(*error);
        ended.effect = error->effect;
        ended.api_code = error->api_code;
        ended.request_id = error->request_id;
    }
    observer_->ended(ended);
}

std::shared_ptr<Observation> observe(Observer* observer, const api::Operation& operation, const http::BaseUrl& url,
                                     std::string_view app_url, const CallOptions& options,
                                     std::shared_ptr<CallReport> report)
{
    static Observation no_op;
    // Owns nothing, so that copies count no references.
    static const std::shared_ptr<Observation> silent{std::shared_ptr<void>{}, &no_op};
    std::shared_ptr<CallObserver> call_observer;
    if (observer) {
        CallStarted started;
        started.operation = operation.name;
        started.method = operation.method;
        started.path_template = operation.path.text();
        started.server_address = url.host;
        started.server_port = url.port;
        started.app_url = app_url;
        started.trace_parent = options.trace_parent();
        call_observer = observer->call_started(started);
    }
    if (!call_observer && !report && !options.trace_parent())
        return silent;
    return std::make_shared<CallObservation>(std::move(call_observer), std::move(report), options.trace_parent());
}

} // namespace passage::client
