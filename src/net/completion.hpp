#pragma once

#include "net/context_gate.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/query.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace passage::net {

namespace asio = boost::asio;

/// A completion handler that waits, with the work that keeps its execution context running until then.
template <class Handler>
class Completion
{
public:
    explicit Completion(Handler handler) : waiting_{std::in_place_type<Waiting>, std::move(handler)} {}

    /// To be called before others can complete it, unless the handler is known to belong to `home`, the context whose
    /// threads do so. If it belongs to another one, that one may be destroyed first: the handler goes with it, after
    /// `abandoned()`, which must not throw, and `complete` is a no-op then.
    template <class Abandoned>
    void guard(const asio::execution_context& home, Abandoned abandoned)
    {
        auto& here = std::get<Waiting>(waiting_);
        asio::execution_context& context = asio::query(here.work.get_executor(), asio::execution::context);
        if (&context == &home)
            return;
        auto gate = ContextGate::of(context);
        auto guest = std::make_unique<GuestFor<Abandoned>>(std::move(here), std::move(abandoned));
        waiting_.template emplace<ContextGate::Stay>(std::move(gate), std::move(guest));
    }

    /// Calls the handler on its executor. Not in place, so that what it does neither runs on this thread's executor nor
    /// nests; but as a continuation, which this thread goes on with if it can rather than wake another one. Called at
    /// most once.
    template <class... Args>
    void complete(Args... args)
    {
        if (auto* const here = std::get_if<Waiting>(&waiting_))
            return here->complete(std::move(args)...);
        std::get<ContextGate::Stay>(waiting_).end(
            [&](ContextGate::Guest& guest) { static_cast<WaitingGuest&>(guest).waiting.complete(std::move(args)...); });
    }

private:
    struct Waiting
    {
        explicit Waiting(Handler&& from)
            : handler{std::move(from)}, work{asio::make_work_guard(asio::get_associated_executor(handler))}
        {}

        template <class... Args>
        void complete(Args... args)
        {
            asio::defer(work.get_executor(), [called = std::move(handler), ... with = std::move(args)]() mutable {
                std::move(called)(std::move(with)...);
            });
            work.reset();
        }

        Handler handler;
        asio::executor_work_guard<asio::associated_executor_t<Handler>> work;
    };

    struct WaitingGuest : ContextGate::Guest
    {
        explicit WaitingGuest(Waiting&& from) : waiting{std::move(from)} {}
        Waiting waiting;
    };

    template <class Abandoned>
    struct GuestFor final : WaitingGuest
    {
        GuestFor(Waiting&& from, Abandoned&& then) : WaitingGuest{std::move(from)}, tell{std::move(then)} {}
        void abandoned() noexcept override { tell(); }
        Abandoned tell;
    };

    std::variant<Waiting, ContextGate::Stay> waiting_;
};

} // namespace passage::net
