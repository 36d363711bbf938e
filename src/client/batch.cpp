#include "client/await_batch.hpp"
#include "net/context_work.hpp"

#include <passage/batch.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace passage {
namespace {

namespace asio = boost::asio;

/// The error of an item whose operation was not started.
Error not_asked(Error error)
{
    error.effect = Effect::none;
    error.attempts = 0;
    error.earlier_attempts.clear();
    return error;
}

/// Runs an operation for the items at the indices `places`, in this order, and returns the results of all items in
/// their own order. `sources` has for each item the index of the item whose result it gets; if it is empty, each gets
/// its own.
template <class T, class Items, class Operation>
class Collection final : public detail::BatchOperation<std::vector<expected<T>>>,
                         public std::enable_shared_from_this<Collection<T, Items, Operation>>
{
public:
    using Results = std::vector<expected<T>>;
    using typename detail::BatchOperation<Results>::Handler;

    Collection(const Client& client, Items items, std::vector<std::size_t> places, std::vector<std::size_t> sources,
               Operation operation, BatchOptions options)
        : work_{client.get_executor()},
          items_{std::move(items)},
          places_{std::move(places)},
          sources_{std::move(sources)},
          operation_{std::move(operation)},
          options_{std::move(options)},
          results_(items_.size()),
          asked_(items_.size())
    {}

    void start(Handler handler, asio::any_io_executor executor) override
    {
        work_.begin(executor);
        auto begin = [this](std::size_t place, const CallOptions& call) { return operation_(items_[place], call); };
        auto deliver = [this](std::size_t index, expected<T>&& result) {
            results_[places_[index]] = std::move(result);
            asked_[places_[index]] = true;
        };
        const asio::cancellation_slot cancellation = handler.cancellation_slot();
        auto end = [self = this->shared_from_this(), called = std::move(handler)](std::exception_ptr error,
                                                                                  const BatchSummary& summary) mutable {
            Results results;
            try {
                if (!error)
                    results = self->take(summary.stopped);
            } catch (const std::bad_alloc&) {
                error = std::current_exception();
            }
            self.reset();
            std::move(called)(std::move(error), std::move(results));
        };
        using Places = std::span<const std::size_t>;
        const auto batch = std::make_shared<detail::BatchRun<Places, decltype(begin), decltype(deliver)>>(
            Places{places_}, std::move(begin), std::move(deliver), std::move(options_));
        batch->start(detail::BatchCore::Handler{asio::bind_cancellation_slot(cancellation, std::move(end))},
                     std::move(executor));
    }

    Results cancelled() override { return take(Error{Errc::cancelled}); }

private:
    /// `stopped` is the error of items whose operation was not started.
    Results take(const std::optional<Error>& stopped)
    {
        for (const std::size_t place : places_)
            if (stopped && !asked_[place])
                results_[place] = unexpected{not_asked(*stopped)};
        for (std::size_t i = 0; i < sources_.size(); ++i)
            if (sources_[i] != i)
                results_[i] = copy(results_[sources_[i]]);
        return std::move(results_);
    }

    /// Copies the parts: tl::expected ends the program if its copy throws.
    static expected<T> copy(const expected<T>& result)
    {
        if (!result)
            return unexpected{Error{result.error()}};
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return T{*result};
    }

    net::ContextWork work_;
    Items items_;
    const std::vector<std::size_t> places_;
    const std::vector<std::size_t> sources_;
    Operation operation_;
    BatchOptions options_;
    Results results_;
    std::vector<bool> asked_;
};

/// Runs the operation for each item.
template <class T, class Items, class Operation>
detail::BatchOf<T> each(const Client& client, Items items, Operation operation, BatchOptions options)
{
    std::vector<std::size_t> places(items.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    return std::make_shared<Collection<T, Items, Operation>>(client, std::move(items), std::move(places),
                                                             std::vector<std::size_t>{}, std::move(operation),
                                                             std::move(options));
}

/// Runs the operation once for each distinct id.
template <class T, class Operation>
detail::BatchOf<T> each_once(const Client& client, std::vector<std::string> ids, Operation operation,
                             BatchOptions options)
{
    std::unordered_map<std::string_view, std::size_t> first;
    std::vector<std::size_t> places;
    std::vector<std::size_t> sources(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto [at, is_new] = first.emplace(ids[i], i);
        if (is_new)
            places.push_back(i);
        sources[i] = at->second;
    }
    return std::make_shared<Collection<T, std::vector<std::string>, Operation>>(
        client, std::move(ids), std::move(places), std::move(sources), std::move(operation), std::move(options));
}

} // namespace

detail::BatchOf<UserInfo> detail::prepare_get_users(Client& client, std::vector<std::string> ids, BatchOptions options)
{
    return each_once<UserInfo>(
        client, std::move(ids),
        [&client](std::string_view id, const CallOptions& call) { return client.get_user(id, call); },
        std::move(options));
}

detail::BatchOf<void> detail::prepare_delete_users(Client& client, std::vector<std::string> ids, BatchOptions options)
{
    return each_once<void>(
        client, std::move(ids),
        [&client](std::string_view id, const CallOptions& call) { return client.delete_user(id, call); },
        std::move(options));
}

detail::BatchOf<UserInfo> detail::prepare_create_users(Client& client, std::vector<CreateUserRequest> requests,
                                                       BatchOptions options)
{
    return each<UserInfo>(
        client, std::move(requests),
        [&client](const CreateUserRequest& request, const CallOptions& call) {
            return client.create_user(request, call);
        },
        std::move(options));
}

detail::BatchOf<UserInfo> detail::prepare_update_users(Client& client,
                                                       std::vector<std::pair<std::string, UpdateUserRequest>> updates,
                                                       BatchOptions options)
{
    return each<UserInfo>(
        client, std::move(updates),
        [&client](const auto& update, const CallOptions& call) {
            return client.update_user(update.first, update.second, call);
        },
        std::move(options));
}

asio::awaitable<std::vector<expected<UserInfo>>> get_users(Client& client, std::vector<std::string> ids,
                                                           BatchOptions options)
{
    return client::await_batch(detail::prepare_get_users(client, std::move(ids), std::move(options)));
}

asio::awaitable<std::vector<expected<void>>> delete_users(Client& client, std::vector<std::string> ids,
                                                          BatchOptions options)
{
    return client::await_batch(detail::prepare_delete_users(client, std::move(ids), std::move(options)));
}

asio::awaitable<std::vector<expected<UserInfo>>> create_users(Client& client, std::vector<CreateUserRequest> requests,
                                                              BatchOptions options)
{
    return client::await_batch(detail::prepare_create_users(client, std::move(requests), std::move(options)));
}

asio::awaitable<std::vector<expected<UserInfo>>>
update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options)
{
    return client::await_batch(detail::prepare_update_users(client, std::move(updates), std::move(options)));
}

} // namespace passage
