#include <passage/batch.hpp>

#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_map>

namespace passage {
namespace {

namespace asio = boost::asio;

/// The error of an item that was not asked for.
Error not_asked(Error error)
{
    error.effect = Effect::none;
    error.attempts = 0;
    error.earlier_attempts.clear();
    return error;
}

/// The results of all items in their order. Those at `places` are asked for, in this order; the results of others are
/// copies of what came at `sources`, which is of each item, or empty if there are no others.
template <class T, class Items, class Operation>
asio::awaitable<std::vector<expected<T>>> collect(Items items, std::vector<std::size_t> places,
                                                  std::vector<std::size_t> sources, Operation operation,
                                                  BatchOptions options)
{
    std::vector<expected<T>> results(items.size());
    std::vector<bool> asked(items.size());
    auto begin = [&](std::size_t place, const CallOptions& call) { return operation(items[place], call); };
    auto deliver = [&](std::size_t index, expected<T>&& result) {
        results[places[index]] = std::move(result);
        asked[places[index]] = true;
    };
    const BatchSummary summary =
        co_await for_each(std::span{places}, std::move(begin), std::move(deliver), std::move(options));
    for (const std::size_t place : places)
        if (summary.stopped && !asked[place])
            results[place] = unexpected{not_asked(*summary.stopped)};
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (sources[i] != i)
            results[i] = results[sources[i]];
    co_return results;
}

/// The results of all items in their order, each asked for.
template <class T, class Items, class Operation>
asio::awaitable<std::vector<expected<T>>> each(Items items, Operation operation, BatchOptions options)
{
    std::vector<std::size_t> places(items.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    return collect<T>(std::move(items), std::move(places), {}, std::move(operation), std::move(options));
}

/// The results of all ids in their order, with equal ones asked for once.
template <class T, class Operation>
asio::awaitable<std::vector<expected<T>>> each_once(std::vector<std::string> ids, Operation operation,
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
    return collect<T>(std::move(ids), std::move(places), std::move(sources), std::move(operation), std::move(options));
}

} // namespace

asio::awaitable<std::vector<expected<UserInfo>>> get_users(Client& client, std::vector<std::string> ids,
                                                           BatchOptions options)
{
    return each_once<UserInfo>(
        std::move(ids), [&client](std::string_view id, const CallOptions& call) { return client.get_user(id, call); },
        std::move(options));
}

asio::awaitable<std::vector<expected<void>>> delete_users(Client& client, std::vector<std::string> ids,
                                                          BatchOptions options)
{
    return each_once<void>(
        std::move(ids),
        [&client](std::string_view id, const CallOptions& call) { return client.delete_user(id, call); },
        std::move(options));
}

asio::awaitable<std::vector<expected<UserInfo>>> create_users(Client& client, std::vector<CreateUserRequest> requests,
                                                              BatchOptions options)
{
    return each<UserInfo>(
        std::move(requests),
        [&client](const CreateUserRequest& request, const CallOptions& call) {
            return client.create_user(request, call);
        },
        std::move(options));
}

asio::awaitable<std::vector<expected<UserInfo>>>
update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options)
{
    return each<UserInfo>(
        std::move(updates),
        [&client](const auto& update, const CallOptions& call) {
            return client.update_user(update.first, update.second, call);
        },
        std::move(options));
}

} // namespace passage
