#pragma once

#include "net/context_lifetime.hpp"

#include <passage/detail/handler.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace passage::net {

namespace asio = boost::asio;

/// A stored completion handler. Tracks outstanding work on its executor until it is completed.
template <class... Args>
class Completion
{
public:
    using Handler = detail::Handler<Args...>;

    Completion(Handler handler, const asio::any_io_executor& executor)
        : waiting_{std::in_place_type<Waiting>, std::move(handler), executor}
    {}

    /// Must be called before the handler can be completed, unless the handler's executor belongs to `home`, the context
    /// whose threads complete it. Another context may be destroyed first: it then calls `abandoned()`, which must not
    /// throw, and destroys the handler, and `complete` is a no-op.
    template <class Abandoned>
    void guard(const asio::execution_context& home, Abandoned abandoned)
    {
        auto& here = std::get<Waiting>(waiting_);
        asio::execution_context& context = asio::query(here.executor, asio::execution::context);
        if (&context == &home)
            return;
        auto lifetime = ContextLifetime::of(context);
        auto dependent = std::make_unique<DependentFor<Abandoned>>(std::move(here), std::move(abandoned));
        waiting_.template emplace<ContextLifetime::Registration>(std::move(lifetime), std::move(dependent));
    }

    /// Calls `last` with the handler, on the handler's executor. Defers it: it never runs inside this call, but on this
    /// thread if possible, without waking another. May be called once.
    template <class Last>
    void complete(Last last)
    {
        if (auto* const here = std::get_if<Waiting>(&waiting_))
            return here->complete(std::move(last));
        std::get<ContextLifetime::Registration>(waiting_).end([&](ContextLifetime::Dependent& dependent) {
            static_cast<WaitingDependent&>(dependent).waiting.complete(std::move(last));
        });
    }

private:
    struct Waiting
    {
        Waiting(Handler&& from, const asio::any_io_executor& on)
            : handler{std::move(from)}, executor{asio::prefer(on, asio::execution::outstanding_work.tracked)}
        {}

        template <class Last>
        void complete(Last last)
        {
            // Moved first: on another thread, `last` may replace this completion at once.
            const asio::any_io_executor here = std::move(executor);
            asio::defer(here, [called = std::move(handler), last = std::move(last)]() mutable {
                std::move(last)(std::move(called));
            });
        }

        Handler handler;
        asio::any_io_executor executor; ///< Tracks outstanding work.
    };

    struct WaitingDependent : ContextLifetime::Dependent
    {
        explicit WaitingDependent(Waiting&& from) : waiting{std::move(from)} {}
        Waiting waiting;
    };

    template <class Abandoned>
    struct DependentFor final : WaitingDependent
    {
        DependentFor(Waiting&& from, Abandoned&& then) : WaitingDependent{std::move(from)}, tell{std::move(then)} {}
        void abandoned() noexcept override { tell(); }
        Abandoned tell;
    };

    std::variant<Waiting, ContextLifetime::Registration> waiting_;
};

} // namespace passage::net
