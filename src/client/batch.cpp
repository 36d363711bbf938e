#include <passage/batch.hpp>

#include <cstddef>
#include <iterator>
#include <string_view>
#include <unordered_map>

namespace passage {
namespace {

namespace asio = boost::asio;

/// 0 to n - 1. The standard's own such range is one that clang 14 can't compile with libstdc++ 12.
class Indices
{
public:
    explicit Indices(std::size_t count) noexcept : count_{count} {}

    struct Iterator
    {
        using value_type = std::size_t;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        std::size_t operator*() const noexcept { return index; }
        Iterator& operator++() noexcept
        {
            ++index;
            return *this;
        }
        void operator++(int) noexcept { ++index; }
        friend bool operator==(const Iterator&, const Iterator&) = default;

        std::size_t index = 0;
    };

    Iterator begin() const noexcept { return {0}; }
    Iterator end() const noexcept { return {count_}; }

private:
    std::size_t count_;
};

/// The error of an item that was not asked for.
Error not_asked(Error error)
{
    error.effect = Effect::none;
    error.attempts = 0;
    return error;
}

/// The results of all items in their order.
template <class T, class Items, class Operation>
asio::awaitable<std::vector<expected<T>>> in_order(Items items, Operation operation, BatchOptions options)
{
    std::vector<expected<T>> results(items.size());
    std::vector<bool> asked(items.size());
    auto begin = [&](std::size_t index, const CallOptions& call) { return operation(items[index], call); };
    auto deliver = [&](std::size_t index, expected<T>&& result) {
        results[index] = std::move(result);
        asked[index] = true;
    };
    const BatchSummary summary =
        co_await for_each(Indices{items.size()}, std::move(begin), std::move(deliver), std::move(options));
    for (std::size_t i = 0; summary.stopped && i < results.size(); ++i)
        if (!asked[i])
            results[i] = unexpected{not_asked(*summary.stopped)};
    co_return results;
}

/// Likewise, with equal ids asked for once.
template <class T, class Operation>
asio::awaitable<std::vector<expected<T>>> each_once(std::vector<std::string> ids, Operation operation,
                                                    BatchOptions options)
{
    std::unordered_map<std::string_view, std::size_t> first;
    std::vector<std::string_view> distinct;
    std::vector<std::size_t> places; // of each id, in `distinct`
    places.reserve(ids.size());
    for (const std::string& id : ids) {
        const auto [at, is_new] = first.emplace(id, distinct.size());
        if (is_new)
            distinct.push_back(id);
        places.push_back(at->second);
    }
    std::vector<expected<T>> results =
        co_await in_order<T>(std::move(distinct), std::move(operation), std::move(options));
    if (results.size() == places.size())
        co_return results;
    std::vector<expected<T>> all;
    all.reserve(places.size());
    for (const std::size_t place : places)
        all.push_back(results[place]);
    co_return all;
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
    return in_order<UserInfo>(
        std::move(requests),
        [&client](const CreateUserRequest& request, const CallOptions& call) {
            return client.create_user(request, call);
        },
        std::move(options));
}

asio::awaitable<std::vector<expected<UserInfo>>>
update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options)
{
    return in_order<UserInfo>(
        std::move(updates),
        [&client](const auto& update, const CallOptions& call) {
            return client.update_user(update.first, update.second, call);
        },
        std::move(options));
}

} // namespace passage
