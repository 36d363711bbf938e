#pragma once

#include "net/context_work.hpp"
#include "net/strand.hpp"

#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/require.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace passage::client {

namespace asio = boost::asio;

/// An operation that runs a coroutine on a strand of the handler's executor. The coroutine must enable all cancellation
/// types before it first waits.
template <class T>
class CoroutineOperation final : public detail::Operation<expected<T>>,
                                 public std::enable_shared_from_this<CoroutineOperation<T>>
{
public:
    using Coroutine = std::function<asio::awaitable<expected<T>>()>;

    /// `name` is the name of the operation. The coroutine waits for operations on `home`.
    CoroutineOperation(std::string_view name, const asio::any_io_executor& home, Coroutine coroutine)
        : name_{name}, work_{home}, coroutine_{std::move(coroutine)}
    {}

    using typename detail::Operation<expected<T>>::Ptr;

    void start(detail::Handler<Ptr> handler, asio::any_io_executor executor, bool) override
    {
        // Until the coroutine has started an operation, nothing else keeps the context running.
        work_.begin(executor);
        // A signal may be emitted on any thread. Posted to the strand, it reaches the coroutine between two steps, when
        // it has begun and accepts all types.
        const net::Strand strand{executor};
        const auto cancellation = std::make_shared<asio::cancellation_signal>();
        if (asio::cancellation_slot slot = handler.cancellation_slot(); slot.is_connected())
            slot.assign([strand, signal = std::weak_ptr{cancellation}](asio::cancellation_type type) {
                if (signal.expired()) // then the execution context may not exist either
                    return;
                asio::post(strand, [signal, type] {
                    if (const auto alive = signal.lock())
                        alive->emit(type);
                });
            });
        // The coroutine must not begin inside the initiating function.
        asio::any_io_executor later = asio::require(strand, asio::execution::blocking.never);
        asio::co_spawn(std::move(later), std::exchange(coroutine_, nullptr)(),
                       Complete{this->shared_from_this(), cancellation, std::move(handler),
                                asio::prefer(executor, asio::execution::outstanding_work.tracked)});
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
    /// Completes the operation. Provides the slot itself: with `bind_cancellation_slot`, `co_spawn` would post signals,
    /// which may be destroyed by then (Boost 1.81).
    struct Complete
    {
        using cancellation_slot_type = asio::cancellation_slot;

        asio::cancellation_slot get_cancellation_slot() const noexcept { return cancellation->slot(); }

        void operator()(std::exception_ptr error, expected<T> result)
        {
            self->result_ = std::move(result);
            if (error) { // always std::bad_alloc
                self->result_ = unexpected{Error{Errc::no_memory}};
                self->result_.error().operation = self->name_;
            }
            self->work_.end();
            const auto on = std::move(executor);
            asio::dispatch(on, [ended = std::move(self), called = std::move(handler)]() mutable {
                std::move(called)(std::move(ended));
            });
        }

        std::shared_ptr<CoroutineOperation> self;
        std::shared_ptr<asio::cancellation_signal> cancellation;
        detail::Handler<Ptr> handler;
        asio::any_io_executor executor; ///< The handler's, with outstanding work tracked.
    };

    std::string_view name_;
    net::ContextWork work_;
    Coroutine coroutine_;
    expected<T> result_ = unexpected{Error{}};
};

} // namespace passage::client
