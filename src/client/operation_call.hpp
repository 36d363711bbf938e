#pragma once

#include "api/operations.hpp"
#include "client/call.hpp"
#include "http/request.hpp"
#include "model/boxed.hpp"
#include "net/completion.hpp"
#include "net/context_work.hpp"

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

/// The part of a call that runs on the caller's executor: before the call starts on its strand, and after it completed
/// there. `OperationCall` adds what depends on the result type.
class CallerSide : public Call
{
protected:
    /// `report` may be null.
    CallerSide(std::shared_ptr<ClientState> client_state, const api::Operation& operation, const CallOptions& options,
               http::Request&& request, api::Follow next, std::shared_ptr<CallReport> report);

    /// Starts the clock of the call.
    void begin();

    /// Makes the call cancellable by a slot. `executor` is the handler's. Called once, for all requests of the call:
    /// later access to the slot would race with threads that emit its signal.
    void accept_cancellation(asio::cancellation_slot from, const asio::any_io_executor& executor);

    /// Starts the call on its strand. `completion` is completed on `executor` when the call is. `runs_executor`: the
    /// current thread runs that executor.
    template <class R>
    void start_on_strand(net::Completion<R>& completion, const asio::any_io_executor& executor, bool runs_executor)
    {
        const bool is_inner = executor == strand().inner();
        if (!is_inner)
            completion.guard(asio::query(strand(), asio::execution::context), [cancel = make_cancel()]() noexcept {
                try {
                    cancel(asio::cancellation_type::terminal);
                } catch (const std::bad_alloc&) { // the call ends by itself
                }
            });
        start_on_strand(is_inner && runs_executor);
    }

    /// Makes the call fail without sending anything.
    void refuse(Error error) { refusal_.emplace(std::move(error)); }
    bool is_refused() const noexcept { return static_cast<bool>(refusal_); }

    /// Cancels the call if it was started; otherwise refuses it.
    void cancel_call();

    /// After a successful response, builds the next request of the operation. Returns the executor to start it on; null
    /// if there is none or it can't be built.
    const asio::any_io_executor* follow() noexcept;

    /// Returns the call's error, if there is one, and reports it. Throws `std::bad_alloc` if memory ran out.
    std::optional<Error> take_error();

    /// Checks that a response belongs to the request.
    api::Question question() const;
    std::size_t decoded_limit() const noexcept;

    /// Completes an error, and reports the end of the call.
    Error fail(Error error);
    /// The error of a call that ran out of memory.
    Error no_memory() const;
    /// Completes the error of a successful response that can't be used.
    Error complete_unusable(Error error) const;
    /// As `complete_unusable`, and reports the end of the call.
    Error fail_unusable(Error error);
    /// Reports the end of a successful call.
    void succeed();

private:
    /// Cancels the call on its strand. Thread-safe.
    struct Cancel
    {
        void operator()(asio::cancellation_type type) const;

        std::weak_ptr<Call> call;
        net::Strand strand;
    };

    Cancel make_cancel() { return {weak_from_this(), strand()}; }
    const net::Strand& strand() const noexcept;
    /// Makes the next request. False if there is none or it can't be built.
    bool make_next();
    void start_on_strand(bool runs_inner);
    std::chrono::microseconds elapsed() const;

    /// The state of a call with two requests.
    struct Following
    {
        Following(api::Follow next, const asio::any_io_executor& client_executor) : follow{next}, work{client_executor}
        {}

        api::Follow follow;
        asio::any_io_executor executor; ///< The handler's.
        std::string identifier;         ///< Of the first request, percent-encoded.
        net::ContextWork work;          ///< Between the requests nothing else keeps the client's context running.
    };

    const CallOptions& options() const noexcept;

    const api::Operation& operation_;
    Boxed<CallOptions> options_; ///< Empty for the default options.
    const std::shared_ptr<CallReport> report_;
    Boxed<Following> following_;
    Boxed<Error> refusal_; ///< Set by `refuse`.
    bool started_ = false;
    Clock::time_point begin_;
};

/// A call of an operation with the result type `T`.
template <class T>
class OperationCall final : public CallerSide, public detail::Operation<expected<T>>
{
public:
    using Result = expected<T>;
    using typename detail::Operation<Result>::Ptr;
    using Handler = detail::Handler<Ptr>;

    /// If `request` is an error, the call ends with it.
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
            return take_answer();
        } catch (const std::bad_alloc&) {
            return unexpected{fail(no_memory())};
        }
    }

    void cancel() override { cancel_call(); }

private:
    Ptr self() { return {shared_from_this(), this}; }

    Result take_answer()
    {
        Result result = answer_.read(response(), decoded_limit(), question());
        if (!result)
            result = unexpected{fail_unusable(std::move(result.error()))};
        else
            succeed();
        return result;
    }

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
