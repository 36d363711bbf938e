#pragma once

#include "api/operations.hpp"
#include "client/call.hpp"
#include "http/request.hpp"
#include "model/boxed.hpp"
#include "net/completion.hpp"

#include <passage/call_options.hpp>
#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace passage::client {

/// The caller's side of a call, but for what depends on what the call yields. It runs on the caller's executor, before
/// the call is started on its strand and after it is complete there.
class CallerSide : public Call
{
protected:
    /// `report` may be null.
    CallerSide(std::shared_ptr<ClientState> client_state, const api::Operation& operation, const CallOptions& options,
               http::Request&& request, api::Follow next, std::shared_ptr<CallReport> report);

    /// Now the call's time runs.
    void begin();

    /// Now the call may be cancelled, until its last request is complete. `executor` is the handler's. Called once:
    /// from then on the slot belongs to the signal, which other threads may emit while the call goes on.
    void accept_cancellation(asio::cancellation_slot from, const asio::any_io_executor& executor);

    /// Starts the call on its strand; `completion` is called when it is complete, on `executor`. `runs_executor`: this
    /// thread runs that executor.
    template <class R>
    void start_on_strand(net::Completion<R>& completion, const asio::any_io_executor& executor, bool runs_executor)
    {
        const bool is_inner = executor == strand().inner();
        if (!is_inner)
            completion.guard(asio::query(strand(), asio::execution::context), [cancel = make_cancel()]() noexcept {
                try {
                    cancel(asio::cancellation_type::terminal);
                } catch (const std::bad_alloc&) { // it ends in its own time
                }
            });
        start_on_strand(is_inner && runs_executor);
    }

    /// Has nothing be sent: the call fails.
    void refuse(Error error) { refusal_.emplace(std::move(error)); }
    bool is_refused() const noexcept { return static_cast<bool>(refusal_); }

    /// Cancels the call, if it is started; else has nothing be sent.
    void cancel_call();

    /// After a response of success, puts the request in place that follows on it, and returns the executor on which it
    /// is to be started; null if none follows, or it can't be made.
    const asio::any_io_executor* follow();

    /// The call's end, if there is no response of success; throws `std::bad_alloc` if there was no memory to go on.
    std::optional<Error> take_error();

    /// What was asked.
    api::Question question() const;
    std::size_t decoded_limit() const noexcept;

    /// The call's end: its error, completed.
    Error fail(Error error);
    /// The error of a call for which there was no memory to go on.
    Error no_memory() const;
    /// The error of a response of success that can't be used.
    Error complete_unusable(Error error) const;
    /// The call's end, if the response of success can't be used.
    Error fail_unusable(Error error);
    /// The call's end.
    void succeed();

private:
    /// Cancels the call, from any thread: it keeps to its strand.
    struct Cancel
    {
        void operator()(asio::cancellation_type type) const;

        std::weak_ptr<Call> call;
        net::Strand strand;
    };

    Cancel make_cancel() { return {weak_from_this(), strand()}; }
    const net::Strand& strand() const noexcept;
    void start_on_strand(bool runs_inner);
    std::chrono::microseconds elapsed() const;

    /// Of a call of two requests.
    struct Following
    {
        api::Follow follow;
        asio::any_io_executor executor; ///< The handler's.
        std::string identifier;         ///< Of the request before this one, percent-encoded.
    };

    const CallOptions& options() const noexcept;

    const api::Operation& operation_;
    Boxed<CallOptions> options_; ///< Absent if they are the default ones.
    const std::shared_ptr<CallReport> report_;
    Boxed<Following> following_;
    Boxed<Error> refusal_; ///< Why nothing is to be sent.
    bool started_ = false;
    Clock::time_point begin_;
};

/// A call of an operation that yields a `T`.
template <class T>
class OperationCall final : public CallerSide, public detail::Operation<expected<T>>
{
public:
    using Result = expected<T>;
    using typename detail::Operation<Result>::Ptr;
    using Handler = detail::Handler<Ptr>;

    /// `request`: or why it can't be made.
    OperationCall(std::shared_ptr<ClientState> client_state, const api::OperationFor<T>& operation,
                  const CallOptions& options, expected<http::Request>&& request, std::shared_ptr<CallReport> report)
        : CallerSide{std::move(client_state),
                     operation,
                     options,
                     request ? std::move(*request) : http::Request{},
                     operation.follow,
                     std::move(report)},
          answer_{operation.answer}
    {
        if (!request)
            refuse(std::move(request.error()));
    }

    void start(Handler handler, asio::any_io_executor executor, bool runs_executor) override
    {
        begin();
        if (is_refused())
            return std::move(handler).complete_immediately(executor, self());
        accept_cancellation(handler.cancellation_slot(), executor);
        send(std::move(handler), executor, runs_executor);
    }

    Result take() override
    {
        try {
            if (std::optional<Error> error = take_error())
                return unexpected{*std::move(error)};
            Result result = answer_.read(response(), decoded_limit(), question());
            if (!result)
                result = unexpected{fail_unusable(std::move(result.error()))};
            else
                succeed();
            return result;
        } catch (const std::bad_alloc&) {
            return unexpected{fail(no_memory())};
        }
    }

    void cancel() override { cancel_call(); }

private:
    Ptr self() { return {shared_from_this(), this}; }

    void send(Handler&& handler, const asio::any_io_executor& executor, bool runs_executor)
    {
        completion_.emplace(std::move(handler), executor);
        start_on_strand(*completion_, executor, runs_executor);
    }

    void complete() override
    {
        completion_->complete([self = self(), this](Handler&& handler) mutable {
            if (const auto executor = follow())
                send(std::move(handler), *executor, true);
            else
                std::move(handler)(std::move(self));
        });
    }

    const api::Answer<T> answer_;
    std::optional<net::Completion<Ptr>> completion_;
};

} // namespace passage::client
