#include "client/operation_call.hpp"

#include "client/client_state.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

namespace passage::client {

CallerSide::CallerSide(std::shared_ptr<ClientState> client_state, const api::Operation& operation,
                       const CallOptions& options, http::Request&& request, api::Follow next,
                       std::shared_ptr<CallReport> report)
    : Call{std::move(client_state), operation, std::move(request), options.retries(),
           options.may_have_acted() == operation.name ? Effect::unknown : Effect::none},
      operation_{operation},
      report_{std::move(report)}
{
    if (options != CallOptions{})
        options_.emplace(options);
    if (next)
        following_.emplace(next, strand().inner());
}

const CallOptions& CallerSide::options() const noexcept
{
    static const CallOptions default_options;
    return options_ ? *options_ : default_options;
}

void CallerSide::begin()
{
    begin_ = Clock::now();
    deadline = client_state()->deadline(options(), begin_);
    observation = client_state()->observe(operation_, options(), report_);
}

void CallerSide::Cancel::operator()(asio::cancellation_type type) const
{
    if (call.expired()) // then its execution context may not exist either
        return;
    asio::post(strand, [call = call, type] {
        if (const auto alive = call.lock())
            alive->cancel(type);
    });
}

const net::Strand& CallerSide::strand() const noexcept
{
    return client_state()->strand();
}

void CallerSide::accept_cancellation(asio::cancellation_slot from, const asio::any_io_executor& executor)
{
    if (from.is_connected())
        from.assign(make_cancel());
    if (following_) {
        following_->executor = executor;
        following_->work.begin(executor);
    }
    started_ = true;
}

void CallerSide::start_on_strand(bool runs_inner)
{
    auto begin = [call = shared_from_this()] { call->start(); };
    if (runs_inner)
        strand().enter(std::move(begin));
    else
        asio::dispatch(strand(), std::move(begin));
}

api::Question CallerSide::question() const
{
    api::Question question{client_state()->requests(), request()};
    if (following_)
        question.also(following_->identifier);
    return question;
}

std::size_t CallerSide::decoded_limit() const noexcept
{
    return client_state()->config().limits.decoded_bytes;
}

void CallerSide::cancel_call()
{
    if (started_)
        make_cancel()(asio::cancellation_type::terminal);
    else
        refuse(Error{Errc::cancelled});
}

const asio::any_io_executor* CallerSide::follow() noexcept
{
    if (!following_)
        return nullptr;
    try {
        if (make_next())
            return &following_->executor;
    } catch (const std::bad_alloc&) {
        set_out_of_memory();
    }
    following_->work.end();
    return nullptr;
}

bool CallerSide::make_next()
{
    const api::Follow make = std::exchange(following_->follow, nullptr);
    if (!make || error() || is_out_of_memory())
        return false;
    const api::Question asked = question();
    expected<http::Request> made = make(client_state()->requests(), response(), decoded_limit(), asked);
    if (!made) {
        refuse(complete_unusable(std::move(made.error())));
        return false;
    }
    following_->identifier = asked.identifier();
    made->extra = request().extra;
    set_request(*std::move(made));
    return true;
}

std::optional<Error> CallerSide::take_error()
{
    if (is_out_of_memory())
        throw std::bad_alloc{};
    if (refusal_)
        return fail(std::move(*refusal_));
    if (error())
        return fail(*error());
    return std::nullopt;
}

std::chrono::microseconds CallerSide::elapsed() const
{
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
}

Error CallerSide::fail(Error error)
{
    client_state()->redact(error); // a server may echo the API key anywhere
    error.operation = operation_.name;
    error.attempts = attempts();
    error.elapsed = elapsed();
    observation->end(error.attempts, error.elapsed, &error);
    return error;
}

Error CallerSide::no_memory() const
{
    Error error{Errc::no_memory};
    error.effect = effect();
    return error;
}

Error CallerSide::complete_unusable(Error error) const
{
    if (error.http_status == 0)
        error.http_status = response().status;
    error.effect = Effect::none;
    if (error.code == Errc::decode || error.code == Errc::too_large) {
        error.effect = Effect::done;
        client_state()->doubt(connection());
    } else if (error.code == Errc::protocol) {
        error.effect = Effect::unknown;
        client_state()->distrust(connection());
    }
    error.request_id = response().request_id;
    return error;
}

Error CallerSide::fail_unusable(Error error)
{
    return fail(complete_unusable(std::move(error)));
}

void CallerSide::succeed()
{
    observation->end(attempts(), elapsed(), nullptr);
}

} // namespace passage::client
