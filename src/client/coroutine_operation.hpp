#pragma once

#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// An operation that a coroutine carries out, on the handler's executor.
template <class T>
class CoroutineOperation final : public detail::Operation<expected<T>>,
                                 public std::enable_shared_from_this<CoroutineOperation<T>>
{
public:
    using Coroutine = std::function<asio::awaitable<expected<T>>()>;

    /// `name` is the operation's.
    CoroutineOperation(std::string_view name, Coroutine coroutine) : name_{name}, coroutine_{std::move(coroutine)} {}

    using typename detail::Operation<expected<T>>::Ptr;

    void start(detail::Handler<Ptr> handler, asio::any_io_executor executor, bool) override
    {
        const asio::cancellation_slot cancellation = handler.cancellation_slot();
        auto complete = [self = this->shared_from_this(), handler = std::move(handler)](std::exception_ptr error,
                                                                                        expected<T> result) mutable {
            self->result_ = std::move(result);
            if (error) { // there is but one: no memory
                self->result_ = unexpected{Error{Errc::no_memory}};
                self->result_.error().operation = self->name_;
            }
            std::move(handler)(std::move(self));
        };
        asio::co_spawn(executor, coroutine_(), asio::bind_cancellation_slot(cancellation, std::move(complete)));
    }

    expected<T> take() override { return std::move(result_); }

    void cancel() override
    {
        coroutine_ = [name = name_]() -> asio::awaitable<expected<T>> {
            Error error{Errc::cancelled};
            error.operation = name;
            co_return unexpected{std::move(error)};
        };
    }

private:
    std::string_view name_;
    Coroutine coroutine_;
    expected<T> result_ = unexpected{Error{}};
};

} // namespace passage::client
